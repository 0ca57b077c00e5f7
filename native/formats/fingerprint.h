// What tells a model's weights from all others, at the price of reading a small part of them.
#pragma once

#include <cstdint>
#include <span>

#include "formats/tensor_table.h"

namespace stateline::formats {

// XXH64 of a file of at most 64 MiB. Of a longer one: of its size, of all that stands before its
// first tensor (names, types, shapes, and in GGUF the metadata), and of the first, middle and last
// 4 KiB of each tensor. So a model that was trained on or stored otherwise is another one; a byte
// that was changed elsewhere, by hand, is not noticed. Tensors that lie in other files are passed
// over; the seed makes a chain over several files.
std::uint64_t fingerprint(std::span<const std::byte> file, const Tensors& tensors,
                          std::uint64_t seed);

}  // namespace stateline::formats
