// JSON from files that may be hostile: bounded size and depth, one sentence on failure.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <span>
#include <string>

namespace stateline::formats {

using Json = nlohmann::json;

// Parses an object of at most `max_depth` nested levels; `file` and `part` name it in the error.
Json parse_object(std::span<const std::byte> text, int max_depth, const std::string& file,
                  const std::string& part);

// A name out of a file, made fit for an error message: quoted, escaped, at most 80 characters.
std::string quoted(const std::string& name);

}  // namespace stateline::formats
