"""Time-invariant state-space models and attention on long sequences of bytes: layer, tasks, training, figures."""
