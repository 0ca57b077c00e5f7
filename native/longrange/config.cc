#include "longrange/config.h"

#include <cmath>

#include "formats/fields.h"
#include "kernels/kernels.h"

namespace stateline::longrange {
namespace {

using formats::Fields;
using formats::Json;

constexpr std::size_t kMaxNameBytes = 256;

std::vector<std::string> class_names(const Fields& read, std::size_t classes) {
  const Json& names = read.field("class_names");
  if (!names.is_array() || names.size() != classes)
    read.fail("class_names", "must have a name for each class");
  std::vector<std::string> out;
  for (const Json& name : names) {
    if (!name.is_string() || name.get_ref<const std::string&>().size() > kMaxNameBytes)
      read.fail("class_names", "must hold short texts");
    out.push_back(name.get<std::string>());
  }
  return out;
}

Family family_of(const Fields& read) {
  const std::string name = read.text("family", kMaxNameBytes);
  if (name != "low_rank" && name != "diagonal")
    read.fail("family", "must be \"low_rank\" or \"diagonal\"");
  return name == "low_rank" ? Family::kLowRank : Family::kDiagonal;
}

std::size_t ssm_channels(const Fields& read, std::size_t hidden_size) {
  const double channels = read.real("ssm_ratio", 0, 1) * static_cast<double>(hidden_size);
  if (std::abs(channels - std::round(channels)) > 1e-6)
    read.fail("ssm_ratio", "must give a whole number of channels");
  return static_cast<std::size_t>(std::round(channels));
}

void check_heads(const Fields& read, const Config& config) {
  const std::size_t q = config.attention_channels(), width = config.head_width();
  if (q == 0) return;
  if (width * config.heads != q || width == 0 || width % 2 != 0 || width > kernels::kMaxKeyDim) {
    read.fail("num_heads", "must cut the " + std::to_string(q) +
                               " attending channels into heads of an even width up to " +
                               std::to_string(kernels::kMaxKeyDim));
  }
}

}  // namespace

Config parse_config(std::span<const std::byte> text, const std::string& file) {
  const Json json = formats::parse_configuration(text, file);
  const Fields read(json, file);
  if (read.field("model_type") != "stateline-longrange")
    read.fail("model_type", "must be \"stateline-longrange\"");
  read.natural("vocab_size", 256, 256);
  Config config;
  config.hidden_size = read.natural("hidden_size", 1, 512);
  config.layers = read.natural("num_hidden_layers", 1, 16);
  config.class_names = class_names(read, read.natural("num_classes", 1, 1024));
  config.ssm_channels = ssm_channels(read, config.hidden_size);
  config.family = family_of(read);
  config.state_size = read.natural("state_size", 1, kernels::kTiMaxStates);
  if (config.family == Family::kDiagonal && config.state_size % 2 != 0)
    read.fail("state_size", "must be even, since its states come in conjugate pairs");
  config.rank = read.natural("rank", 1, kernels::kTiMaxRank);
  config.heads = read.natural("num_heads", 1, 64);
  check_heads(read, config);
  config.bidirectional = read.flag("bidirectional");
  config.rms_norm_eps = static_cast<float>(read.real("rms_norm_eps", 1e-12, 1));
  config.task = read.text("task", kMaxNameBytes);
  config.max_length = read.natural("max_length", 0, std::size_t{1} << 30);
  return config;
}

}  // namespace stateline::longrange
