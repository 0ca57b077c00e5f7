"""The rivals: about as many parameters each, and the learning rates that suited them."""

from __future__ import annotations

FAMILIES = {
    "ssm": {"ssm_ratio": 1.0, "family": "diagonal"},
    "low_rank": {"ssm_ratio": 1.0, "family": "low_rank", "hidden_size": 112, "state_size": 64},
    "hybrid-75": {"ssm_ratio": 0.75, "family": "diagonal"},
    "hybrid-50": {"ssm_ratio": 0.5, "family": "diagonal"},
    "hybrid-25": {"ssm_ratio": 0.25, "family": "diagonal"},
    "attention": {"ssm_ratio": 0.0, "hidden_size": 104},
}
RATES = {name: 1e-3 if name == "attention" else 2e-3 for name in FAMILIES}
