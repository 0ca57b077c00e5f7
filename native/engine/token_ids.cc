#include "engine/token_ids.h"

#include <algorithm>
#include <string>

#include "formats/error.h"

namespace stateline::engine {

void check_token_ids(std::span<const std::int32_t> tokens, std::size_t vocab_size,
                     std::string_view what) {
  const auto wrong = std::find_if(tokens.begin(), tokens.end(), [vocab_size](std::int32_t id) {
    return id < 0 || static_cast<std::size_t>(id) >= vocab_size;
  });
  if (wrong == tokens.end()) return;
  throw Error(ErrorCode::kInvalidArgument, std::string(what) + "[" +
                                               std::to_string(wrong - tokens.begin()) + "] is " +
                                               std::to_string(*wrong) + ", but ids go from 0 to " +
                                               std::to_string(vocab_size - 1) + ".");
}

}  // namespace stateline::engine
