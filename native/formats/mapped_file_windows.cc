#if defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include "formats/mapped_file.h"
#include "formats/refusal.h"

namespace stateline::formats {
namespace {

// Closes the handle on every way out; the view outlives both handles.
struct Handle {
  HANDLE handle;
  ~Handle() {
    if (handle != nullptr && handle != INVALID_HANDLE_VALUE) CloseHandle(handle);
  }
};

constexpr auto kRemedy = "check the path or download the model again";

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path) : name_(utf8_name(path)) {
  const auto fail = [&](const std::string& what) { refuse(name_, what, kRemedy); };
  const Handle file{CreateFileW(path.c_str(), GENERIC_READ, FILE_SHARE_READ, nullptr, OPEN_EXISTING,
                                FILE_ATTRIBUTE_NORMAL, nullptr)};
  if (file.handle == INVALID_HANDLE_VALUE) fail("cannot be opened");
  if (GetFileType(file.handle) != FILE_TYPE_DISK) fail("is not a plain file");
  LARGE_INTEGER size{};
  if (!GetFileSizeEx(file.handle, &size)) fail("cannot be examined");
  if (size.QuadPart <= 0) fail("is empty");
  size_ = static_cast<std::size_t>(size.QuadPart);
  const Handle mapping{CreateFileMappingW(file.handle, nullptr, PAGE_READONLY, 0, 0, nullptr)};
  if (mapping.handle == nullptr) fail("cannot be mapped");
  data_ = static_cast<const std::byte*>(MapViewOfFile(mapping.handle, FILE_MAP_READ, 0, 0, 0));
  if (data_ == nullptr) fail("cannot be mapped");
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) UnmapViewOfFile(data_);
}

}  // namespace stateline::formats
#endif
