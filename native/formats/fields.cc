#include "formats/fields.h"

#include <cstdint>
#include <string_view>

#include "formats/refusal.h"

namespace stateline::formats {
namespace {

constexpr int kMaxDepth = 8;
constexpr std::size_t kMaxFileBytes = 1u << 20;

// JSON has no infinity; Python writes one all the same.
std::string with_quoted_infinities(std::string_view text) {
  constexpr std::string_view kInfinity = "Infinity";
  std::string out;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') quoted = !quoted;
    if (quoted && text[i] == '\\' && i + 1 < text.size()) {
      out += text[i++];  // and what it escapes
      out += text[i];
    } else if (!quoted && text.substr(i, kInfinity.size()) == kInfinity) {
      out += "\"Infinity\"";
      i += kInfinity.size() - 1;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace

void Fields::fail(const std::string& field, const std::string& what) const {
  refuse(file_, "\"" + field + "\" " + what, remedy_);
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

bool Fields::flag(const std::string& name) const {
  const Json& value = field(name);
  if (!value.is_boolean()) fail(name, "must be true or false");
  return value.get<bool>();
}

bool Fields::has(const std::string& name) const {
  const auto it = json_.find(name);
  return it != json_.end() && !it->is_null();
}

Fields Fields::inside(const std::string& name) const {
  const Json& value = field(name);
  if (!value.is_object()) fail(name, "must be an object");
  return {value, file_, remedy_};
}

void Fields::expect(const std::string& name, const Json& value) const {
  if (has(name) && field(name) != value) fail(name, "must be " + value.dump());
}

Json parse_configuration(std::span<const std::byte> text, const std::string& file) {
  if (text.size() > kMaxFileBytes) refuse(file, "is longer than 1 MB", Fields::kExported);
  const std::string plain =
      with_quoted_infinities({reinterpret_cast<const char*>(text.data()), text.size()});
  return parse_object(std::as_bytes(std::span(plain)), kMaxDepth, file, "the configuration");
}

}  // namespace stateline::formats
