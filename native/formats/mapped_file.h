// A file mapped read-only into memory; the one place that differs between POSIX and Windows.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

namespace stateline::formats {

class MappedFile {
 public:
  // Throws Error(kInvalidModel) naming the file if it cannot be opened, is no plain file or is
  // empty.
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return {data_, size_}; }

 private:
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace stateline::formats
