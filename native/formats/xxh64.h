// XXH64, the 64-bit hash of Yann Collet (https://github.com/Cyan4973/xxHash, doc/xxhash_spec.md):
// names a model and guards a serialised state against corruption. Not a defence against forgery.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace stateline::formats {

std::uint64_t xxh64(std::span<const std::byte> bytes, std::uint64_t seed = 0);

}  // namespace stateline::formats
