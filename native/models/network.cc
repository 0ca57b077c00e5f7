#include "models/network.h"

#include "formats/fields.h"
#include "formats/json.h"
#include "models/stateline.h"

namespace stateline::models {

std::unique_ptr<const Network> make_network(std::span<const std::byte> config,
                                            const std::string& file) {
  const formats::Json json = formats::parse_configuration(config, file);
  const formats::Fields read(json, file);
  if (read.field("model_type") == "stateline") return make_stateline(read);
  read.fail("model_type", "must be \"stateline\"");
}

}  // namespace stateline::models
