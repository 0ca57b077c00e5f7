#include "test/fuzz/readers.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "engine/cpu_device.h"
#include "engine/executor.h"
#include "engine/serialize.h"
#include "formats/dequantise.h"
#include "formats/error.h"
#include "formats/fields.h"
#include "formats/gguf.h"
#include "formats/safetensors.h"
#include "formats/safetensors_index.h"
#include "formats/xxh64.h"
#include "longrange/config.h"
#include "models/network.h"

namespace stateline::fuzz {
namespace {

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

// Calls `read`, which may throw Error with this code alone.
template <typename Read>
bool reads(ErrorCode code, const Read& read) {
  try {
    read();
    return true;
  } catch (const Error& error) {
    const std::string sentence = error.what();
    require(error.code() == code, "another error than that of a damaged file");
    require(sentence.ends_with('.') && sentence.find('\n') == std::string::npos, "no sentence");
    return false;
  }
}

// Of a file of `bytes`; each is read whole.
void check_tensors(const formats::Tensors& tensors, std::size_t bytes) {
  std::size_t sum = 0;
  for (const auto& [name, tensor] : tensors) {
    sum += tensor.data.size();
    if (tensor.dtype != DType::kInt8)
      require(formats::to_f32(tensor).size() == tensor.elements(), "not all of a tensor is read");
  }
  require(sum <= bytes, "tensors of more bytes than the file has");
}

// Asked for as everything that it may be.
void check_value(const formats::Metadata& metadata, const char* key) {
  constexpr std::size_t kMost = 1000;
  const auto ask = [](const auto& read) { reads(ErrorCode::kInvalidModel, read); };
  ask([&] { require(metadata.natural(key, 1, kMost) <= kMost, "out of bounds"); });
  ask([&] { require(metadata.real(key, 0, 1) <= 1, "out of bounds"); });
  ask([&] { require(metadata.text(key, kMost).size() <= kMost, "too long a text"); });
  ask([&] { require(metadata.naturals(key, 3, 1, kMost).size() == 3, "another length"); });
  ask([&] { metadata.flag(key); });
  ask([&] { metadata.length(key); });
}

const auto kTinyModel =
    std::filesystem::path(__FILE__).parent_path() / "../../../test/golden/tiny-f32";
constexpr std::size_t kModelAt = 8, kModelBytes = 16, kChecksumBytes = 8;

// With the model's hash and the right checksum.
std::vector<std::byte> fitted(std::span<const std::byte> bytes, const engine::Model& model) {
  std::vector<std::byte> out(bytes.begin(), bytes.end());
  if (out.size() < kModelAt + kModelBytes + kChecksumBytes) return out;
  std::memcpy(&out[kModelAt], model.hash().data(), kModelBytes);
  const std::size_t end = out.size() - kChecksumBytes;
  const std::uint64_t checksum = formats::xxh64(std::span(out).first(end));
  std::memcpy(&out[end], &checksum, sizeof checksum);
  return out;
}

}  // namespace

void read_safetensors(std::span<const std::byte> bytes) {
  reads(ErrorCode::kInvalidModel, [&] {
    check_tensors(formats::read_safetensors(bytes, "model.safetensors"), bytes.size());
  });
}

void read_gguf(std::span<const std::byte> bytes) {
  reads(ErrorCode::kInvalidModel, [&] {
    const formats::GgufContents contents = formats::read_gguf(bytes, "model.gguf");
    require(contents.header.size() <= bytes.size(), "a header longer than the file");
    check_tensors(contents.tensors, bytes.size());
    for (const char* key : {"general.architecture", "general.alignment", "test.value"})
      check_value(contents.metadata, key);
  });
}

void read_index(std::span<const std::byte> bytes) {
  reads(ErrorCode::kInvalidModel, [&] {
    for (const auto& [tensor, file] : formats::read_index(bytes, "model.safetensors.index.json")) {
      const std::filesystem::path path(file);
      require(path.filename() == path && file != "." && file != "..",
              "a name that leads elsewhere");
    }
  });
}

void read_config(std::span<const std::byte> bytes) {
  reads(ErrorCode::kInvalidModel, [&] {
    const auto network =
        models::make_network(formats::parse_configuration(bytes, "config.json"), "config.json");
    require(network->plan().memory.size() == network->plan().heads + 1, "a memory is missing");
  });
  reads(ErrorCode::kInvalidModel, [&] {
    const longrange::Config config = longrange::parse_config(bytes, "config.json");
    require(config.ssm_channels <= config.hidden_size, "more channels than there are");
  });
}

void read_state(std::span<const std::byte> bytes) {
  static const auto model = engine::Model::load(kTinyModel);
  static const auto executor = model->device()->make_executor(*model, 1);
  const std::vector<std::byte> stored = fitted(bytes, *model);
  std::shared_ptr<const engine::State> state;
  if (!reads(ErrorCode::kInvalidState, [&] { state = engine::restore(*model, stored); })) return;
  require(engine::serialize(*state) == stored, "a state is not what was stored");
  engine::Branch branch(*model, *state);
  const std::int32_t token = 1;
  executor->advance(branch, std::span(&token, 1));
  std::vector<float> logits(model->plan().vocab_size);
  executor->logits(branch.hidden(), logits.data());
}

}  // namespace stateline::fuzz
