#include "models/network.h"

#include "formats/fields.h"
#include "formats/json.h"
#include "models/families.h"

namespace stateline::models {
namespace {

struct Family {
  const char* name;  // model_type
  std::unique_ptr<const Network> (*make)(const formats::Fields&);
};

constexpr Family kFamilies[] = {{"stateline", make_stateline},
                                {"mamba2", make_mamba2},
                                {"granitemoehybrid", make_granite_hybrid},
                                {"falcon_h1", make_falcon_h1},
                                {"qwen2", make_qwen2},
                                {"qwen3_next", make_qwen3_next},
                                {"qwen3_5", make_qwen3_5},
                                {"qwen3_5_text", make_qwen3_5}};

}  // namespace

std::unique_ptr<const Network> make_network(const formats::Json& config, const std::string& file) {
  const formats::Fields read(config, file);
  if (!read.has("model_type") && read.has("ssm_cfg")) return make_mamba_ssm(read);
  std::string known;
  for (const Family& family : kFamilies) {
    if (read.field("model_type") == family.name) return family.make(read);
    known += (known.empty() ? "\"" : ", \"") + std::string(family.name) + "\"";
  }
  read.fail("model_type", "must be one of " + known);
}

}  // namespace stateline::models
