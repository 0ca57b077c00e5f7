// Model files are hostile: whatever the bytes, loading gives a model or one sentence, never a
// crash. Run this test under -DSTATELINE_SANITIZE=address,undefined to make the most of it.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <functional>

#include "engine_testing.h"
#include "formats/fields.h"
#include "formats/safetensors.h"
#include "formats/xxh64.h"
#include "models/network.h"
#include "test/fuzz/readers.h"

namespace stateline::testing {
namespace {

using nlohmann::json;

std::string with_header(const std::string& header, const std::string& data) {
  std::string out;
  for (int i = 0; i < 8; ++i) out += static_cast<char>(header.size() >> (8 * i) & 0xff);
  return out + header + data;
}

struct Fixture {
  TemporaryDirectory directory;
  std::filesystem::path file = directory.path() / "model.safetensors";

  void write(const std::string& bytes) const {
    std::filesystem::remove(file);
    std::ofstream(file, std::ios::binary) << bytes;
  }

  // The sentence that opening these bytes fails with; empty if they are accepted.
  std::string fault(const std::string& bytes) const {
    write(bytes);
    try {
      formats::Safetensors{file};
      return "";
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::kInvalidModel);
      return error.what();
    }
  }
};

struct HeaderCase {
  const char* header;
  const char* fault;  // part of the sentence; empty = accepted
};

TEST_CASE_FIXTURE(Fixture, "headers are checked before any tensor is read") {
  const std::string data(16, 'x');
  const HeaderCase cases[] = {
      {R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}})", ""},
      {R"({"__metadata__":{"format":"pt"},"a":{"dtype":"I8","shape":[2,8],"data_offsets":[0,16]}})",
       ""},
      {R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]})", "not valid JSON"},
      {R"([])", "not a JSON object"},
      {R"({"a":1})", "lacks its dtype"},
      {R"({"a":{"dtype":1,"shape":[4],"data_offsets":[0,16]}})", "lacks its dtype"},
      {R"({"a":{"dtype":"F64","shape":[2],"data_offsets":[0,16]}})", "only F32, F16, BF16 and I8"},
      {R"({"a":{"dtype":"F32","shape":4,"data_offsets":[0,16]}})", "not a short list"},
      {R"({"a":{"dtype":"F32","shape":[-4],"data_offsets":[0,16]}})", "no natural number"},
      {R"({"a":{"dtype":"F32","shape":[4.0],"data_offsets":[0,16]}})", "no natural number"},
      {R"({"a":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,4],"data_offsets":[0,16]}})",
       "not a short list"},
      {R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[0]}})", "unordered offsets"},
      {R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[16,0]}})", "unordered offsets"},
      {R"({"a":{"dtype":"F32","shape":[8],"data_offsets":[0,32]}})", "beyond the end"},
      {R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[0,18446744073709551615]}})",
       "beyond the end"},
      {R"({"a":{"dtype":"F32","shape":[5],"data_offsets":[0,16]}})", "does not match its length"},
      {R"({"a":{"dtype":"F32","shape":[4611686018427387905],"data_offsets":[0,4]}})",
       "does not match its length"},
      {R"({"a":{"dtype":"F32","shape":[18446744073709551615,18446744073709551615],"data_offsets":[0,4]}})",
       "does not match its length"},
      {R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,12]},"b":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}})",
       "overlap"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}})",
       "a hole"},
      {R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,12]}})", "after the last tensor"},
      {R"({})", "after the last tensor"},
      {R"({"a":[[[[[[1]]]]]]})", "nested too deeply"},
      {"{\"\xff\xfe\":1}", "not valid JSON"},
  };
  for (const HeaderCase& c : cases) {
    CAPTURE(c.header);
    const std::string sentence = fault(with_header(c.header, data));
    CAPTURE(sentence);
    if (*c.fault == 0) {
      CHECK(sentence.empty());
      continue;
    }
    CHECK(sentence.find(c.fault) != std::string::npos);
    CHECK(sentence.find("model.safetensors") != std::string::npos);
    CHECK(sentence.find('\n') == std::string::npos);
  }
}

TEST_CASE_FIXTURE(Fixture, "header lengths, empty files and what is no file are refused") {
  CHECK(fault("").find("is empty") != std::string::npos);
  CHECK(fault("short").find("too short") != std::string::npos);
  CHECK(fault(std::string(8, '\xff')).find("beyond the end") != std::string::npos);
  CHECK(fault(std::string(8, '\0')).find("not valid JSON") != std::string::npos);
  CHECK(fault(with_header(std::string(17u << 20, ' '), "")).find("16 MB") != std::string::npos);
  CHECK(fault(with_header(std::string(1u << 20, '['), "")).find("nested") != std::string::npos);
  std::filesystem::remove(file);
  CHECK_THROWS_AS(formats::Safetensors{file}, Error);
  std::filesystem::create_directory(file);
  CHECK_THROWS_AS(formats::Safetensors{file}, Error);
}

// Loads the checkpoint from changed bytes: a model or an Error.
bool loads(const std::filesystem::path& directory, const std::string& weights) {
  std::filesystem::remove(directory / "model.safetensors");
  std::ofstream(directory / "model.safetensors", std::ios::binary) << weights;
  try {
    Model::load(directory);
    return true;
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::kInvalidModel);
    CHECK(std::string(error.what()).find('\n') == std::string::npos);
    return false;
  }
}

TEST_CASE("truncated and mutated weights give a model or a sentence") {
  const std::uint32_t seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  const Checkpoint checkpoint(tiny_config(), 81);
  const TemporaryDirectory directory;
  checkpoint.write(directory.path());
  const std::string sound = checkpoint.safetensors();
  REQUIRE(loads(directory.path(), sound));
  const std::size_t header_end = sound.find("}}") + 2;

  for (int i = 0; i < 150; ++i)
    CHECK_FALSE(loads(directory.path(), sound.substr(0, random() % sound.size())));
  int accepted = 0;
  for (int i = 0; i < 600; ++i) {
    std::string changed = sound;
    const std::size_t changes = 1 + random() % 3;
    for (std::size_t n = 0; n < changes; ++n)
      changed[random() % header_end] = static_cast<char>(random());
    accepted += loads(directory.path(), changed);
  }
  MESSAGE(accepted << " of 600 mutated headers still describe the model");
  CHECK(accepted < 300);
}

TEST_CASE("weights that are not finite, of another type or shape are refused by name") {
  const TemporaryDirectory directory;
  const auto sentence = [&](const std::function<void(Checkpoint&)>& change) -> std::string {
    Checkpoint checkpoint(tiny_config(), 82);
    change(checkpoint);
    std::filesystem::remove(directory.path() / "model.safetensors");
    checkpoint.write(directory.path());
    try {
      Model::load(directory.path());
      return "";
    } catch (const Error& error) {
      return error.what();
    }
  };
  const std::string name = "model.layers.1.mixer.in_proj.weight";
  CHECK(sentence([](Checkpoint&) {}).empty());
  CHECK(sentence([&](Checkpoint& c) { c.tensors[name].values[5] = NAN; }).find(name) !=
        std::string::npos);
  CHECK(sentence([&](Checkpoint& c) { c.tensors[name].values[5] = INFINITY; }).find("not finite") !=
        std::string::npos);
  CHECK(sentence([&](Checkpoint& c) { c.tensors.erase(name); }).find("is missing") !=
        std::string::npos);
  CHECK(sentence([&](Checkpoint& c) {
          std::swap(c.tensors[name].shape[0], c.tensors[name].shape[1]);
        }).find("has shape") != std::string::npos);
}

TEST_CASE("every field of config.json is bounded") {
  const Checkpoint checkpoint(tiny_config(), 83);
  const json sound = checkpoint.config_json();
  const auto fault = [](const json& config) -> std::string {
    const std::string text = config.dump();
    try {
      models::make_network(
          formats::parse_configuration(std::as_bytes(std::span(text)), "config.json"),
          "config.json");
      return "";
    } catch (const Error& error) {
      return error.what();
    }
  };
  CHECK(fault(sound).empty());
  for (const auto& [key, value] : sound.items()) {
    CAPTURE(key);
    json changed = sound;
    changed.erase(key);
    CHECK(fault(changed).find(key) != std::string::npos);
    for (const json& nonsense : {json(-1), json(1e30), json("x"), json(nullptr),
                                 json::array({json::array()}), json(18446744073709551615u)}) {
      changed[key] = nonsense;
      CHECK(fault(changed).find(key) != std::string::npos);
    }
  }
  json twice = sound;
  twice["head_switch_order"] = {{0, 0, 1}, {0, 1, 2}};
  CHECK(fault(twice).find("exactly once") != std::string::npos);
}

TEST_CASE("every input of the fuzz targets' corpus gives a value or a sentence") {
  const std::pair<const char*, void (*)(std::span<const std::byte>)> readers[] = {
      {"safetensors", fuzz::read_safetensors},
      {"gguf", fuzz::read_gguf},
      {"index", fuzz::read_index},
      {"config", fuzz::read_config},
      {"state", fuzz::read_state}};
  for (const auto& [name, read] : readers) {
    int inputs = 0;
    const auto corpus = std::filesystem::path(__FILE__).parent_path() / "../../../test/fuzz/corpus";
    for (const auto& entry : std::filesystem::directory_iterator(corpus / name)) {
      CAPTURE(entry.path());
      std::ifstream file(entry.path(), std::ios::binary);
      const std::string bytes(std::istreambuf_iterator<char>(file), {});
      read(std::as_bytes(std::span(bytes)));
      ++inputs;
    }
    CHECK(inputs > 3);
  }
}

// Vectors of the reference implementation (xxhsum), for empty, short and long input.
TEST_CASE("XXH64 is the published hash") {
  const auto hash = [](const std::string& text, std::uint64_t seed) {
    return formats::xxh64(std::as_bytes(std::span(text)), seed);
  };
  CHECK(hash("", 0) == 0xef46db3751d8e999u);
  CHECK(hash("a", 0) == 0xd24ec4f1a98c6e5bu);
  CHECK(hash("abc", 0) == 0x44bc2cf5ad770999u);
  CHECK(hash("Nobody inspects the spammish repetition", 0) == 0xfbcea83c8a378bf1u);
}

}  // namespace
}  // namespace stateline::testing
