#include "formats/json.h"

#include "formats/refusal.h"

namespace stateline::formats {

Json parse_object(std::span<const std::byte> text, int max_depth, const std::string& file,
                  const std::string& part) {
  const auto fail = [&](const std::string& what) { refuse(file, part + " " + what); };
  const auto bound_depth = [&](int depth, Json::parse_event_t event, Json&) {
    const bool opens =
        event == Json::parse_event_t::object_start || event == Json::parse_event_t::array_start;
    if (opens && depth >= max_depth) fail("is nested too deeply");
    return true;
  };
  const char* begin = reinterpret_cast<const char*>(text.data());
  Json json = Json::parse(begin, begin + text.size(), bound_depth, /*allow_exceptions=*/false);
  if (json.is_discarded()) fail("is not valid JSON");
  if (!json.is_object()) fail("is not a JSON object");
  return json;
}

std::string quoted(const std::string& name) {
  constexpr std::size_t kMaxLength = 80;
  std::string text = Json(name).dump(-1, ' ', true, Json::error_handler_t::replace);
  if (text.size() > kMaxLength) text = text.substr(0, kMaxLength) + "...\"";
  return text;
}

}  // namespace stateline::formats
