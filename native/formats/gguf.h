// The GGUF container (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md), versions 2 and 3:
// a header, metadata, a table of tensors, then their aligned data. Everything is checked before the
// first tensor is read.
#pragma once

#include <span>
#include <string>

#include "formats/metadata.h"
#include "formats/tensor_table.h"

namespace stateline::formats {

// Views into the file. Its dimensions, fastest first, are turned about: a matrix is [rows, values
// of a row].
struct GgufContents {
  std::span<const std::byte> header;  // all that stands before the tensors' data
  Metadata metadata;
  Tensors tensors;
};

// `name` is the file's, for the sentence of the Error(kInvalidModel) that is thrown for whatever is
// no such file, or holds a tensor of a type that is not in tensors/dtype.h.
GgufContents read_gguf(std::span<const std::byte> bytes, const std::string& name);

}  // namespace stateline::formats
