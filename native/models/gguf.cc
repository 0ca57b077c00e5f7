#include "models/gguf.h"

#include <cmath>
#include <string_view>
#include <utility>

#include "formats/error.h"
#include "models/transformers_config.h"

namespace stateline::models {
namespace {

using formats::Json;
using formats::Metadata;
using formats::Tensor;

struct Names {
  std::string_view theirs, ours;  // of transformers, of GGUF; of a layer's tensor what follows it
};

constexpr Names kAttention[] = {{"self_attn.q_proj.", "attn_q."},
                                {"self_attn.k_proj.", "attn_k."},
                                {"self_attn.v_proj.", "attn_v."},
                                {"self_attn.o_proj.", "attn_output."},
                                {"self_attn.q_norm.", "attn_q_norm."},
                                {"self_attn.k_norm.", "attn_k_norm."}};
constexpr Names kMixer[] = {{"in_proj.", "ssm_in."},   {"conv1d.", "ssm_conv1d."},
                            {"norm.", "ssm_norm."},    {"out_proj.", "ssm_out."},
                            {"dt_bias", "ssm_dt.bias"}, {"A_log", "ssm_a"},
                            {"D", "ssm_d"}};
constexpr Names kDelta[] = {{"linear_attn.in_proj_qkv.", "attn_qkv."},
                            {"linear_attn.in_proj_z.", "attn_gate."},
                            {"linear_attn.in_proj_a.", "ssm_alpha."},
                            {"linear_attn.in_proj_b.", "ssm_beta."},
                            {"linear_attn.conv1d.", "ssm_conv1d."},
                            {"linear_attn.dt_bias", "ssm_dt.bias"},
                            {"linear_attn.A_log", "ssm_a"},
                            {"linear_attn.norm.", "ssm_norm."},
                            {"linear_attn.out_proj.", "ssm_out."}};
constexpr Names kFeedForward[] = {{"gate_proj.", "ffn_gate."},
                                  {"up_proj.", "ffn_up."},
                                  {"down_proj.", "ffn_down."}};
constexpr Names kOuter[] = {{"backbone.embeddings.", "token_embd."},
                            {"model.embed_tokens.", "token_embd."},
                            {"lm_head.", "output."},
                            {"backbone.norm_f.", "output_norm."},
                            {"model.norm.", "output_norm."},
                            {"model.final_layernorm.", "output_norm."}};

bool begins(std::string_view text, std::string_view with) { return text.substr(0, with.size()) == with; }

// `name` with the beginning that the table knows replaced; empty if it knows none.
template <std::size_t N>
std::string renamed(std::string_view name, const Names (&table)[N]) {
  for (const auto& [theirs, ours] : table)
    if (begins(name, theirs))
      return std::string(ours) + std::string(name.substr(theirs.size()));
  return {};
}

std::string arch(const Metadata& metadata) {
  return std::string(metadata.text("general.architecture", 64));
}

// Reads "<architecture>.<key>".
class Keys {
 public:
  explicit Keys(const Metadata& metadata) : metadata_(metadata), prefix_(arch(metadata) + ".") {}

  bool has(const std::string& key) const { return metadata_.contains(prefix_ + key); }
  std::size_t natural(const std::string& key) const {
    return metadata_.natural(prefix_ + key, 0, std::size_t{1} << 30);
  }
  std::size_t natural_or(const std::string& key, std::size_t otherwise) const {
    return has(key) ? natural(key) : otherwise;
  }
  double real(const std::string& key) const { return metadata_.real(prefix_ + key, -1e30, 1e30); }
  double real_or(const std::string& key, double otherwise) const {
    return has(key) ? real(key) : otherwise;
  }
  std::vector<std::size_t> naturals(const std::string& key, std::size_t count) const {
    return metadata_.naturals(prefix_ + key, count, 0, std::size_t{1} << 30);
  }
  std::size_t layers() const { return metadata_.natural(prefix_ + "block_count", 1, kMostLayers); }

 private:
  const Metadata& metadata_;
  std::string prefix_;
};

void add_attention(Json& config, const Keys& keys) {
  const std::size_t heads = keys.natural("attention.head_count");
  std::size_t kv_heads = heads;
  if (keys.has("attention.head_count_kv")) {
    for (const std::size_t count : keys.naturals("attention.head_count_kv", keys.layers()))
      if (count > 0) kv_heads = count;
  }
  config["num_attention_heads"] = heads;
  config["num_key_value_heads"] = kv_heads;
  if (keys.has("attention.key_length")) config["head_dim"] = keys.natural("attention.key_length");
  config["rope_theta"] = keys.real_or("rope.freq_base", 10000);
}

void add_mixer(Json& config, const Keys& keys) {
  const std::size_t inner = keys.natural("ssm.inner_size"), heads = keys.natural("ssm.time_step_rank");
  config["mamba_d_ssm"] = inner;
  config["mamba_n_heads"] = heads;
  config["mamba_d_head"] = heads == 0 ? 0 : inner / heads;
  config["mamba_d_state"] = keys.natural("ssm.state_size");
  config["mamba_n_groups"] = keys.natural_or("ssm.group_count", 1);
  config["mamba_d_conv"] = keys.natural("ssm.conv_kernel");
}

void add_mamba2(Json& config, const Keys& keys) {
  const std::size_t inner = keys.natural("ssm.inner_size"), heads = keys.natural("ssm.time_step_rank");
  config["num_heads"] = heads;
  config["head_dim"] = heads == 0 ? 0 : inner / heads;
  config["state_size"] = keys.natural("ssm.state_size");
  config["n_groups"] = keys.natural_or("ssm.group_count", 1);
  config["conv_kernel"] = keys.natural("ssm.conv_kernel");
  config["layer_norm_epsilon"] = config["rms_norm_eps"];
  config["model_type"] = "mamba2";
}

void add_granite(Json& config, const Keys& keys) {
  add_attention(config, keys);
  add_mixer(config, keys);
  const std::size_t d = keys.natural("embedding_length");
  config["mamba_expand"] = d == 0 ? 0 : config["mamba_d_ssm"].get<std::size_t>() / d;
  config["attention_multiplier"] = keys.real_or("attention.scale", 1);
  config["embedding_multiplier"] = keys.real_or("embedding_scale", 1);
  config["residual_multiplier"] = keys.real_or("residual_scale", 1);
  config["logits_scaling"] = keys.real_or("logit_scale", 1);
  const bool rotates = keys.has("rope.scaling.finetuned") && keys.natural("rope.scaling.finetuned") != 0;
  config["position_embedding_type"] = rotates ? "rope" : "nope";
  Json types = Json::array();
  for (const std::size_t count : keys.naturals("attention.head_count_kv", keys.layers()))
    types.push_back(count > 0 ? "attention" : "mamba");
  config["layer_types"] = types;
  const std::size_t experts = keys.natural_or("expert_count", 0);
  config["num_local_experts"] = experts;
  config["shared_intermediate_size"] = experts > 0
                                           ? keys.natural("expert_shared_feed_forward_length")
                                           : keys.natural("feed_forward_length");
  if (experts > 0) config["num_experts_per_tok"] = keys.natural("expert_used_count");
  config["model_type"] = "granitemoehybrid";
}

void add_falcon(Json& config, const Keys& keys) {
  add_attention(config, keys);
  add_mixer(config, keys);
  config["model_type"] = "falcon_h1";
}

void add_qwen2(Json& config, const Keys& keys) {
  add_attention(config, keys);
  config["model_type"] = "qwen2";
}

void add_qwen35(Json& config, const Keys& keys) {
  add_attention(config, keys);
  const std::size_t inner = keys.natural("ssm.inner_size"), heads = keys.natural("ssm.time_step_rank");
  config["linear_num_value_heads"] = heads;
  config["linear_value_head_dim"] = heads == 0 ? 0 : inner / heads;
  config["linear_num_key_heads"] = keys.natural("ssm.group_count");
  config["linear_key_head_dim"] = keys.natural("ssm.state_size");
  config["linear_conv_kernel_dim"] = keys.natural("ssm.conv_kernel");
  config["full_attention_interval"] = keys.natural_or("full_attention_interval", 4);
  const std::size_t head_dim = keys.natural("attention.key_length");
  config["partial_rotary_factor"] =
      static_cast<double>(keys.natural_or("rope.dimension_count", head_dim)) /
      static_cast<double>(head_dim == 0 ? 1 : head_dim);
  config["model_type"] = "qwen3_5_text";
}

}  // namespace

struct GgufFile::Architecture {
  std::string_view name;
  void (*add)(Json& config, const Keys& keys);
  std::string_view mixer;  // how transformers' names of a mixer's tensors begin
  Names norms[2];          // of a block
  std::string_view feed_forward;
};

namespace {

constexpr auto architectures() {
  return std::array{
      GgufFile::Architecture{"mamba2", add_mamba2, "mixer.", {{"norm.", "attn_norm."}, {}}, {}}};
}

}  // namespace

}  // namespace stateline::models
