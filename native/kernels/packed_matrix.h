// A weight matrix W [n, k] re-ordered once at load into the panels that `linear` streams.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "tensors/dtype.h"

namespace stateline::kernels {

constexpr size_t kPanelRows = 16;    // output rows per panel: one AVX-512 register of f32
constexpr size_t kBlockValues = 32;  // neighbours along k that share a scale, in kQ8_0 and kQ4_0

// Layout, a panel after the other, n padded to 16, padding is zero:
//   kF32   [k][16]
//   kBF16  [k/2][16][2]
//   kInt8  [k/4][16][4], with scale [n] and row_sum [n] beside the panels (sum of the int8 values
//          of a row, for the unsigned-by-signed products of VNNI)
//   kQ8_0  scales f16 [k/32][16], then unsigned bytes [k/32][8][16][4]; w = (byte - 128) * scale
//   kQ4_0  scales f16 [k/32][16], then bytes of two weights [k/32][4][16][4]: of those of [u][][i]
//          the lower half belongs to column 4 u + i of the block, the higher one to 16 + 4 u + i;
//          w = (half - 8) * scale
// k is padded to 4 in the first three, to 32 in the others; the scales to 64 bytes a panel.
class PackedMatrix {
 public:
  PackedMatrix() = default;

  // Room for any of the five types above; each panel must be packed before it is read. Threads may
  // pack different panels at once. Throws std::bad_alloc.
  PackedMatrix(DType type, size_t n, size_t k);

  // One that was packed before: `memory` is a copy of its memory(), 64-byte aligned, and is only
  // read.
  PackedMatrix(DType type, size_t n, size_t k, std::shared_ptr<const std::byte> memory);

  // Panels from begin up to end, from rows that are stored in the matrix's own type: taken over
  // exactly. row(r) is where row r < n begins, const std::byte*, without need of alignment: k
  // values, or k/32 blocks of GGUF (then k must be a multiple of 32). `scale` is [n] for kInt8,
  // else null.
  template <class Row>
  void take_panels(size_t begin, size_t end, const Row& row, const float* scale = nullptr) {
    const std::byte* rows[kPanelRows];
    for (size_t panel = begin; panel < end; ++panel) {
      const size_t first = panel * kPanelRows;
      for (size_t r = 0; r < rows_of(panel); ++r) rows[r] = row(first + r);
      take_panel(panel, rows, scale ? scale + first : nullptr);
    }
  }

  // Panels from begin up to end, from rows in f32, rounded as kernels/quantise.h says: row(r, out)
  // writes row r < n into out [k]. False if a value was not finite.
  template <class Row>
  [[nodiscard]] bool round_panels(size_t begin, size_t end, const Row& row) {
    const size_t stride = blocks() * kBlockValues;
    std::vector<float> rows(kPanelRows * stride);  // what stands beyond k stays zero
    bool finite = true;
    for (size_t panel = begin; panel < end; ++panel) {
      const size_t first = panel * kPanelRows;
      for (size_t r = 0; r < rows_of(panel); ++r) row(first + r, rows.data() + r * stride);
      finite &= round_panel(panel, rows.data());
    }
    return finite;
  }

  // All panels of a row-major matrix in its own type, taken over on this thread.
  static PackedMatrix pack(DType type, const void* weights, const float* scale, size_t n, size_t k);

  // Panels of one byte throughout: for timing alone.
  static PackedMatrix filled(DType type, size_t n, size_t k, std::byte byte);

  DType type() const { return type_; }
  size_t rows() const { return n_; }  // n, outputs
  size_t cols() const { return k_; }  // k, inputs
  size_t padded_cols() const;
  size_t panels() const { return (n_ + kPanelRows - 1) / kPanelRows; }
  size_t panel_bytes() const { return panel_bytes_; }
  size_t bytes() const { return panels() * panel_bytes_; }

  const std::byte* panel(size_t index) const { return memory_.get() + index * panel_bytes_; }
  // [16 * panels()] each, kInt8 only
  const float* scale() const { return reinterpret_cast<const float*>(panel(panels())); }
  const int32_t* row_sum() const {
    return reinterpret_cast<const int32_t*>(scale() + panels() * kPanelRows);
  }
  // The panels, and what is beside them: all that the matrix holds.
  std::span<const std::byte> memory() const { return {memory_.get(), memory_bytes()}; }
  size_t memory_bytes() const {
    const size_t beside = type_ == DType::kInt8 ? sizeof(float) + sizeof(int32_t) : 0;
    return bytes() + beside * kPanelRows * panels();
  }

  // kQ8_0 and kQ4_0: a panel's blocks along k, and where their weights begin in it.
  size_t blocks() const { return (k_ + kBlockValues - 1) / kBlockValues; }
  size_t scales_bytes() const { return (blocks() * kPanelRows * sizeof(uint16_t) + 63) / 64 * 64; }

  // Row `row` as f32 into out [k]: the embedding look-up of a tied matrix.
  void copy_row(size_t row, float* out) const;

 private:
  size_t rows_of(size_t panel) const {
    const size_t left = n_ - panel * kPanelRows;
    return left < kPanelRows ? left : kPanelRows;
  }
  size_t row_bytes() const;
  void take_panel(size_t panel, const std::byte* const* rows, const float* scale);
  void take_values(std::byte* panel, const std::byte* const* rows, size_t count) const;
  void take_blocks(std::byte* panel, const std::byte* const* rows, size_t count) const;
  void take_scales(size_t panel, const float* scale);
  void lay_out();
  std::byte* writable(size_t panel) { return owned_ + panel * panel_bytes_; }
  bool round_panel(size_t panel, const float* rows);

  DType type_ = DType::kF32;
  size_t n_ = 0;
  size_t k_ = 0;
  size_t panel_bytes_ = 0;
  std::shared_ptr<const std::byte> memory_;
  std::byte* owned_ = nullptr;  // the same, if it was allocated here
};

}  // namespace stateline::kernels
