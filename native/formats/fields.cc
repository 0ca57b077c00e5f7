#include "formats/fields.h"

#include <cstdint>

#include "formats/refusal.h"

namespace stateline::formats {
namespace {

constexpr int kMaxDepth = 8;
constexpr std::size_t kMaxFileBytes = 1u << 20;
constexpr auto kRemedy = "use a config.json exported together with the model";

}  // namespace

void Fields::fail(const std::string& field, const std::string& what) const {
  refuse(file_, "\"" + field + "\" " + what, kRemedy);
}

const Json& Fields::field(const std::string& name) const {
  const auto it = json_.find(name);
  if (it == json_.end()) fail(name, "is missing");
  return *it;
}

std::size_t Fields::natural(const std::string& name, std::size_t min, std::size_t max) const {
  const Json& value = field(name);
  const bool fits = value.is_number_unsigned() && value.get<std::uint64_t>() >= min &&
                    value.get<std::uint64_t>() <= max;
  if (!fits) {
    fail(name, "must be an integer from " + std::to_string(min) + " to " + std::to_string(max));
  }
  return value.get<std::size_t>();
}

double Fields::real(const std::string& name, double min, double max) const {
  const Json& value = field(name);
  const bool fits = value.is_number() && value.get<double>() >= min && value.get<double>() <= max;
  if (!fits)
    fail(name, "must be a number from " + std::to_string(min) + " to " + std::to_string(max));
  return value.get<double>();
}

std::string Fields::text(const std::string& name, std::size_t most_bytes) const {
  const Json& value = field(name);
  const bool fits = value.is_string() && value.get_ref<const std::string&>().size() <= most_bytes;
  if (!fits) fail(name, "must be a text of at most " + std::to_string(most_bytes) + " bytes");
  return value.get<std::string>();
}

Json parse_configuration(std::span<const std::byte> text, const std::string& file) {
  if (text.size() > kMaxFileBytes) refuse(file, "is longer than 1 MB", kRemedy);
  return parse_object(text, kMaxDepth, file, "the configuration");
}

}  // namespace stateline::formats
