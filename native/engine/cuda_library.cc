#include "engine/cuda_library.h"

#include <string>
#include <system_error>

#include "formats/error.h"

#if defined(_WIN32)
#include <windows.h>
#else
#include <dlfcn.h>
#endif

namespace stateline::engine {
namespace {

[[noreturn]] void refuse(const std::string& sentence) { throw Error(ErrorCode::kDevice, sentence); }

std::string text_of(const std::filesystem::path& file) {
  const std::u8string utf8 = file.u8string();
  return {utf8.begin(), utf8.end()};
}

// The library's entry, or null and why.
#if defined(_WIN32)
cuda::LibraryEntry* find_entry(const std::filesystem::path& file, std::string& reason) {
  const HMODULE library = LoadLibraryW(file.c_str());
  if (library == nullptr) {
    reason = std::system_category().message(static_cast<int>(GetLastError()));
    return nullptr;
  }
  reason = "it has no entry";
  return reinterpret_cast<cuda::LibraryEntry*>(
      reinterpret_cast<void*>(GetProcAddress(library, cuda::kLibraryEntry)));
}
#else
cuda::LibraryEntry* find_entry(const std::filesystem::path& file, std::string& reason) {
  void* const library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  void* const entry = library == nullptr ? nullptr : dlsym(library, cuda::kLibraryEntry);
  if (entry == nullptr) reason = dlerror();
  return reinterpret_cast<cuda::LibraryEntry*>(entry);
}
#endif

}  // namespace

const cuda::Library& load_cuda_library(const std::filesystem::path& file) {
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored))
    refuse("This package has no CUDA library (" + text_of(file) +
           "); build one with ./dev build --cuda.");
  std::string reason;
  cuda::LibraryEntry* const entry = find_entry(file, reason);
  if (entry == nullptr)
    refuse("The CUDA library " + text_of(file) + " does not load: " + reason + ".");
  const cuda::Library& library = *entry();
  if (library.version != cuda::kLibraryVersion)
    refuse("The CUDA library " + text_of(file) +
           " is of another version than the engine; build it again with ./dev build --cuda.");
  return library;
}

}  // namespace stateline::engine
