// A file mapped read-only into memory; the one place that differs between POSIX and Windows.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <utility>

namespace stateline::formats {

// For a person, on every system.
inline std::string utf8_name(const std::filesystem::path& path) {
  const std::u8string name = path.u8string();
  return {name.begin(), name.end()};
}

class MappedFile {
 public:
  // Throws Error(kInvalidModel) naming the file if it cannot be opened, is no plain file or is
  // empty.
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  // What was mapped stays at its address.
  MappedFile(MappedFile&& other) noexcept
      : name_(std::move(other.name_)),
        data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)) {}
  MappedFile& operator=(MappedFile&&) = delete;

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  // The path in UTF-8, for sentences about the file.
  const std::string& name() const { return name_; }

 private:
  std::string name_;
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace stateline::formats
