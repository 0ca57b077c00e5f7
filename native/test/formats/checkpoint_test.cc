// A model on disk in each of its containers, and what names it.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "formats/checkpoint.h"

#include <doctest/doctest.h>

#include "formats/dequantise.h"
#include "formats/error.h"
#include "formats/fingerprint.h"
#include "formats/safetensors_index.h"
#include "formats/xxh64.h"
#include "gguf_writer.h"
#include "test/engine/checkpoint.h"

namespace stateline::testing {
namespace {

using nlohmann::json;

const auto kRoot = std::filesystem::path(__FILE__).parent_path() / "../../..";
constexpr auto kIndexFile = "model.safetensors.index.json";

struct Folder {
  TemporaryDirectory directory;

  void write(const std::string& name, const std::string& bytes) const {
    const auto file = directory.path() / name;
    std::filesystem::remove(file);  // a mapped file is never written over
    std::ofstream(file, std::ios::binary) << bytes;
  }
  void write_index(const json& weight_map) const {
    write(kIndexFile, json{{"metadata", {{"total_size", 8}}}, {"weight_map", weight_map}}.dump());
  }
  std::string fault(const std::filesystem::path& path) const {
    try {
      formats::Checkpoint::open(path);
      return "";
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::kInvalidModel);
      CHECK(std::string(error.what()).ends_with('.'));
      return error.what();
    }
  }
  void check_fault(const std::string& part) const {
    const std::string sentence = fault(directory.path());
    CAPTURE(sentence);
    CAPTURE(part);
    CHECK(sentence.find(part) != std::string::npos);
  }
};

std::string one_tensor(const std::string& name, float value) {
  return safetensors_of({{name, {{1}, {value}}}});
}

TEST_CASE("the embedded model's folder is opened, and its hash is that of its two files") {
  const auto folder = kRoot / "model/weights";
  const auto checkpoint = formats::Checkpoint::open(folder);
  REQUIRE(checkpoint.config() != nullptr);
  CHECK(checkpoint.metadata() == nullptr);
  CHECK(checkpoint.config()->at("model_type") == "stateline");
  CHECK(checkpoint.configuration_name().ends_with("config.json"));
  const formats::Tensor* matrix = checkpoint.find("model.layers.0.mixer.in_proj.weight");
  REQUIRE(matrix != nullptr);
  CHECK(matrix->dtype == DType::kInt8);
  CHECK(checkpoint.find("model.layers.0.mixer.in_proj.weight_scale") != nullptr);
  CHECK(checkpoint.find("nothing") == nullptr);
  const formats::MappedFile config(folder / "config.json"), weights(folder / "model.safetensors");
  CHECK(checkpoint.hash() ==
        std::array{formats::xxh64(config.bytes()), formats::xxh64(weights.bytes())});
}

TEST_CASE("a GGUF file has tensors and metadata, and no config.json") {
  const auto checkpoint = formats::Checkpoint::open(kRoot / "native/test/formats/types.gguf");
  REQUIRE(checkpoint.metadata() != nullptr);
  CHECK(checkpoint.config() == nullptr);
  CHECK(checkpoint.metadata()->text("general.architecture", 64) == "test");
  CHECK(checkpoint.configuration_name().ends_with("types.gguf"));
  CHECK(checkpoint.require("q6_k", {3, 512}).dtype == DType::kQ6_K);
  CHECK_THROWS_AS(checkpoint.require("q6_k", {512, 3}), Error);
}

TEST_CASE("half floats of a folder are read") {
  json header = {{"h", {{"dtype", "F16"}, {"shape", {2}}, {"data_offsets", {0, 4}}}}};
  const Folder folder;
  const std::string text = header.dump();
  folder.write("config.json", "{}");
  folder.write("model.safetensors", raw<std::uint64_t>(text.size()) + text +
                                        raw<std::uint16_t>(0x3c00) + raw<std::uint16_t>(0xc000));
  const auto checkpoint = formats::Checkpoint::open(folder.directory.path());
  CHECK(checkpoint.require_f32("h", {2}) == std::vector<float>{1, -2});
}

TEST_CASE_FIXTURE(Folder, "the index says in which file each tensor is") {
  write("config.json", "{}");
  write("model-1.safetensors", one_tensor("a", 1));
  write("model-2.safetensors", one_tensor("b", 2));
  write_index({{"a", "model-1.safetensors"}, {"b", "model-2.safetensors"}});
  const auto checkpoint = formats::Checkpoint::open(directory.path());
  CHECK(checkpoint.tensors().size() == 2);
  CHECK(checkpoint.require_f32("a", {1}) == std::vector<float>{1});
  CHECK(checkpoint.require_f32("b", {1}) == std::vector<float>{2});
  const auto hash = checkpoint.hash();
  write("model-2.safetensors", one_tensor("b", 3));
  CHECK(formats::Checkpoint::open(directory.path()).hash() != hash);
  write("model.safetensors", one_tensor("c", 4));
  CHECK(formats::Checkpoint::open(directory.path()).find("c") != nullptr);
}

TEST_CASE_FIXTURE(Folder, "an index that lies is refused by a sentence") {
  check_fault("config.json: cannot be opened");
  write("config.json", "[]");
  check_fault("config.json: the configuration is not a JSON object");
  write("config.json", "{}");
  check_fault("model.safetensors: cannot be opened");
  write("model-1.safetensors", one_tensor("a", 1));
  for (const char* index : {"", "{", "[]", "{}", R"({"weight_map":[]})", R"({"weight_map":{}})",
                            R"({"weight_map":{"a":1}})", R"({"weight_map":{"a":[[[[]]]]}})"}) {
    write(kIndexFile, index);
    check_fault(kIndexFile);
  }
  for (const char* name :
       {"", ".safetensors", "..", "../model-1.safetensors", "/etc/passwd", "/a.safetensors",
        "b/model-1.safetensors", "b\\model-1.safetensors", "C:model-1.safetensors",
        "model-1.safetensors:b.safetensors", "model-1.bin", "model-1.safetensors\n",
        "..safetensors", "m\u00f6del.safetensors"}) {
    write_index({{"a", name}});
    check_fault("plain name");
  }
  write_index({{"a", std::string(300, 'a') + ".safetensors"}});
  check_fault("plain name");
  write_index({{"a", std::string("a\0.safetensors", 14)}});
  check_fault("plain name");
  write_index({{"a", "model-2.safetensors"}});
  check_fault("model-2.safetensors: cannot be opened");
  write_index({{"b", "model-1.safetensors"}});
  check_fault("tensor \"b\" is not in model-1.safetensors");
  write_index({{"a", "model-1.safetensors"}});
  CHECK(fault(directory.path()).empty());
}

TEST_CASE_FIXTURE(Folder, "what is neither a folder nor a GGUF file is refused by a sentence") {
  write("model.bin", "PK\x03\x04");
  CHECK(fault(directory.path() / "model.bin").find("is no GGUF file") != std::string::npos);
  CHECK(fault(directory.path() / "nothing").find("cannot be opened") != std::string::npos);
}

// Long files as they would be mapped: only what is sampled needs to be there.
TEST_CASE("the fingerprint of a long file sees its size, its beginning and each tensor") {
  std::vector<std::byte> file((64u << 20) + 4096);
  const std::size_t header = 1000, half = 32u << 20;
  const std::span<const std::byte> bytes(file);
  const formats::Tensors tensors = {
      {"a", {DType::kF32, {half / 4}, bytes.subspan(header, half)}},
      {"b", {DType::kF32, {100}, bytes.subspan(header + half, 400)}},
      {"elsewhere", {DType::kF32, {}, std::as_bytes(std::span("..."))}}};
  const auto print = [&] { return formats::fingerprint(bytes, tensors, 0); };
  const std::uint64_t before = print();
  CHECK(print() == before);
  CHECK(formats::fingerprint(bytes, tensors, 1) != before);
  CHECK(formats::fingerprint(bytes.first(file.size() - 1), tensors, 0) != before);
  for (const std::size_t seen : {std::size_t{0}, header - 1, header, header + half / 2,
                                 header + half - 1, header + half + 399}) {
    CAPTURE(seen);
    file[seen] = std::byte{1};
    CHECK(print() != before);
    file[seen] = std::byte{0};
  }
  CHECK(print() == before);
}

}  // namespace
}  // namespace stateline::testing
