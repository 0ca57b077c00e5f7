// The fields of a configuration file: each is bounded, and a failure names the file and the field.
#pragma once

#include <cstddef>
#include <string>

#include "formats/json.h"

namespace stateline::formats {

class Fields {
 public:
  static constexpr auto kExported = "use a config.json exported together with the model";

  // All are borrowed; `remedy` is what to do about a wrong field.
  Fields(const Json& json, const std::string& file, const char* remedy = kExported)
      : json_(json), file_(file), remedy_(remedy) {}

  // Throws Error(kInvalidModel): the file, the field in quotes, what is wrong, what to do.
  [[noreturn]] void fail(const std::string& field, const std::string& what) const;

  const Json& field(const std::string& name) const;
  std::size_t natural(const std::string& name, std::size_t min, std::size_t max) const;
  double real(const std::string& name, double min, double max) const;
  std::string text(const std::string& name, std::size_t most_bytes) const;
  bool flag(const std::string& name) const;

  // Whether there is such a field, other than null.
  bool has(const std::string& name) const;
  // The fields of an object among them.
  Fields inside(const std::string& name) const;
  // A field that must have this value if it is there: others are not supported.
  void expect(const std::string& name, const Json& value) const;

 private:
  const Json& json_;
  const std::string& file_;
  const char* remedy_;
};

// The configuration in a config.json of at most 1 MB.
Json parse_configuration(std::span<const std::byte> text, const std::string& file);

}  // namespace stateline::formats
