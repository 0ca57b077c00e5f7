// Packed weights in a file are those that were packed, to the bit, or there are none.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "engine/packed_store.h"

#include "engine_testing.h"
#include "formats/checkpoint.h"
#include "models/stored.h"

namespace stateline::testing {
namespace {

using engine::PackedStore;
using engine::Rounding;
using engine::Weights;
using kernels::PackedMatrix;

std::vector<std::byte> contents(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

void overwrite(const std::filesystem::path& file, std::span<const std::byte> bytes) {
  std::filesystem::remove(file);  // what is mapped keeps the old one
  std::ofstream(file, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
}

std::size_t count_in(const std::filesystem::path& folder) {
  const std::filesystem::directory_iterator entries(folder);
  return static_cast<std::size_t>(std::distance(begin(entries), end(entries)));
}

// A model in a folder, what is packed of it, and a store for small ones, too.
struct Packed {
  TemporaryDirectory model, folder;
  PackedStore store{folder.path(), model.path(), 0};
  std::unique_ptr<const models::Network> network;
  Weights weights;
  std::uint64_t key;

  explicit Packed(Rounding rounding = Rounding::kNone, std::uint32_t seed = 3) {
    Checkpoint(tiny_config(), seed).write(model.path());
    const formats::Checkpoint checkpoint = formats::Checkpoint::open(model.path());
    const models::StoredModel stored(checkpoint);
    network = models::make_network(stored.config(), stored.config_name());
    weights = engine::read_weights(network->plan(), stored, rounding, 2);
    key = engine::packed_key(checkpoint.hash(), network->plan(), rounding);
  }

  std::optional<std::vector<PackedMatrix>> find() const { return find(key); }
  std::optional<std::vector<PackedMatrix>> find(std::uint64_t other) const {
    return store.find(other, network->plan(), 2);
  }
  std::filesystem::path only_file() const {
    REQUIRE(count_in(folder.path()) == 1);
    return std::filesystem::directory_iterator(folder.path())->path();
  }
  void check_same(const std::vector<PackedMatrix>& found) const {
    REQUIRE(found.size() == weights.matrices.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
      const PackedMatrix& was = weights.matrices[i];
      REQUIRE(found[i].type() == was.type());
      REQUIRE(found[i].memory_bytes() == was.memory_bytes());
      CHECK(std::memcmp(found[i].memory().data(), was.memory().data(), was.memory_bytes()) == 0);
    }
  }
};

TEST_CASE("what was kept is found again to the bit, in each rounding") {
  for (const Rounding rounding : {Rounding::kNone, Rounding::kInt8, Rounding::kInt4}) {
    const Packed packed(rounding);
    CHECK_FALSE(packed.find());
    packed.store.keep(packed.key, packed.weights.matrices);
    const auto found = packed.find();
    REQUIRE(found);
    packed.check_same(*found);
  }
}

TEST_CASE("rows that are stored in int8 keep their scales") {
  const DType int8 = DType::kInt8;
  std::vector<std::int8_t> values(20 * 36);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<std::int8_t>(i * 37);
  std::vector<float> scale(20);
  for (std::size_t i = 0; i < scale.size(); ++i) scale[i] = 0.1f * static_cast<float>(i + 1);
  const auto was = PackedMatrix::pack(int8, values.data(), scale.data(), 20, 36);
  const auto copy = std::shared_ptr<std::byte>(
      static_cast<std::byte*>(::operator new (was.memory_bytes(), std::align_val_t{64})),
      [](std::byte* memory) { ::operator delete (memory, std::align_val_t{64}); });
  std::memcpy(copy.get(), was.memory().data(), was.memory_bytes());
  const PackedMatrix again(int8, 20, 36, copy);
  std::vector<float> a(36), b(36);
  for (std::size_t row = 0; row < 20; ++row) {
    was.copy_row(row, a.data());
    again.copy_row(row, b.data());
    CHECK(a == b);
    CHECK(again.row_sum()[row] == was.row_sum()[row]);
  }
}

TEST_CASE("another model, rounding or plan has another key") {
  const Packed one(Rounding::kInt8, 3), other(Rounding::kInt8, 4), rounded(Rounding::kInt4, 3);
  CHECK(one.key != other.key);
  CHECK(one.key != rounded.key);
  models::Plan scaled;
  scaled.stacked({{"a", 4}}, 8);
  models::Plan twice;
  twice.stacked({{.name = "a", .rows = 4, .scale = 2}}, 8);
  CHECK(engine::packed_key({}, scaled, Rounding::kNone) !=
        engine::packed_key({}, twice, Rounding::kNone));
}

TEST_CASE("damaged files are removed, and never read beyond their end") {
  const Packed packed(Rounding::kInt8);
  packed.store.keep(packed.key, packed.weights.matrices);
  const std::filesystem::path file = packed.only_file();
  const std::vector<std::byte> sound = contents(file);
  const std::uint32_t seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (int i = 0; i < 300; ++i) {
    std::vector<std::byte> bytes = sound;
    const std::size_t within = i % 2 == 0 ? 300 : bytes.size();  // the head as often as the rest
    bytes[random() % within] ^= static_cast<std::byte>(1u << random() % 8);
    if (i % 5 == 0) bytes.resize(random() % bytes.size());
    overwrite(file, bytes);
    if (const auto found = packed.find()) {
      packed.check_same(*found);  // a gap between matrices
    } else {
      CHECK_FALSE(std::filesystem::exists(file));
    }
  }
}

TEST_CASE("files of this model that are out of date go, and those of models that are gone") {
  const Packed packed;
  packed.store.keep(1, packed.weights.matrices);
  const PackedStore elsewhere(packed.folder.path(), packed.model.path() / "gone", 0);
  elsewhere.keep(2, packed.weights.matrices);
  const TemporaryDirectory alive;
  const PackedStore other(packed.folder.path(), alive.path(), 0);
  other.keep(3, packed.weights.matrices);
  std::ofstream(packed.folder.path() / "notes.txt") << "not ours";
  packed.store.keep(packed.key, packed.weights.matrices);
  REQUIRE(packed.find());
  CHECK(count_in(packed.folder.path()) == 3);  // its own, the living one's, and the notes
  CHECK(packed.find(3));                       // one of the same shapes: the key is all that counts
}

TEST_CASE("a folder that cannot be written is one sentence, and a small model is not kept") {
  const Packed packed;
  const PackedStore large(packed.folder.path(), packed.model.path());
  large.keep(packed.key, packed.weights.matrices);
  CHECK(count_in(packed.folder.path()) == 0);
  const std::filesystem::path file = packed.folder.path() / "file";
  std::ofstream(file) << "no folder";
  const PackedStore store(file, packed.model.path(), 0);
  try {
    store.keep(packed.key, packed.weights.matrices);
    FAIL("kept in a file");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::kNoResources);
    CHECK(std::string(error.what()).find(file.string()) != std::string::npos);
    CHECK(std::string(error.what()).find('\n') == std::string::npos);
  }
}

TEST_CASE("a large model is mapped from the first load on, and answers the same") {
  models::StatelineConfig config = tiny_config();
  config.vocab_size = 480'000;  // 69 MB of f32
  const Checkpoint checkpoint(config, 7);
  const TemporaryDirectory directory, folder;
  checkpoint.write(directory.path());
  const auto load = [&](const std::filesystem::path& packed) {
    return Model::load(directory.path(), kernels::kernels(), nullptr, Rounding::kNone, packed);
  };
  const auto plain = load({}), first = load(folder.path()), again = load(folder.path());
  CHECK_FALSE(plain->shares_weights());
  CHECK(first->shares_weights());
  CHECK(again->shares_weights());
  CHECK(again->packing_problem().empty());
  CHECK(again->parameters() == plain->parameters());
  CHECK(again->weight_bytes() == plain->weight_bytes());
  const auto answer = [&](std::shared_ptr<const Model> model) {
    Engine engine(std::move(model), 2);
    const StatePtr state = advance(engine, State::initial(engine.model(), 3, 64), {1, 2, 3});
    return log_probs(engine, state);
  };
  const std::vector<float> expected = answer(plain);
  CHECK(answer(first) == expected);
  CHECK(answer(again) == expected);
}

}  // namespace
}  // namespace stateline::testing
