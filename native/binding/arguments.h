// Reading JavaScript arguments with one sentence for each fault.
#pragma once

#include <napi.h>

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace stateline::binding {

// Throws Error(kInvalidArgument): "<name> must be <wanted>."
[[noreturn]] void refuse(const std::string& name, const std::string& wanted);

double number(const Napi::Value& value, const std::string& name);
// A natural number of at most `max`.
std::uint64_t natural(const Napi::Value& value, const std::string& name, std::uint64_t max);
Napi::Object object(const Napi::Value& value, const std::string& name);
std::string text(const Napi::Value& value, const std::string& name);
std::filesystem::path path(const Napi::Value& value, const std::string& name);
// options.threads from 0 to 64; 0 = as many as the machine has, up to four: more cores only wait
// for the same memory.
unsigned thread_count(const Napi::Object& options);
// A view of a Uint8Array, which JavaScript may change once it runs again.
std::span<const std::uint8_t> bytes(const Napi::Value& value, const std::string& name);
// Copies an Int32Array.
std::vector<std::int32_t> tokens(const Napi::Value& value, const std::string& name);

inline constexpr std::uint64_t kMaxSafeInteger = (std::uint64_t{1} << 53) - 1;

}  // namespace stateline::binding
