/**
 * The shapes of the catalogue's models, as their config.json has them: what is needed to run a model of that shape, whose weights
 * mean nothing, and time it before anything is fetched. Sources: the publishers' configurations (protocol/catalogue.ts); a test
 * holds the number of parameters to the catalogue's.
 */

type Config = Readonly<Record<string, unknown>>;

const granite = (config: Config, attentionLayers: readonly number[], layers: number): Config => ({
  model_type: "granitemoehybrid",
  vocab_size: 100_352,
  num_hidden_layers: layers,
  layer_types: Array.from({ length: layers }, (_, i) =>
    attentionLayers.includes(i) ? "attention" : "mamba",
  ),
  ...{ num_attention_heads: 12, num_key_value_heads: 4, attention_bias: false },
  ...{ mamba_n_heads: 48, mamba_d_state: 128, mamba_n_groups: 1, mamba_d_conv: 4 },
  ...{ mamba_conv_bias: true, mamba_proj_bias: false },
  ...{ num_local_experts: 0, num_experts_per_tok: 0, embedding_multiplier: 12 },
  ...{ rms_norm_eps: 1e-5, position_embedding_type: "nope", tie_word_embeddings: true },
  ...config,
});

const qwen2 = (config: Config): Config => ({
  model_type: "qwen2",
  vocab_size: 151_936,
  ...{ num_key_value_heads: 2, rms_norm_eps: 1e-6, rope_theta: 1e6, tie_word_embeddings: true },
  ...config,
});

const qwen35 = (config: Config): Config => ({
  model_type: "qwen3_5",
  tie_word_embeddings: true,
  text_config: {
    model_type: "qwen3_5_text",
    ...{ vocab_size: 248_320, num_hidden_layers: 24, full_attention_interval: 4 },
    ...{ num_attention_heads: 8, num_key_value_heads: 2, head_dim: 256, attention_bias: false },
    ...{ linear_num_key_heads: 16, linear_num_value_heads: 16, linear_key_head_dim: 128 },
    ...{ linear_value_head_dim: 128, linear_conv_kernel_dim: 4 },
    ...{ rms_norm_eps: 1e-6, tie_word_embeddings: true },
    rope_parameters: { rope_type: "default", rope_theta: 1e7, partial_rotary_factor: 0.25 },
    ...config,
  },
});

/** By the catalogue's names. */
export const SHAPES: Readonly<Record<string, Config>> = {
  "falcon-h1-tiny-coder-90m": {
    model_type: "falcon_h1",
    ...{ vocab_size: 32_768, hidden_size: 512, num_hidden_layers: 24, intermediate_size: 768 },
    ...{ num_attention_heads: 8, num_key_value_heads: 2, head_dim: 64, attention_bias: false },
    ...{ mamba_d_ssm: 768, mamba_n_heads: 24, mamba_d_head: 32, mamba_d_state: 64, mamba_n_groups: 1 },
    ...{ mamba_d_conv: 4, mamba_conv_bias: true, mamba_proj_bias: false, projectors_bias: false },
    ...{ mamba_rms_norm: false, mamba_norm_before_gate: false, mlp_bias: false, rope_theta: 1e11 },
    ...{ rms_norm_eps: 1e-5, tie_word_embeddings: true },
  },
  "granite-4.0-h-350m": granite(
    {
      ...{ hidden_size: 768, mamba_d_head: 32, shared_intermediate_size: 2048 },
      ...{ attention_multiplier: 0.015625, residual_multiplier: 0.246, logits_scaling: 3 },
    },
    [10, 13, 17, 27],
    32,
  ),
  "granite-4.0-h-1b": granite(
    {
      ...{ hidden_size: 1536, mamba_d_head: 64, shared_intermediate_size: 4096 },
      ...{ attention_multiplier: 0.0078125, residual_multiplier: 0.22, logits_scaling: 6 },
    },
    [5, 15, 25, 35],
    40,
  ),
  "qwen2.5-coder-0.5b": qwen2({
    ...{ hidden_size: 896, num_hidden_layers: 24, num_attention_heads: 14, intermediate_size: 4864 },
  }),
  "qwen2.5-coder-1.5b": qwen2({
    ...{ hidden_size: 1536, num_hidden_layers: 28, num_attention_heads: 12, intermediate_size: 8960 },
  }),
  "qwen3.5-0.8b": qwen35({ hidden_size: 1024, intermediate_size: 3584 }),
  "qwen3.5-2b": qwen35({ hidden_size: 2048, intermediate_size: 6144 }),
};
