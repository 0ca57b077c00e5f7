// Token ids come from outside: what indexes tables of the vocabulary's size is checked first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace stateline::engine {

// Throws Error(kInvalidArgument), with the place of the first id that is not below vocab_size.
void check_token_ids(std::span<const std::int32_t> tokens, std::size_t vocab_size,
                     std::string_view what);

}  // namespace stateline::engine
