#include "engine/packed_store.h"

#include <atomic>
#include <bit>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>
#include <random>
#include <span>
#include <system_error>
#include <utility>

#include "formats/byte_reader.h"
#include "formats/error.h"
#include "formats/mapped_file.h"
#include "formats/xxh64.h"
#include "kernels/thread_pool.h"

namespace stateline::engine {
namespace {

namespace fs = std::filesystem;
using formats::utf8_name;
using kernels::PackedMatrix;
using models::MatrixSpec;

static_assert(std::endian::native == std::endian::little,
              "panels are stored as they lie in memory");

// A file: magic, key, number of matrices, the model's path; an entry a matrix; the checksum of all
// that; then the matrices' memory, each from a multiple of kAlignment.
constexpr std::string_view kMagic = "SLPACK01";  // changes with the layout of PackedMatrix
constexpr std::size_t kAlignment = 4096;
constexpr std::uintmax_t kRoom = std::uintmax_t{1} << 30;  // left to others on the disk
constexpr std::chrono::hours kUnused{30 * 24}, kUnfinished{1};
constexpr const char *kSuffix = ".packed", *kPart = ".part";

struct Entry {
  std::uint64_t type, offset, bytes, checksum;
};

std::size_t aligned(std::size_t at) { return (at + kAlignment - 1) / kAlignment * kAlignment; }

template <typename T>
void put(std::string& out, const T& value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void put_text(std::string& out, std::string_view text) {
  put(out, std::uint64_t{text.size()});
  out += text;
}

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

std::uint64_t checksum_of(const PackedMatrix& matrix) { return formats::xxh64(matrix.memory()); }

std::string head_of(std::uint64_t key, const std::string& model,
                    const std::vector<PackedMatrix>& matrices) {
  std::string head(kMagic);
  put(head, key);
  put(head, std::uint64_t{matrices.size()});
  put_text(head, model);
  std::size_t offset = aligned(head.size() + matrices.size() * sizeof(Entry) + sizeof(key));
  for (const PackedMatrix& matrix : matrices) {
    put(head, Entry{static_cast<std::uint64_t>(matrix.type()), offset, matrix.memory_bytes(),
                    checksum_of(matrix)});
    offset = aligned(offset + matrix.memory_bytes());
  }
  put(head, formats::xxh64(bytes_of(head)));
  return head;
}

// Reads a head; whatever is wrong throws Error(kInvalidModel), which means: pack again.
class Head {
 public:
  explicit Head(const formats::MappedFile& file) : file_(file), reader_(file.bytes(), file.name()) {
    const auto magic = reader_.take(kMagic.size());
    if (std::memcmp(magic.data(), kMagic.data(), kMagic.size()) != 0)
      formats::refuse(file_.name(), "is of another version");
    key = reader_.read<std::uint64_t>();
    count_ = reader_.read<std::uint64_t>();
    model = reader_.text();
  }

  std::vector<Entry> entries() {
    if (count_ > file_.bytes().size() / sizeof(Entry)) damaged();
    std::vector<Entry> entries;
    for (std::uint64_t i = 0; i < count_; ++i) entries.push_back(reader_.read<Entry>());
    const std::uint64_t expected = formats::xxh64(file_.bytes().first(reader_.at()));
    if (reader_.read<std::uint64_t>() != expected) damaged();
    return entries;
  }

  [[noreturn]] void damaged() const { formats::refuse(file_.name(), "is damaged"); }

  std::uint64_t key;
  std::string_view model;

 private:
  const formats::MappedFile& file_;
  formats::ByteReader reader_;
  std::uint64_t count_;
};

PackedMatrix matrix_at(const Entry& entry, const MatrixSpec& spec, const Head& head,
                       const std::shared_ptr<const formats::MappedFile>& file) {
  const auto type = static_cast<DType>(entry.type);
  const bool known = entry.type <= static_cast<std::uint64_t>(DType::kQ4_0) && type != DType::kF16;
  if (!known || entry.offset % kAlignment != 0) head.damaged();
  const std::size_t size = file->bytes().size();
  if (entry.offset > size || entry.bytes > size - entry.offset) head.damaged();
  const std::byte* begin = file->bytes().data() + entry.offset;
  PackedMatrix matrix(type, spec.rows(), spec.cols, {file, begin});
  if (matrix.memory_bytes() != entry.bytes) head.damaged();
  return matrix;
}

std::vector<PackedMatrix> read(const fs::path& path, std::uint64_t key, const models::Plan& plan,
                               unsigned threads) {
  const auto file = std::make_shared<const formats::MappedFile>(path);
  Head head(*file);
  const std::vector<Entry> entries = head.entries();
  if (head.key != key || entries.size() != plan.matrices().size()) head.damaged();
  std::vector<PackedMatrix> matrices;
  for (std::size_t i = 0; i < entries.size(); ++i)
    matrices.push_back(matrix_at(entries[i], plan.matrices()[i], head, file));
  std::atomic<bool> whole = true;
  kernels::ThreadPool pool(threads);
  pool.run(entries.size(), 1e9, [&](std::size_t i) {
    if (checksum_of(matrices[i]) != entries[i].checksum) whole = false;
  });
  if (!whole) head.damaged();
  return matrices;
}

std::size_t memory_of(const std::vector<PackedMatrix>& matrices) {
  std::size_t bytes = 0;
  for (const PackedMatrix& matrix : matrices) bytes += matrix.memory_bytes();
  return bytes;
}

[[noreturn]] void give_up(const fs::path& folder, const std::string& why) {
  throw Error(ErrorCode::kNoResources,
              "The model's packed weights cannot be kept in " + utf8_name(folder) + " (" + why +
                  "), so each start packs them again; give that folder room.");
}

}  // namespace

std::uint64_t packed_key(const ModelHash& model, const models::Plan& plan, Rounding rounding) {
  std::string made_of;
  put(made_of, model);
  put(made_of, static_cast<std::uint64_t>(rounding));
  for (const MatrixSpec& spec : plan.matrices()) {
    put(made_of, std::uint64_t{spec.cols});
    put(made_of, std::uint64_t{spec.parts.size()});
    for (const MatrixSpec::Part& part : spec.parts) {
      put_text(made_of, part.name);
      for (const std::uint64_t number : {part.rows, part.first, part.of}) put(made_of, number);
      put(made_of, part.scale);
    }
  }
  return formats::xxh64(bytes_of(made_of));
}

PackedStore::PackedStore(fs::path folder, const fs::path& model, std::size_t least_bytes)
    : folder_(std::move(folder)), model_(fs::absolute(model)), least_bytes_(least_bytes) {}

fs::path PackedStore::file_of(std::uint64_t key) const {
  char name[17];
  std::snprintf(name, sizeof name, "%016llx", static_cast<unsigned long long>(key));
  return folder_ / (std::string(name) + kSuffix);
}

std::optional<std::vector<PackedMatrix>> PackedStore::find(std::uint64_t key,
                                                           const models::Plan& plan,
                                                           unsigned threads) const {
  const fs::path file = file_of(key);
  std::error_code failed;
  sweep(file);
  if (!fs::exists(file, failed)) return std::nullopt;
  try {
    std::vector<PackedMatrix> matrices = read(file, key, plan, threads);
    fs::last_write_time(file, fs::file_time_type::clock::now(), failed);  // it is in use
    return matrices;
  } catch (const Error&) {
    fs::remove(file, failed);
    return std::nullopt;
  }
}

bool PackedStore::keep(std::uint64_t key, const std::vector<PackedMatrix>& matrices) const {
  const std::size_t bytes = memory_of(matrices);
  if (bytes < least_bytes_) return false;
  std::error_code failed;
  if (fs::create_directories(folder_, failed); failed) give_up(folder_, failed.message());
  fs::permissions(folder_, fs::perms::owner_all, failed);
  const fs::space_info space = fs::space(folder_, failed);
  if (!failed && space.available < bytes + kRoom) give_up(folder_, "the disk is full");
  const fs::path file = file_of(key);
  fs::path part = file;
  part += std::to_string(std::random_device{}());
  part += kPart;
  try {
    write(part, key, matrices);
  } catch (...) {
    fs::remove(part, failed);
    throw;
  }
  if (fs::rename(part, file, failed); failed) {
    const std::string why = failed.message();
    fs::remove(part, failed);
    give_up(folder_, why);
  }
  return true;
}

void PackedStore::write(const fs::path& file, std::uint64_t key,
                        const std::vector<PackedMatrix>& matrices) const {
  std::ofstream out(file, std::ios::binary);
  const std::string head = head_of(key, utf8_name(model_), matrices);
  out.write(head.data(), static_cast<std::streamsize>(head.size()));
  std::size_t at = head.size();
  for (const PackedMatrix& matrix : matrices) {
    const std::string gap(aligned(at) - at, '\0');
    out.write(gap.data(), static_cast<std::streamsize>(gap.size()));
    const auto memory = matrix.memory();
    out.write(reinterpret_cast<const char*>(memory.data()),
              static_cast<std::streamsize>(memory.size()));
    at += gap.size() + memory.size();
  }
  out.close();
  if (!out) give_up(folder_, "it cannot be written");
}

// Removes what nobody will ask for: files of models that are gone, older ones of this model, what
// nobody used for a month, and what was never finished. One that is mapped stays until it is not.
void PackedStore::sweep(const fs::path& kept) const {
  std::error_code failed;
  const auto now = fs::file_time_type::clock::now();
  for (const fs::directory_entry& entry : fs::directory_iterator(folder_, failed)) {
    const fs::path& path = entry.path();
    const auto age = now - entry.last_write_time(failed);
    bool useless = false;
    if (path.extension() == kPart) {
      useless = age > kUnfinished;
    } else if (path.extension() == kSuffix && path != kept) {
      try {
        const formats::MappedFile file(path);
        const Head head(file);
        const std::u8string model(head.model.begin(), head.model.end());
        useless = age > kUnused || fs::path(model) == model_ || !fs::exists(model, failed);
      } catch (const Error&) {
        useless = true;
      }
    }
    if (useless) fs::remove(path, failed);
  }
}

}  // namespace stateline::engine
