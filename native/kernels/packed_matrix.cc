#include "kernels/packed_matrix.h"

#include <cassert>
#include <cstring>
#include <new>
#include <utility>

#include "kernels/kernels.h"
#include "tensors/half.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace stateline::kernels {
namespace {

// Panels are streamed once per token: huge pages (2 MiB) spare the TLB on a model of some 100 MB.
constexpr size_t kHugePage = size_t{2} << 20;
constexpr std::align_val_t kAlignment{kHugePage};
constexpr std::align_val_t kSmallAlignment{64};

// Every layout is made of units of four bytes that change from [16][units] to [units][16].
constexpr size_t kUnit = 4;

bool in_blocks(DType type) { return type == DType::kQ8_0 || type == DType::kQ4_0; }

size_t unit_bytes_of_block(DType type) { return block_of(type).bytes - sizeof(uint16_t); }

// `bytes` of row r at `from`, whole units of its column of the panel, each xor-ed with `flip`.
void put_units(const std::byte* from, size_t units, size_t r, uint32_t flip, std::byte* to) {
  for (size_t u = 0; u < units; ++u) {
    uint32_t unit;
    std::memcpy(&unit, from + u * kUnit, kUnit);
    unit ^= flip;
    std::memcpy(to + (u * kPanelRows + r) * kUnit, &unit, kUnit);
  }
}

}  // namespace

PackedMatrix::PackedMatrix(DType type, size_t n, size_t k) : type_(type), n_(n), k_(k) {
  lay_out();
  const std::align_val_t alignment = memory_bytes() < kHugePage ? kSmallAlignment : kAlignment;
  owned_ = static_cast<std::byte*>(::operator new(memory_bytes(), alignment));
  memory_ = {owned_, [alignment](std::byte* memory) { ::operator delete(memory, alignment); }};
#if defined(__linux__)
  if (alignment == kAlignment) madvise(owned_, memory_bytes(), MADV_HUGEPAGE);  // advice only
#endif
}

PackedMatrix::PackedMatrix(DType type, size_t n, size_t k, std::shared_ptr<const std::byte> memory)
    : type_(type), n_(n), k_(k), memory_(std::move(memory)) {
  lay_out();
  assert(reinterpret_cast<std::uintptr_t>(memory_.get()) % 64 == 0);
}

void PackedMatrix::lay_out() {
  const size_t values = padded_cols() / block_of(type_).values;
  panel_bytes_ = in_blocks(type_)
                     ? scales_bytes() + blocks() * kPanelRows * unit_bytes_of_block(type_)
                     : kPanelRows * values * block_of(type_).bytes;
}

PackedMatrix PackedMatrix::pack(DType type, const void* weights, const float* scale, size_t n,
                                size_t k) {
  assert((type == DType::kInt8) == (scale != nullptr));
  PackedMatrix W(type, n, k);
  const auto* source = static_cast<const std::byte*>(weights);
  W.take_panels(
      0, W.panels(), [&](size_t row) { return source + row * W.row_bytes(); }, scale);
  return W;
}

PackedMatrix PackedMatrix::filled(DType type, size_t n, size_t k, std::byte byte) {
  PackedMatrix W(type, n, k);
  std::memset(W.owned_, static_cast<int>(byte), W.memory_bytes());
  return W;
}

size_t PackedMatrix::padded_cols() const {
  const size_t step = in_blocks(type_) ? kBlockValues : 4;
  return (k_ + step - 1) / step * step;
}

size_t PackedMatrix::row_bytes() const {
  return in_blocks(type_) ? blocks() * block_of(type_).bytes : k_ * block_of(type_).bytes;
}

void PackedMatrix::take_panel(size_t panel, const std::byte* const* rows, const float* scale) {
  std::byte* place = writable(panel);
  const size_t count = rows_of(panel);
  in_blocks(type_) ? take_blocks(place, rows, count) : take_values(place, rows, count);
  if (type_ == DType::kInt8) take_scales(panel, scale);
}

void PackedMatrix::take_values(std::byte* panel, const std::byte* const* rows, size_t count) const {
  constexpr size_t kStrip = 16;  // units: the lines that a strip writes stay in the L1
  if (count < kPanelRows) std::memset(panel, 0, panel_bytes_);
  const size_t bytes = row_bytes(), units = bytes / kUnit;
  for (size_t u = 0; u < units; u += kStrip) {
    const size_t strip = units - u < kStrip ? units - u : kStrip;
    for (size_t r = 0; r < count; ++r)
      put_units(rows[r] + u * kUnit, strip, r, 0, panel + u * kPanelRows * kUnit);
  }
  const size_t size = block_of(type_).bytes, padded = padded_cols() * size;
  if (padded == bytes) return;
  std::byte* end = panel + units * kPanelRows * kUnit;
  std::memset(end, 0, panel_bytes_ - static_cast<size_t>(end - panel));
  for (size_t r = 0; r < count; ++r)
    std::memcpy(end + r * kUnit, rows[r] + units * kUnit, bytes % kUnit);
}

void PackedMatrix::take_blocks(std::byte* panel, const std::byte* const* rows, size_t count) const {
  const size_t unit_bytes = unit_bytes_of_block(type_), units = unit_bytes / kUnit;
  const size_t stride = block_of(type_).bytes;
  const uint32_t flip = type_ == DType::kQ8_0 ? 0x80808080u : 0;
  if (count < kPanelRows) std::memset(panel, type_ == DType::kQ8_0 ? 0x80 : 0x88, panel_bytes_);
  std::memset(panel, 0, scales_bytes());
  std::byte* weights = panel + scales_bytes();
  for (size_t b = 0; b < blocks(); ++b, weights += unit_bytes * kPanelRows) {
    std::byte* scales = panel + b * kPanelRows * sizeof(uint16_t);
    for (size_t r = 0; r < count; ++r) {
      const std::byte* block = rows[r] + b * stride;
      std::memcpy(scales + r * sizeof(uint16_t), block, sizeof(uint16_t));
      put_units(block + sizeof(uint16_t), units, r, flip, weights);
    }
  }
}

void PackedMatrix::take_scales(size_t panel, const float* scale) {
  const size_t first = panel * kPanelRows;
  auto* scales = reinterpret_cast<float*>(writable(panels()));
  auto* row_sums = reinterpret_cast<int32_t*>(scales + panels() * kPanelRows);
  for (size_t r = 0; r < kPanelRows; ++r) scales[first + r] = r < rows_of(panel) ? scale[r] : 0;
  const auto* values = reinterpret_cast<const int8_t*>(this->panel(panel));
  for (size_t r = 0; r < kPanelRows; ++r) row_sums[first + r] = 0;
  for (size_t u = 0; u < padded_cols() / kUnit; ++u) {
    for (size_t r = 0; r < kPanelRows; ++r, values += kUnit)
      row_sums[first + r] += values[0] + values[1] + values[2] + values[3];
  }
}

bool PackedMatrix::round_panel(size_t panel, const float* rows) {
  const size_t stride = blocks() * kBlockValues, count = rows_of(panel);
  const size_t k = in_blocks(type_) ? stride : k_;
  std::vector<std::byte> rounded(count * row_bytes());
  const std::byte* places[kPanelRows];
  float scale[kPanelRows];
  bool finite = true;
  for (size_t r = 0; r < count; ++r) {
    std::byte* place = rounded.data() + r * row_bytes();
    finite &= kernels().quantise_row(type_, rows + r * stride, k, place, scale + r);
    places[r] = place;
  }
  take_panel(panel, places, scale);
  return finite;
}

void PackedMatrix::copy_row(size_t row, float* out) const {
  assert(row < n_);
  const std::byte* panel = this->panel(row / kPanelRows);
  const size_t r = row % kPanelRows;
  const auto unit = [&](const std::byte* units, size_t u) {
    return units + (u * kPanelRows + r) * kUnit;
  };
  const auto scale = [&](size_t col) {
    uint16_t half;
    std::memcpy(&half, panel + (col / kBlockValues * kPanelRows + r) * sizeof(half), sizeof(half));
    return f32_from_f16(half);
  };
  for (size_t col = 0; col < k_; ++col) {
    const size_t i = col % 4;
    if (type_ == DType::kF32) {
      std::memcpy(out + col, unit(panel, col), sizeof(float));
    } else if (type_ == DType::kBF16) {
      uint16_t value;
      std::memcpy(&value, unit(panel, col / 2) + col % 2 * 2, sizeof(value));
      out[col] = f32_from_bf16(value);
    } else if (type_ == DType::kInt8) {
      out[col] =
          static_cast<float>(static_cast<int8_t>(unit(panel, col / 4)[i])) * this->scale()[row];
    } else if (type_ == DType::kQ8_0) {
      const int byte = static_cast<int>(unit(panel + scales_bytes(), col / 4)[i]);
      out[col] = static_cast<float>(byte - 128) * scale(col);
    } else {
      const size_t within = col % kBlockValues, high = within / 16;
      const std::byte two =
          unit(panel + scales_bytes(), col / kBlockValues * 4 + within % 16 / 4)[i];
      const int half = static_cast<int>(two) >> 4 * high & 15;
      out[col] = static_cast<float>(half - 8) * scale(col);
    }
  }
}

}  // namespace stateline::kernels
