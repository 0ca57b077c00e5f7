#include "kernels/packed_matrix.h"

#include <bit>
#include <cassert>
#include <cstring>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace stateline::kernels {
namespace {

// Panels are streamed once per token: huge pages (2 MiB) spare the TLB on a model of some 100 MB.
constexpr size_t kHugePage = size_t{2} << 20;
constexpr std::align_val_t kAlignment{kHugePage};
constexpr std::align_val_t kSmallAlignment{64};

}  // namespace

void PackedMatrix::Free::operator()(std::byte* memory) const {
  ::operator delete(memory, small ? kSmallAlignment : kAlignment);
}

size_t PackedMatrix::element_bytes() const {
  if (type_ == WeightType::f32) return 4;
  return type_ == WeightType::bf16 ? 2 : 1;
}

float* PackedMatrix::f32_at(size_t row, size_t col) const {
  auto* panel = reinterpret_cast<float*>(data_.get() + row / kPanelRows * panel_bytes());
  return panel + col * kPanelRows + row % kPanelRows;
}

uint16_t* PackedMatrix::bf16_at(size_t row, size_t col) const {
  auto* panel = reinterpret_cast<uint16_t*>(data_.get() + row / kPanelRows * panel_bytes());
  return panel + (col / 2 * kPanelRows + row % kPanelRows) * 2 + col % 2;
}

int8_t* PackedMatrix::int8_at(size_t row, size_t col) const {
  auto* panel = reinterpret_cast<int8_t*>(data_.get() + row / kPanelRows * panel_bytes());
  return panel + (col / 4 * kPanelRows + row % kPanelRows) * 4 + col % 4;
}

PackedMatrix PackedMatrix::pack(WeightType type, const void* weights, const float* scale, size_t n,
                                size_t k) {
  assert((type == WeightType::int8) == (scale != nullptr));
  PackedMatrix W;
  W.type_ = type;
  W.n_ = n;
  W.k_ = k;
  const bool small = W.bytes() < kHugePage;
  W.data_ = {
      static_cast<std::byte*>(::operator new(W.bytes(), small ? kSmallAlignment : kAlignment)),
      Free{small}};
#if defined(__linux__)
  if (!small)
    madvise(W.data_.get(), W.bytes(), MADV_HUGEPAGE);  // advice only: failure changes nothing
#endif
  std::memset(W.data_.get(), 0, W.bytes());
  const auto* source = static_cast<const std::byte*>(weights);
  const size_t size = W.element_bytes();
  for (size_t row = 0; row < n; ++row) {
    for (size_t col = 0; col < k; ++col, source += size) {
      void* place = type == WeightType::f32    ? static_cast<void*>(W.f32_at(row, col))
                    : type == WeightType::bf16 ? static_cast<void*>(W.bf16_at(row, col))
                                               : static_cast<void*>(W.int8_at(row, col));
      std::memcpy(place, source, size);
    }
  }
  if (type == WeightType::int8) W.pack_scales(scale);
  return W;
}

void PackedMatrix::pack_scales(const float* scale) {
  const size_t padded = panels() * kPanelRows;
  scale_ = std::make_unique<float[]>(padded);
  row_sum_ = std::make_unique<int32_t[]>(padded);
  for (size_t row = 0; row < n_; ++row) {
    std::memcpy(&scale_[row], scale + row, sizeof(float));
    for (size_t col = 0; col < k_; ++col) row_sum_[row] += *int8_at(row, col);
  }
}

void PackedMatrix::copy_row(size_t row, float* out) const {
  assert(row < n_);
  for (size_t col = 0; col < k_; ++col) {
    switch (type_) {
      case WeightType::f32:
        out[col] = *f32_at(row, col);
        break;
      case WeightType::bf16:
        out[col] = std::bit_cast<float>(static_cast<uint32_t>(*bf16_at(row, col)) << 16);
        break;
      case WeightType::int8:
        out[col] = static_cast<float>(*int8_at(row, col)) * scale_[row];
        break;
    }
  }
}

}  // namespace stateline::kernels
