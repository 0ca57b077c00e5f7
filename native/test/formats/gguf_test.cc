// GGUF files: what is in them, and one sentence for what is wrong with them.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "formats/gguf.h"

#include <doctest/doctest.h>

#include <functional>
#include <random>

#include "formats/error.h"
#include "formats/gguf_files.h"
#include "gguf_writer.h"
#include "test/engine/checkpoint.h"

namespace stateline::testing {
namespace {

using formats::GgufContents;
using formats::Metadata;

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

// The sentence that `act` fails with; empty if it does not.
std::string fault(const std::function<void()>& act) {
  try {
    act();
    return "";
  } catch (const Error& error) {
    const std::string sentence = error.what();
    CHECK(error.code() == ErrorCode::kInvalidModel);
    CHECK(sentence.ends_with('.'));
    CHECK(sentence.find('\n') == std::string::npos);
    return sentence;
  }
}

std::string fault_of(const std::string& file) {
  return fault([&] { formats::read_gguf(bytes_of(file), "model.gguf"); });
}

void check_contains(const std::string& sentence, const std::string& part) {
  CAPTURE(sentence);
  CAPTURE(part);
  CHECK(sentence.find(part) != std::string::npos);
}

// What model/golden_dequantise.py wrote with PyPI's gguf.
struct Written {
  formats::MappedFile file{std::filesystem::path(__FILE__).parent_path() / "types.gguf"};
  Metadata metadata = formats::read_gguf(file.bytes(), file.name()).metadata;
};

TEST_CASE_FIXTURE(Written, "metadata of every type is read") {
  const std::pair<const char*, std::size_t> naturals[] = {{"test.uint8", 255},
                                                          {"test.uint16", 65535},
                                                          {"test.uint32", 4294967295},
                                                          {"test.uint64", SIZE_MAX},
                                                          {"test.int64", std::size_t{1} << 62},
                                                          {"test.flag", 1}};
  for (const auto& [key, value] : naturals) {
    CAPTURE(key);
    CHECK(metadata.natural(key, 0, SIZE_MAX) == value);
  }
  CHECK(metadata.real("test.float32", 0, 1e7) == 1e6);
  CHECK(metadata.real("test.float64", 0, 1) == 1e-300);
  CHECK(metadata.flag("test.flag"));
  CHECK(metadata.text("test.text", 100) == "naïve 世界");
  CHECK(metadata.text("general.architecture", 64) == "test");
  CHECK(metadata.naturals("test.numbers", 5, 1, 5) == std::vector<std::size_t>{3, 1, 4, 1, 5});
  CHECK(metadata.naturals("test.flags", 3, 0, 1) == std::vector<std::size_t>{1, 0, 1});
  CHECK(metadata.naturals("test.uint8", 3, 0, 255) == std::vector<std::size_t>{255, 255, 255});
  CHECK(metadata.length("test.texts") == 3);
  CHECK(metadata.contains("test.texts"));
  CHECK_FALSE(metadata.contains("test.nothing"));
}

TEST_CASE_FIXTURE(Written, "a value that is missing, of another kind or out of bounds is named") {
  struct Case {
    const char *key, *fault;
    std::function<void(const char*)> ask;
  };
  const auto natural = [&](const char* key) { metadata.natural(key, 1, 100); };
  const auto real = [&](const char* key) { metadata.real(key, 0, 1); };
  const auto text = [&](const char* key) { metadata.text(key, 4); };
  const auto flag = [&](const char* key) { metadata.flag(key); };
  const auto numbers = [&](const char* key) { metadata.naturals(key, 5, 2, 5); };
  const auto length = [&](const char* key) { metadata.length(key); };
  const Case cases[] = {
      {"test.nothing", "is missing", natural},      {"test.uint8", "from 1 to 100", natural},
      {"test.int8", "from 1 to 100", natural},      {"test.int16", "from 1 to 100", natural},
      {"test.int32", "from 1 to 100", natural},     {"test.float32", "must be an integer", natural},
      {"test.text", "must be an integer", natural}, {"test.numbers", "must not be a list", natural},
      {"test.float32", "must be a number", real},   {"test.uint8", "must be a number", real},
      {"test.text", "at most 4 bytes", text},       {"test.uint8", "must be a text", text},
      {"test.uint8", "true or false", flag},        {"test.numbers", "from 2 to 5", numbers},
      {"test.flags", "has 3 items", numbers},       {"test.texts", "has 3 items", numbers},
      {"test.uint8", "must be a list", length}};
  for (const Case& c : cases) {
    const std::string sentence = fault([&] { c.ask(c.key); });
    check_contains(sentence, c.fault);
    check_contains(sentence, std::string("\"") + c.key + "\"");
    check_contains(sentence, "types.gguf");
  }
}

TEST_CASE("dimensions are turned about, and data is found by its alignment") {
  const std::string data = raw(1.0f) + raw(2.0f) + raw(3.0f) + raw(4.0f) + raw(5.0f) + raw(6.0f);
  for (const std::uint32_t version : {2u, 3u}) {
    GgufWriter writer;
    writer.version = version;
    writer.tensor("matrix", {3, 2}).tensor("vector", {1}, kStoredF32, 64);
    const std::string file = writer.with(data + std::string(40, '\0') + raw(7.0f));
    const GgufContents read = formats::read_gguf(bytes_of(file), "model.gguf");
    const formats::Tensor& matrix = read.tensors.at("matrix");
    CHECK(matrix.shape == std::vector<std::size_t>{2, 3});
    CHECK(std::string(reinterpret_cast<const char*>(matrix.data.data()), 24) == data);
    CHECK(std::memcmp(read.tensors.at("vector").data.data(), raw(7.0f).data(), 4) == 0);
  }
}

GgufWriter one_tensor() { return GgufWriter().tensor("a", {8}); }

TEST_CASE("what is wrong with a file is said before any of its tensors is read") {
  const auto changed = [](const std::function<void(GgufWriter&)>& change) {
    GgufWriter writer = one_tensor();
    change(writer);
    return writer.with(std::string(64, 'x'));
  };
  const std::pair<std::string, const char*> cases[] = {
      {changed([](GgufWriter&) {}), ""},
      {"", "ends too soon"},
      {"GGU", "ends too soon"},
      {"GGUF", "ends too soon"},
      {changed([](GgufWriter& w) { w.magic = "GGML"; }), "no GGUF file"},
      {changed([](GgufWriter& w) { w.version = 1; }), "version 1"},
      {changed([](GgufWriter& w) { w.version = 4; }), "version 4"},
      {changed([](GgufWriter& w) { w.version = 3u << 24; }), "big-endian"},
      {changed([](GgufWriter& w) { w.tensor_count = ~0ull; }), "tensors"},
      {changed([](GgufWriter& w) { w.tensor_count = 1000; }), "ends too soon"},
      {changed([](GgufWriter& w) { w.pair_count = ~0ull; }), "keys"},
      {changed([](GgufWriter& w) { w.pair_count = 1000; }), "a key of 0 bytes"},
      {changed([](GgufWriter& w) { w.pair("", kUint32, raw(1u)); }), "a key of 0 bytes"},
      {changed([](GgufWriter& w) { w.pair(std::string(65536, 'k'), kUint32, raw(1u)); }),
       "a key of 65536 bytes"},
      {changed([](GgufWriter& w) { w.number("k", 1).number("k", 1); }), "\"k\" stands there twice"},
      {changed([](GgufWriter& w) { w.pair("k", 13, raw(1u)); }), "unknown type 13"},
      {changed([](GgufWriter& w) { w.list("k", 13, 1, raw(1u)); }), "unknown type 13"},
      {changed([](GgufWriter& w) { w.list("k", kList, 1, raw(kUint32) + raw(0ull)); }),
       "a list of lists"},
      {changed([](GgufWriter& w) { w.list("k", kUint32, ~0ull, ""); }), "longer than any file"},
      {changed([](GgufWriter& w) { w.list("k", kUint32, 1u << 30, ""); }), "ends too soon"},
      {changed([](GgufWriter& w) { w.list("k", kText, ~0ull, ""); }), "ends too soon"},
      {changed([](GgufWriter& w) { w.pair("k", kText, raw(~0ull)); }), "ends too soon"},
      {changed([](GgufWriter& w) { w.number("general.alignment", 0); }), "general.alignment"},
      {changed([](GgufWriter& w) { w.number("general.alignment", 24); }), "power of two"},
      {changed([](GgufWriter& w) { w.number("general.alignment", 1u << 31); }),
       "general.alignment"},
      {changed([](GgufWriter& w) { w.tensor("", {8}, kStoredF32, 32); }), "a tensor whose name"},
      {changed([](GgufWriter& w) { w.tensor(std::string(256, 'n'), {8}, kStoredF32, 32); }),
       "has 256 bytes"},
      {changed([](GgufWriter& w) { w.tensor("a", {8}, kStoredF32, 32); }), "twice"},
      {changed([](GgufWriter& w) {
         w.tensor("b", {1, 1, 1, 1, 1}, kStoredF32, 32);
       }),
       "5 dimensions"},
      {changed([](GgufWriter& w) {
         w.tensor("b", {8, 0}, kStoredF32, 32);
       }),
       "a dimension of 0"},
      {changed([](GgufWriter& w) {
         w.tensor("b", {1ull << 62, 1ull << 62}, kStoredF32, 32);
       }),
       "cannot have"},
      {changed([](GgufWriter& w) { w.tensor("b", {~0ull}, kStoredF32, 32); }), "cannot have"},
      {changed([](GgufWriter& w) { w.tensor("b", {16}, kStoredQ4_0, 32); }),
       "a shape that q4_0 cannot have"},
      {changed([](GgufWriter& w) { w.tensor("b", {}, kStoredQ6_K, 32); }),
       "a shape that q6_k cannot have"},
      {changed([](GgufWriter& w) { w.tensor("b", {8}, kStoredIQ4_XS, 32); }), "stored as IQ4_XS"},
      {changed([](GgufWriter& w) { w.tensor("b", {8}, 4, 32); }), "the unknown type 4"},
      {changed([](GgufWriter& w) { w.tensor("b", {8}, 1000, 32); }), "the unknown type 1000"},
      {changed([](GgufWriter& w) { w.tensor("b", {4}, kStoredF32, 36); }), "not aligned"},
      {changed([](GgufWriter& w) { w.tensor("b", {8}, kStoredF32, 64); }), "beyond the end"},
      {changed([](GgufWriter& w) { w.tensor("b", {9}, kStoredF32, 32); }), "beyond the end"},
      {changed([](GgufWriter& w) { w.tensor("b", {8}, kStoredF32, ~31ull); }), "beyond the end"},
      {changed([](GgufWriter& w) { w.tensor("b", {8}, kStoredF32, 0); }), "overlap"},
      {changed([](GgufWriter& w) { w.tensor("b\n\xff", {8}, 1000, 0); }), "\"b\\n"}};
  for (const auto& [file, part] : cases) {
    const std::string sentence = fault_of(file);
    if (*part == 0) {
      CHECK(sentence.empty());
      continue;
    }
    check_contains(sentence, part);
    check_contains(sentence, "model.gguf");
  }
}

TEST_CASE("cut off and changed files give their contents or a sentence") {
  const std::uint32_t seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  const std::string sound = GgufWriter()
                                .number("general.alignment", 32)
                                .list("tokens", kText, 2, raw_text("a") + raw_text("b"))
                                .tensor("matrix", {256, 1}, kStoredQ6_K)
                                .tensor("vector", {8}, kStoredF32, 224)
                                .with(std::string(256, 'x'));
  REQUIRE(fault_of(sound).empty());
  for (std::size_t length = 0; length < sound.size(); ++length)
    CHECK_FALSE(fault_of(sound.substr(0, length)).empty());
  for (int i = 0; i < 5000; ++i) {
    std::string changed = sound;
    for (std::size_t n = 1 + random() % 3; n > 0; --n)
      changed[random() % (sound.size() - 256)] = static_cast<char>(random());
    fault_of(changed);
  }
}

struct Parts {
  TemporaryDirectory directory;

  void write(const std::string& name, const GgufWriter& writer) const {
    std::ofstream(directory.path() / name, std::ios::binary) << writer.with(std::string(32, 'x'));
  }
  static GgufWriter part(std::uint32_t i, std::uint32_t n, const std::string& tensor) {
    return GgufWriter()
        .pair("split.no", kUint16, raw(static_cast<std::uint16_t>(i)))
        .pair("split.count", kUint16, raw(static_cast<std::uint16_t>(n)))
        .tensor(tensor, {8});
  }
  std::string fault_of(const std::string& name) const {
    return fault([&] { formats::open_gguf(directory.path() / name); });
  }
};

TEST_CASE_FIXTURE(Parts, "a model in several files is opened by the first of them") {
  write("m-00001-of-00002.gguf", part(0, 2, "a").number("split.tensors.count", 2).number("k", 7));
  write("m-00002-of-00002.gguf", part(1, 2, "b"));
  const auto model = formats::open_gguf(directory.path() / "m-00001-of-00002.gguf");
  CHECK(model.files.size() == 2);
  CHECK(model.contents.tensors.size() == 2);
  CHECK(model.contents.metadata.natural("k", 0, 9) == 7);
  check_contains(fault_of("m-00002-of-00002.gguf"), "ends with -00001-of-00002.gguf");
}

TEST_CASE_FIXTURE(Parts, "parts that are missing or do not belong together are named") {
  const std::string first = "m-00001-of-00002.gguf", second = "m-00002-of-00002.gguf";
  write("model.gguf", part(0, 2, "a"));
  check_contains(fault_of("model.gguf"), "is one of 2 files");
  write(first, part(0, 2, "a"));
  check_contains(fault_of(first), second + ": cannot be opened");
  write(second, part(1, 3, "b"));
  check_contains(fault_of(first), second + ": is another part");
  write(second, part(0, 2, "b"));
  check_contains(fault_of(first), second + ": is another part");
  write(second, part(1, 2, "a"));
  check_contains(fault_of(first), second + ": tensor \"a\" stands in another part");
  write(second, part(1, 2, "b"));
  CHECK(fault_of(first).empty());
  write(first, part(0, 2, "a").number("split.tensors.count", 3));
  check_contains(fault_of(first), "split.tensors.count");
  write(first, part(1, 2, "a"));
  check_contains(fault_of(first), "is another part");
}

}  // namespace
}  // namespace stateline::testing
