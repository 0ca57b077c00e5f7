// A weight matrix W [n, k] re-ordered once at load into the panels that `linear` streams.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace stateline::kernels {

enum class WeightType { f32, bf16, int8 };

constexpr size_t kPanelRows = 16;  // output rows per panel: one AVX-512 register of f32

// Layout, n padded to 16 and k to 4, padding is zero:
//   f32  [n/16][k][16]
//   bf16 [n/16][k/2][16][2]
//   int8 [n/16][k/4][16][4], with scale [n] and row_sum [n] (sum of the int8 values of a row, for
//        the unsigned-by-signed products of VNNI)
class PackedMatrix {
 public:
  PackedMatrix() = default;

  // `weights` is row-major [n, k] in the given type and needs no alignment (a mapped file will do);
  // `scale` is [n] for int8 and null otherwise. Copies; the source may go away.
  static PackedMatrix pack(WeightType type, const void* weights, const float* scale, size_t n,
                           size_t k);

  WeightType type() const { return type_; }
  size_t rows() const { return n_; }  // n, outputs
  size_t cols() const { return k_; }  // k, inputs
  size_t padded_cols() const { return (k_ + 3) / 4 * 4; }
  size_t panels() const { return (n_ + kPanelRows - 1) / kPanelRows; }
  size_t panel_bytes() const { return kPanelRows * padded_cols() * element_bytes(); }
  size_t bytes() const { return panels() * panel_bytes(); }

  const std::byte* panel(size_t index) const { return data_.get() + index * panel_bytes(); }
  const float* scale() const { return scale_.get(); }        // [16 * panels()], int8 only
  const int32_t* row_sum() const { return row_sum_.get(); }  // [16 * panels()], int8 only

  // Row `row` as f32 into out [k]: the embedding look-up of a tied matrix.
  void copy_row(size_t row, float* out) const;

 private:
  struct Free {
    void operator()(std::byte* memory) const;
    bool small;  // which alignment it was allocated with
  };

  void pack_scales(const float* scale);
  size_t element_bytes() const;
  float* f32_at(size_t row, size_t col) const;
  uint16_t* bf16_at(size_t row, size_t col) const;
  int8_t* int8_at(size_t row, size_t col) const;

  WeightType type_ = WeightType::f32;
  size_t n_ = 0;
  size_t k_ = 0;
  std::unique_ptr<std::byte, Free> data_;
  std::unique_ptr<float[]> scale_;
  std::unique_ptr<int32_t[]> row_sum_;
};

}  // namespace stateline::kernels
