// The operations that networks are made of, on rows of activations that lie on a device. One
// implementation a device; none of them knows a network. The mathematics and the tolerances of each
// stand in kernels/*.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
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
  Rows gate;
  Rows up;                // without data: ones
  Rows y;                 // may be gate or up
  bool one_gate = false;  // gate [rows, 1] for a whole row
};

// What ends a mixer: y = norm(y + D v) * f(z), or norm((y + D v) * f(z)).
struct HeadEndOp {
  std::size_t rows, heads, V;
  std::optional<Vector> D = std::nullopt;  // [heads]; none: no skip
  Rows v = {};
  std::optional<Vector> weight;  // [heads, V]; none: no norm
  std::size_t norm_groups;       // runs of heads V / norm_groups values are normalised apart
  float eps;
  Activation f;
  Rows z;
  bool gate_first = false;
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

// dt = softplus(u + bias) within [least, most], a = -exp(A_log) dt, log_dt = log(max(dt, 1e-6))
struct DiscretiseOp {
  std::size_t rows, heads;
  Rows u;
  Vector bias, A_log;
  Rows dt, a, log_dt = {};  // log_dt: if it has data
  float least = 0, most = std::numeric_limits<float>::infinity();
};

// Pairs (i, i + width / 2) of each head's first `width` values turn by position * theta^(-2 i /
// width), in place.
struct RotateOp {
  std::size_t heads, head_dim, width;
  double theta;
  Rows x;
  std::size_t tokens = 0;
  std::uint64_t position = 0;  // of the first token
};

// The heads of a layer that keep a state: S = exp(a) S + k u^T, y = scale S^T q, with the written
// value u = dt v, or by the delta rule u = dt (v - exp(a) S^T k), where S is that before the token.
struct StateHeads {
  std::size_t heads;      // that run here
  Indices head;           // which of all
  std::size_t key_heads;  // of q and k; head h has number h / (all / key_heads)
  std::size_t all;        // heads in v, a, dt and y
  std::size_t K, V;
  bool delta = false;
  Rows q, k, v, a, dt;
  float scale;
  Rows y;
};

// Tokens through the matrices themselves.
struct RecurOp {
  StateHeads heads;
  std::size_t tokens;
  float* state;  // [heads, K, V] in and out
};

// Tokens through a base, which stays what it is, and the log of what came after it.
struct LogOp {
  StateHeads heads;
  std::size_t tokens;
  const float* base;   // [heads, K, V]
  std::byte* log;      // the layer's part of a page; the tokens are added to it
  std::size_t logged;  // tokens in it before; with these at most a page's
};

// The base after the first `logged` tokens of its log.
struct FoldOp {
  std::size_t heads, key_heads, K, V;
  const float* base;
  const std::byte* log;
  std::size_t logged;
  float* next_base;  // may be `base`
};

// Pages of a layer's cache: slot number i is at page[p] + offset + i slots.
struct Cache {
  std::byte* const* pages;  // a table where the device reads it
  std::size_t page_count;
  std::size_t offset;            // bytes
  std::uint64_t first_position;  // of pages[0]
};

// The heads of a layer that look back. Without decays a and log_dt have no data.
struct AttendingHeads {
  std::size_t heads;  // that run here
  Indices head;       // which of all
  std::size_t slots;  // heads of k and v that are kept: `heads`, or fewer that runs of heads share
  std::size_t K, V;
  Rows q, k, v, a = {}, log_dt = {};
  Vector query_scale;                              // by number of the head
  std::optional<Vector> key_bound = std::nullopt;  // likewise; see kernels/attention.h
  Rows y;
};

// Keys, values and running decays of the tokens into the cache.
struct AppendOp {
  AttendingHeads heads;
  std::size_t tokens;
  Cache cache;
  std::uint64_t position;  // of the first token
};

struct AttendOp {
  AttendingHeads heads;
  std::size_t tokens;
  Cache cache;
  std::uint64_t first_query, window;
};

// y += sum over the best top_k experts e of weight_e down_e (SiLU(gate) * up), [gate | up] =
// gate_up_e x; the weights are the softmax of the router's logits over all experts, or over those
// that are taken.
struct ExpertsOp {
  struct Expert {
    Matrix gate_up, down;  // [2 F, d], [d, F]
  };
  std::size_t rows;
  std::span<const Expert> experts;
  std::size_t top_k, F;
  bool normalised;  // over those that are taken
  Rows logits;      // [experts]
  Rows x;
  float scale = 1;
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
  virtual void rotate(const RotateOp& op) = 0;
  virtual void recur(const RecurOp& op) = 0;
  virtual void recur_log(const LogOp& op) = 0;
  virtual void fold(const FoldOp& op) = 0;
  virtual void append(const AppendOp& op) = 0;
  virtual void attend(const AttendOp& op) = 0;
  virtual void experts(const ExpertsOp& op) = 0;
  // Both on the device.
  virtual void copy(void* to, const void* from, std::size_t bytes) = 0;
};

}  // namespace stateline::models
