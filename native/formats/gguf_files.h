// A model as one GGUF file, or cut into NAME-00001-of-0000N.gguf and so on, of which the first has
// the metadata of all and the others lie beside it.
#pragma once

#include <filesystem>
#include <vector>

#include "formats/gguf.h"
#include "formats/mapped_file.h"

namespace stateline::formats {

struct GgufFiles {
  std::vector<MappedFile> files;  // in their order
  GgufContents contents;          // the first's metadata, the tensors of all
};

// `path` is the first file. Throws Error(kInvalidModel).
GgufFiles open_gguf(const std::filesystem::path& path);

}  // namespace stateline::formats
