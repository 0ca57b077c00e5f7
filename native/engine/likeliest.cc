#include "engine/likeliest.h"

#include <algorithm>

namespace stateline::engine {
namespace {

constexpr std::size_t kBlock = 64;

// Without a branch a value, so that a compiler makes vectors of it.
bool any_above(std::span<const float> values, float least) {
  int above = 0;
  for (const float value : values) above |= static_cast<int>(value > least);
  return above != 0;
}

}  // namespace

// By insertion: no comparison with a NaN can lead astray.
std::vector<std::int32_t> likeliest(std::span<const float> values, std::size_t count) {
  std::vector<std::int32_t> best;
  if (count == 0) return best;
  best.reserve(count + 1);
  const auto value = [&](std::int32_t place) { return values[static_cast<std::size_t>(place)]; };
  const auto consider = [&](std::size_t i) {
    if (best.size() == count && !(values[i] > value(best.back()))) return;
    auto at = best.end();
    while (at != best.begin() && values[i] > value(*(at - 1))) --at;
    best.insert(at, static_cast<std::int32_t>(i));
    if (best.size() > count) best.pop_back();
  };
  for (std::size_t begin = 0; begin < values.size(); begin += kBlock) {
    const std::size_t size = std::min(kBlock, values.size() - begin);
    const bool is_full = best.size() == count;
    if (is_full && !any_above(values.subspan(begin, size), value(best.back()))) continue;
    for (std::size_t i = begin; i < begin + size; ++i) consider(i);
  }
  return best;
}

}  // namespace stateline::engine
