#include "binding/arguments.h"

#include <algorithm>
#include <cmath>
#include <thread>

#include "formats/error.h"

namespace stateline::binding {

void refuse(const std::string& name, const std::string& wanted) {
  throw Error(ErrorCode::kInvalidArgument, name + " must be " + wanted + ".");
}

double number(const Napi::Value& value, const std::string& name) {
  if (!value.IsNumber()) refuse(name, "a number");
  return value.As<Napi::Number>().DoubleValue();
}

std::uint64_t natural(const Napi::Value& value, const std::string& name, std::uint64_t max) {
  const double real = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
  if (!(real >= 0 && real <= static_cast<double>(max)) || real != std::floor(real))
    refuse(name, "an integer from 0 to " + std::to_string(max));
  return static_cast<std::uint64_t>(real);
}

Napi::Object object(const Napi::Value& value, const std::string& name) {
  if (!value.IsObject()) refuse(name, "an object");
  return value.As<Napi::Object>();
}

std::string text(const Napi::Value& value, const std::string& name) {
  if (!value.IsString()) refuse(name, "a string");
  return value.As<Napi::String>().Utf8Value();
}

std::filesystem::path path(const Napi::Value& value, const std::string& name) {
  const std::string utf8 = text(value, name);
  return std::u8string(utf8.begin(), utf8.end());
}

unsigned thread_count(const Napi::Object& options) {
  constexpr std::uint64_t kMost = 64;
  constexpr unsigned kMostByDefault = 4;
  const std::uint64_t wanted = natural(options.Get("threads"), "options.threads", kMost);
  if (wanted > 0) return static_cast<unsigned>(wanted);
  return std::clamp(std::thread::hardware_concurrency(), 1u, kMostByDefault);
}

std::span<const std::uint8_t> bytes(const Napi::Value& value, const std::string& name) {
  const bool fits =
      value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == napi_uint8_array;
  if (!fits) refuse(name, "a Uint8Array");
  const auto array = value.As<Napi::Uint8Array>();
  return {array.Data(), array.ElementLength()};
}

std::vector<std::int32_t> tokens(const Napi::Value& value, const std::string& name) {
  const bool fits =
      value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == napi_int32_array;
  if (!fits) refuse(name, "an Int32Array");
  const auto array = value.As<Napi::Int32Array>();
  const std::size_t length = array.ElementLength();
  return length == 0 ? std::vector<std::int32_t>()
                     : std::vector<std::int32_t>(array.Data(), array.Data() + length);
}

}  // namespace stateline::binding
