// The operations that networks are made of, on rows of activations that lie on a device. One
// implementation a device; none of them knows a network. The mathematics and the tolerances of each
// stand in kernels/*.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "models/plan.h"
#include "tensors/dtype.h"

namespace stateline::models {

// Rows of activations, `stride` elements apart.
struct Rows {
  std::byte* data = nullptr;
  std::size_t stride = 0;
  DType type = DType::kF32;

  Rows from(std::size_t row, std::size_t col = 0) const {
    return {data + (row * stride + col) * block_of(type).bytes, stride, type};
  }
  float* floats() const { return reinterpret_cast<float*>(data); }
};

enum class Activation { kSilu, kSigmoid };

// y = [y +] scale * x W^T + bias
struct LinearOp {
  Matrix W;
  std::size_t rows;
  Rows x, y;
  std::optional<Vector> bias = std::nullopt;
  float scale = 1;
  bool add = false;
};

// Each of `groups` runs of `width`: y = x / sqrt(mean(x^2) + eps) * weight [groups, width]
struct NormOp {
  std::size_t rows, groups, width;
  Rows x;
  Vector weight;
  float eps;
  Rows y;  // may be x
};

// y = f(gate) * up
struct GateOp {
  Activation f;
  std::size_t rows, width;
  Rows gate, up, y;  // y may be gate or up
};

// What ends a mixer: y = norm(y + D v) * f(z), each head's V values normalised apart.
struct HeadEndOp {
  std::size_t rows, heads, V;
  Vector D;  // [heads]
  Rows v;
  Vector weight;  // [heads, V]
  float eps;
  Activation f;
  Rows z;
  Rows y;  // in and out
};

// Depthwise and causal over four tokens, then SiLU.
struct ConvolveOp {
  std::size_t tokens, channels;
  Rows x;
  Vector weight;               // [4, channels] tap-major
  std::optional<Vector> bias;  // [channels]
  const float* before;         // [3, channels] inputs of the last tokens, oldest first
  float* after;                // [3, channels]; may be `before` on the processor
  Rows y;
};

// dt = softplus(u + bias), a = -exp(A_log) dt, log_dt = log(max(dt, 1e-6))
struct DiscretiseOp {
  std::size_t rows, heads;
  Rows u;
  Vector bias, A_log;
  Rows dt, a, log_dt;
};

// S = exp(a) S + dt k v^T, y = scale S^T q, for the heads that `head` names.
struct SsdOp {
  std::size_t tokens, heads;
  Indices head;
  std::size_t K, V;
  Rows q, k, v, a, dt;
  float scale;
  float* state;  // [heads, K, V] in and out
  Rows y;
};

// Pages of a layer's cache: head number i has its slot at page[p] + offset + i slots.
struct Cache {
  std::byte* const* pages;  // a table where the device reads it
  std::size_t page_count;
  std::size_t offset;            // bytes
  std::uint64_t first_position;  // of pages[0]
};

// Keys, values and running decays of the tokens into the cache.
struct AppendOp {
  std::size_t tokens, heads;
  Indices head;
  std::size_t K, V;
  Rows k, v, a, log_dt;
  Cache cache;
  std::uint64_t position;  // of the first token
};

struct AttendOp {
  std::size_t tokens, heads;
  Indices head;
  std::size_t K, V;
  Rows q;
  Vector query_scale;  // [H]
  Vector key_bound;    // [H]; see kernels/attention.h
  Cache cache;
  std::uint64_t first_query, window;
  Rows y;
};

class Ops {
 public:
  virtual ~Ops() = default;

  // x = scale * W[token]
  virtual void embed(Matrix W, std::span<const std::int32_t> tokens, float scale, Rows x) = 0;
  virtual void linear(const LinearOp& op) = 0;
  virtual void norm(const NormOp& op) = 0;
  virtual void gate(const GateOp& op) = 0;
  virtual void end_heads(const HeadEndOp& op) = 0;
  virtual void convolve(const ConvolveOp& op) = 0;
  virtual void discretise(const DiscretiseOp& op) = 0;
  virtual void ssd(const SsdOp& op) = 0;
  virtual void append(const AppendOp& op) = 0;
  virtual void attend(const AttendOp& op) = 0;
  // Both on the device.
  virtual void copy(void* to, const void* from, std::size_t bytes) = 0;
};

}  // namespace stateline::models
