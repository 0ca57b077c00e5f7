#if !defined(_WIN32)
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "formats/mapped_file.h"
#include "formats/refusal.h"

namespace stateline::formats {
namespace {

// Closes the descriptor on every way out; the mapping outlives it.
struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) close(fd);
  }
};

constexpr auto kRemedy = "check the path or download the model again";

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path) : name_(utf8_name(path)) {
  const auto fail = [&](const std::string& what) { refuse(name_, what, kRemedy); };
  // O_NONBLOCK: a pipe put in the file's place must not hang the load.
  const Descriptor file{open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.fd < 0) fail(std::string("cannot be opened (") + std::strerror(errno) + ")");
  struct stat info {};
  if (fstat(file.fd, &info) != 0) fail("cannot be examined");
  if (!S_ISREG(info.st_mode)) fail("is not a plain file");
  if (info.st_size <= 0) fail("is empty");
  size_ = static_cast<std::size_t>(info.st_size);
  void* mapping = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.fd, 0);
  if (mapping == MAP_FAILED) fail(std::string("cannot be mapped (") + std::strerror(errno) + ")");
  data_ = static_cast<const std::byte*>(mapping);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) munmap(const_cast<std::byte*>(data_), size_);
}

}  // namespace stateline::formats
#endif
