#include "models/gguf.h"

#include <cmath>
#include <optional>
#include <string_view>
#include <utility>

#include "formats/error.h"
#include "formats/json.h"
#include "kernels/causal_conv.h"
#include "models/transformers_config.h"

namespace stateline::models {
namespace {

using formats::Json;
using formats::Metadata;
using formats::Tensor;

struct Names {
  std::string_view theirs, ours;  // of transformers, of GGUF; of a layer's tensor what follows it
};

constexpr Names kAttention[] = {
    {"self_attn.q_proj.", "attn_q."},      {"self_attn.k_proj.", "attn_k."},
    {"self_attn.v_proj.", "attn_v."},      {"self_attn.o_proj.", "attn_output."},
    {"self_attn.q_norm.", "attn_q_norm."}, {"self_attn.k_norm.", "attn_k_norm."}};
constexpr Names kMixer[] = {{"in_proj.", "ssm_in."},
                            {"conv1d.", "ssm_conv1d."},
                            {"norm.", "ssm_norm."},
                            {"out_proj.", "ssm_out."},
                            {"dt_bias", "ssm_dt.bias"},
                            {"A_log", "ssm_a"},
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
constexpr Names kFeedForward[] = {
    {"gate_proj.", "ffn_gate."}, {"up_proj.", "ffn_up."}, {"down_proj.", "ffn_down."}};
constexpr Names kOuter[] = {{"backbone.embeddings.", "token_embd."},
                            {"model.embed_tokens.", "token_embd."},
                            {"lm_head.", "output."},
                            {"backbone.norm_f.", "output_norm."},
                            {"model.norm.", "output_norm."},
                            {"model.final_layernorm.", "output_norm."}};

bool begins(std::string_view text, std::string_view with) {
  return text.substr(0, with.size()) == with;
}

// `name` with the beginning that the table knows replaced; empty if it knows none.
template <std::size_t N>
std::string renamed(std::string_view name, const Names (&table)[N]) {
  for (const auto& [theirs, ours] : table)
    if (begins(name, theirs)) return std::string(ours) + std::string(name.substr(theirs.size()));
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
  const std::size_t inner = keys.natural("ssm.inner_size"),
                    heads = keys.natural("ssm.time_step_rank");
  config["mamba_d_ssm"] = inner;
  config["mamba_n_heads"] = heads;
  config["mamba_d_head"] = heads == 0 ? 0 : inner / heads;
  config["mamba_d_state"] = keys.natural("ssm.state_size");
  config["mamba_n_groups"] = keys.natural_or("ssm.group_count", 1);
  config["mamba_d_conv"] = keys.natural("ssm.conv_kernel");
}

void add_mamba2(Json& config, const Keys& keys) {
  const std::size_t inner = keys.natural("ssm.inner_size"),
                    heads = keys.natural("ssm.time_step_rank");
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
  const bool rotates =
      keys.has("rope.scaling.finetuned") && keys.natural("rope.scaling.finetuned") != 0;
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
  const std::size_t inner = keys.natural("ssm.inner_size"),
                    heads = keys.natural("ssm.time_step_rank");
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

// How transformers names what stands in a layer, where families differ.
struct GgufFile::Architecture {
  std::string_view name;
  void (*add)(Json& config, const Keys& keys);
  std::string_view mixer;         // before a mixer's tensors
  Names norms[2];                 // the block's
  std::string_view feed_forward;  // before gate_proj and so on
  bool plus_one = false;          // norms are stored with the 1 that families add
};

// "<what is before>layers.<number>.<rest>"
struct GgufFile::LayerName {
  std::string number;
  std::string_view rest;
};

namespace {

using Architecture = GgufFile::Architecture;
using LayerName = GgufFile::LayerName;

constexpr Architecture kArchitectures[] = {
    {"mamba2", add_mamba2, "mixer.", {{"norm.", "attn_norm."}, {"norm.", "attn_norm."}}, "-"},
    {"granitehybrid",
     add_granite,
     "mamba.",
     {{"input_layernorm.", "attn_norm."}, {"post_attention_layernorm.", "ffn_norm."}},
     "-"},
    {"falcon-h1",
     add_falcon,
     "mamba.",
     {{"input_layernorm.", "attn_norm."}, {"pre_ff_layernorm.", "ffn_norm."}},
     "feed_forward."},
    {"qwen2",
     add_qwen2,
     "-",
     {{"input_layernorm.", "attn_norm."}, {"post_attention_layernorm.", "ffn_norm."}},
     "mlp."},
    {"qwen35",
     add_qwen35,
     "-",
     {{"input_layernorm.", "attn_norm."}, {"post_attention_layernorm.", "post_attention_norm."}},
     "mlp.",
     true}};

const Architecture& find_architecture(const Metadata& metadata) {
  const std::string name = arch(metadata);
  for (const Architecture& known : kArchitectures)
    if (known.name == name) return known;
  std::string all;
  for (const Architecture& known : kArchitectures)
    all += (all.empty() ? "" : ", ") + std::string(known.name);
  metadata.fail("general.architecture",
                "is " + formats::quoted(name) + ", but must be one of " + all);
}

std::optional<LayerName> layer_name(std::string_view name) {
  constexpr std::string_view kLayers = "layers.";
  const std::size_t at = name.find(kLayers);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view after = name.substr(at + kLayers.size());
  const std::size_t dot = after.find('.');
  return LayerName{std::string(after.substr(0, dot)), after.substr(dot + 1)};
}

bool ends(std::string_view text, std::string_view with) {
  return text.size() >= with.size() && text.substr(text.size() - with.size()) == with;
}

std::string in_layer(const Architecture& architecture, std::string_view rest) {
  std::string ours = renamed(rest, architecture.norms);
  if (ours.empty()) ours = renamed(rest, kAttention);
  if (ours.empty()) ours = renamed(rest, kDelta);
  if (ours.empty() && begins(rest, architecture.mixer))
    ours = renamed(rest.substr(architecture.mixer.size()), kMixer);
  if (ours.empty() && begins(rest, architecture.feed_forward))
    ours = renamed(rest.substr(architecture.feed_forward.size()), kFeedForward);
  return ours;
}

// llama.cpp's converter drops ".weight" from some names of some versions.
std::string without_weight(const std::string& name) {
  return ends(name, ".weight") ? name.substr(0, name.size() - 7) : name;
}

}  // namespace

GgufFile::GgufFile(const Metadata& metadata, const formats::TensorTable& tensors)
    : tensors_(tensors) {
  const Architecture& architecture = find_architecture(metadata);
  architecture_ = &architecture;
  const Keys keys(metadata);
  config_ = {{"hidden_size", keys.natural("embedding_length")},
             {"num_hidden_layers", keys.layers()},
             {"rms_norm_eps", keys.real_or("attention.layer_norm_rms_epsilon", 1e-5)},
             {"tie_word_embeddings", tensors.find("output.weight") == nullptr}};
  const Tensor* embedding = tensors.find("token_embd.weight");
  config_["vocab_size"] = embedding && embedding->shape.size() == 2 ? embedding->shape[0] : 0;
  if (keys.has("feed_forward_length"))
    config_["intermediate_size"] = keys.natural("feed_forward_length");
  architecture.add(config_, keys);
  // Whether there are such tensors, no key tells.
  const auto has = [&](std::string_view ours) {
    for (const auto& [name, tensor] : tensors.tensors())
      if (begins(name, "blk.") && ends(name, ours)) return true;
    return false;
  };
  config_["use_conv_bias"] = config_["mamba_conv_bias"] = has(".ssm_conv1d.bias");
  config_["use_bias"] = config_["mamba_proj_bias"] = has(".ssm_in.bias");
  config_["projectors_bias"] = has(".ssm_out.bias");
  config_["mamba_rms_norm"] = has(".ssm_norm.weight");
  config_["attention_bias"] = has(".attn_q.bias") && config_["model_type"] != "qwen2";
  config_["mlp_bias"] = has(".ffn_down.bias");
  if (config_["model_type"] == "qwen3_5_text") {
    key_heads_ = config_["linear_num_key_heads"];
    value_heads_ = config_["linear_num_value_heads"];
    value_dim_ = config_["linear_value_head_dim"];
    keys_ = 2 * key_heads_ * config_["linear_key_head_dim"].get<std::size_t>();
  }
  if (config_.value("position_embedding_type", "") == "rope") {
    rotated_heads_ = config_["num_attention_heads"];
    rotated_kv_heads_ = config_["num_key_value_heads"];
  }
}

std::string GgufFile::stored_name(const std::string& name) const {
  const std::optional<LayerName> layer = layer_name(name);
  const std::string ours = layer ? in_layer(*architecture_, layer->rest) : renamed(name, kOuter);
  if (ours.empty()) fail(name, "has no name in GGUF");
  const std::string stored = layer ? "blk." + layer->number + "." + ours : ours;
  const bool short_name = tensors_.find(stored) == nullptr && ends(stored, ".weight");
  return short_name && tensors_.find(without_weight(stored)) ? without_weight(stored) : stored;
}

void GgufFile::fail(const std::string& name, const std::string& what) const {
  throw Error(ErrorCode::kInvalidModel, tensors_.name() + ": tensor " + formats::quoted(name) +
                                            " " + what + "; download the model again.");
}

// As [rows, cols], whatever the file says of the rows.
const Tensor& GgufFile::require(const std::string& stored, std::size_t rows,
                                std::size_t cols) const {
  const Tensor* tensor = tensors_.find(stored);
  if (tensor == nullptr) fail(stored, "is missing");
  if (tensor->shape.back() != cols || tensor->elements() != rows * cols)
    fail(stored, "has another shape than the model's sizes say");
  return *tensor;
}

// Value heads follow their key head in transformers; ggml repeats the keys as a whole. Of `width`
// rows a head: the stored row of each.
std::size_t GgufFile::tiled(std::size_t row, std::size_t width) const {
  const std::size_t head = row / width, ratio = value_heads_ / key_heads_;
  return (head % ratio * key_heads_ + head / ratio) * width + row % width;
}

// Queries and keys of a rotation by halves, stored for one of neighbours.
std::size_t paired(std::size_t row, std::size_t head_dim) {
  const std::size_t head = row / head_dim, at = row % head_dim, half = head_dim / 2;
  return head * head_dim + at % half * 2 + at / half;
}

StoredMatrix GgufFile::matrix(const std::string& name, std::size_t rows, std::size_t cols) const {
  const std::optional<LayerName> layer = layer_name(name);
  if (layer && begins(layer->rest, "shared_mlp.")) return shared_feed_forward(*layer, rows, cols);
  if (layer && begins(layer->rest, "block_sparse_moe.")) return experts(*layer, rows, cols);
  const Tensor& tensor = require(stored_name(name), rows, cols);
  StoredMatrix matrix{[&tensor](std::size_t row) { return StoredRow{&tensor, row}; }, {}};
  if (!layer) return matrix;
  const std::string_view rest = layer->rest;
  const auto by = [&](std::size_t first, auto place) {
    matrix.row = [&tensor, first, place](std::size_t row) {
      return StoredRow{&tensor, row < first ? row : first + place(row - first)};
    };
  };
  const auto tile = [this](std::size_t width) {
    return [this, width](std::size_t row) { return tiled(row, width); };
  };
  if (rest == "linear_attn.in_proj_qkv.weight") by(keys_, tile(value_dim_));
  if (rest == "linear_attn.in_proj_z.weight") by(0, tile(value_dim_));
  if (rest == "linear_attn.in_proj_a.weight" || rest == "linear_attn.in_proj_b.weight")
    by(0, tile(1));
  if (rest == "linear_attn.out_proj.weight") {
    for (std::size_t col = 0; col < cols; ++col) matrix.columns.push_back(tiled(col, value_dim_));
  }
  const bool q = rest == "self_attn.q_proj.weight", k = rest == "self_attn.k_proj.weight";
  const std::size_t heads = q ? rotated_heads_ : k ? rotated_kv_heads_ : 0;
  if (heads > 0) {
    const std::size_t head_dim = rows / heads;
    by(0, [head_dim](std::size_t row) { return paired(row, head_dim); });
  }
  return matrix;
}

// Gate and up are one tensor in transformers.
StoredMatrix GgufFile::shared_feed_forward(const LayerName& layer, std::size_t rows,
                                           std::size_t cols) const {
  const bool beside_experts = config_.value("num_local_experts", 0) > 0;
  const auto stored = [&](const std::string& ours) {
    return "blk." + layer.number + "." + ours + (beside_experts ? "_shexp" : "") + ".weight";
  };
  if (layer.rest == "shared_mlp.output_linear.weight") {
    const Tensor& down = require(stored("ffn_down"), rows, cols);
    return {[&down](std::size_t row) { return StoredRow{&down, row}; }};
  }
  const std::size_t F = rows / 2;
  const Tensor &gate = require(stored("ffn_gate"), F, cols),
               &up = require(stored("ffn_up"), F, cols);
  return {[&gate, &up, F](std::size_t row) {
    return row < F ? StoredRow{&gate, row} : StoredRow{&up, row - F};
  }};
}

StoredMatrix GgufFile::experts(const LayerName& layer, std::size_t rows, std::size_t cols) const {
  const std::string prefix = "blk." + layer.number + ".";
  const bool router = ends(layer.rest, "router.layer.weight");
  if (router || ends(layer.rest, "output_linear.weight")) {
    const Tensor& whole =
        require(prefix + (router ? "ffn_gate_inp.weight" : "ffn_down_exps.weight"), rows, cols);
    return {[&whole](std::size_t row) { return StoredRow{&whole, row}; }};
  }
  const Tensor &gate = require(prefix + "ffn_gate_exps.weight", rows / 2, cols),
               &up = require(prefix + "ffn_up_exps.weight", rows / 2, cols);
  const std::size_t F = rows / 2 / config_["num_local_experts"].get<std::size_t>();
  return {[&gate, &up, F](std::size_t row) {
    const std::size_t expert = row / (2 * F), at = row % (2 * F);
    return StoredRow{at < F ? &gate : &up, expert * F + at % F};
  }};
}

std::vector<float> GgufFile::vector(const std::string& name, std::size_t size) const {
  const std::string stored = stored_name(name);
  const Tensor* tensor = tensors_.find(stored);
  if (tensor == nullptr) fail(stored, "is missing");
  if (tensor->elements() != size) fail(stored, "has another shape than the model's sizes say");
  std::vector<float> values = tensors_.require_f32(stored, tensor->shape);
  const std::optional<LayerName> layer = layer_name(name);
  const std::string_view rest = layer ? layer->rest : std::string_view(name);
  const bool of_heads = ends(rest, "A_log") || ends(rest, "dt_bias");
  if (ends(rest, "A_log"))
    for (float& value : values) value = std::log(-value);
  if (begins(rest, "linear_attn.") && of_heads) untile(values, 0, 1);
  if (rest == "linear_attn.conv1d.weight")
    untile(values, keys_ * kernels::kConvWidth, value_dim_ * kernels::kConvWidth);
  const bool q = rest == "self_attn.q_proj.bias", k = rest == "self_attn.k_proj.bias";
  if (const std::size_t heads = q ? rotated_heads_ : k ? rotated_kv_heads_ : 0) {
    const std::vector<float> pairs = values;
    for (std::size_t i = 0; i < size; ++i) values[i] = pairs[paired(i, size / heads)];
  }
  const bool norm = ends(rest, "norm.weight") && rest != "linear_attn.norm.weight";
  if (architecture_->plus_one && norm)
    for (float& value : values) value -= 1;
  return values;
}

// From number `first` on, heads of `width` values.
void GgufFile::untile(std::vector<float>& values, std::size_t first, std::size_t width) const {
  const std::vector<float> tiles = values;
  for (std::size_t i = first; i < values.size(); ++i)
    values[i] = tiles[first + tiled(i - first, width)];
}

}  // namespace stateline::models
