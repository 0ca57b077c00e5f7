// A block a head: all that a head needs of the token is its own, so nothing leaves the block until
// y. A token moves so few bytes that latency rules: every thread asks for its whole part of the
// state, and for all else that it needs, before it waits for anything.
#include "kernels/cuda/decode_step.cuh"

#include "kernels/cuda/arithmetic.cuh"
#include "kernels/cuda/four.cuh"
#include "kernels/cuda/warp.cuh"

namespace stateline::kernels::cuda {
namespace {

// Threads stand in rows of kColumns, four values each: a row of threads works on a row of the state
// at a time.
template <int kValueDim>
struct DecodeTraits {
  static constexpr int kV = kValueDim;
  static constexpr int kColumns = kV / 4;
  static constexpr int kThreads = kV > 64 ? 512 : 256;
  static constexpr int kWarps = kThreads / kWarp;
  static constexpr int kRows = kThreads / kColumns;
  static constexpr int kMaxKeys = static_cast<int>(kMaxDeviceKeyDim);
  static constexpr int kCells = kMaxKeys / kRows;  // of a thread, four values each
  static constexpr int kLaneValues = kV / kWarp;   // of a lane, where one warp has all values
  struct Shared {
    alignas(16) float v[kV];
    alignas(16) float part[kWarps][kV];  // of y, from the rows of the state that a warp had
    float q[kMaxKeys], k[kMaxKeys];      // times the weights of their norms
    float q_square[kMaxKeys], k_square[kMaxKeys];
    float decay, dt;
  };
};

template <class Traits>
using Shared = typename Traits::Shared;

// 1 / sqrt(mean + eps), by each warp for itself.
__device__ __forceinline__ float inverse_root(const float* square, size_t width, float eps) {
  float sum = 0;
  for (size_t i = lane_index(); i < width; i += kWarp) sum += square[i];
  return rsqrtf(warp_sum(sum) / static_cast<float>(width) + eps);
}

// The thread's part of the state: rows row, row + kRows, ... and four columns of each.
template <class Traits>
struct Cells {
  float4 at[Traits::kCells];
  int row, d;
  size_t first;  // of the head's state
  bool whole;

  __device__ __forceinline__ explicit Cells(const DecodeStepArguments& s)
      : row(static_cast<int>(threadIdx.x) / Traits::kColumns),
        d(static_cast<int>(threadIdx.x) % Traits::kColumns * 4),
        first(blockIdx.x * s.K * s.V + d),
        whole(rows_of_16_bytes(s.state, s.V * sizeof(float)) && rows_of_16_bytes(s.next_state, 0)) {
    const int values = static_cast<int>(s.V) - d;
#pragma unroll
    for (int i = 0; i < Traits::kCells; ++i) {
      const int c = row + i * Traits::kRows;
      if (c < s.K) at[i] = load_four(s.state + first + c * s.V, values, whole);
    }
  }

  // Updates them and returns what they give to y. A norm divides by a scalar: k's is taken into v,
  // q's into y at the end.
  __device__ __forceinline__ float4 update(const Shared<Traits>& shared,
                                           const DecodeStepArguments& s) {
    const int values = static_cast<int>(s.V) - d;
    const float decay = shared.decay, step = shared.dt * inverse_root(shared.k_square, s.K, s.eps);
    const float4 added = step * load_four(&shared.v[d], values, true);
    float4 y = {0, 0, 0, 0};
#pragma unroll
    for (int i = 0; i < Traits::kCells; ++i) {
      const int c = row + i * Traits::kRows;
      if (c >= s.K) break;
      const float4 cell = decay * at[i] + shared.k[c] * added;
      store_four(s.next_state + first + c * s.V, cell, values, whole);
      y = y + shared.q[c] * cell;
    }
    return y;
  }
};

// The head's channel c of the convolution; its inputs move up by one in the history. Everything is
// read before anything is written: a compiler that cannot tell the two apart keeps their order.
__device__ __forceinline__ float convolve(const DecodeStepArguments& s, size_t c) {
  const size_t C = s.H * (2 * s.K + s.V);
  float input[kConvWidth], weight[kConvWidth];
#pragma unroll
  for (size_t w = 0; w < kConvWidth; ++w) {
    input[w] = w < kConvHistory ? s.history[w * C + c] : load(s.u + c);
    weight[w] = s.conv_weight[w * C + c];
  }
  float sum = s.conv_bias[c];
#pragma unroll
  for (size_t w = 0; w < kConvWidth; ++w) {
    sum += weight[w] * input[w];
    if (w > 0) s.next_history[(w - 1) * C + c] = input[w];
  }
  return silu(sum);
}

template <class Traits>
__device__ __forceinline__ void convolve_head(Shared<Traits>& shared, const DecodeStepArguments& s,
                                              size_t h) {
  const size_t key = s.H * s.K, value = 2 * key + h * s.V;
  for (size_t i = threadIdx.x; i < 2 * s.K + s.V; i += Traits::kThreads) {
    if (i >= 2 * s.K) {
      shared.v[i - 2 * s.K] = convolve(s, value + i - 2 * s.K);
      continue;
    }
    const bool is_q = i < s.K;
    const size_t c = is_q ? i : i - s.K, channel = h * s.K + c;
    const float weight = (is_q ? s.q_norm : s.k_norm)[channel];
    const float x = convolve(s, is_q ? channel : key + channel);
    (is_q ? shared.q : shared.k)[c] = x * weight;
    (is_q ? shared.q_square : shared.k_square)[c] = x * x;
  }
}

// What the first warp needs at the end: the skip, and for the values d = lane + 32 i the norm's
// weight and the gate. Asked for at the beginning; who touches a value waits for it.
template <class Traits>
struct Ending {
  float D, weight[Traits::kLaneValues];
  bf16 z[Traits::kLaneValues];
  __device__ __forceinline__ Ending(const DecodeStepArguments& s, size_t h) {
    if (warp_index() != 0) return;
    D = s.D[h];
#pragma unroll
    for (int i = 0; i < Traits::kLaneValues; ++i) {
      const int d = lane_index() + i * kWarp;
      if (d >= s.V) continue;
      weight[i] = s.out_norm[h * s.V + d];
      z[i] = s.u[s.H * (2 * s.K + s.V) + h * s.V + d];
    }
  }
};

// The rows of threads in the warp add up what they give to y.
template <class Traits>
__device__ __forceinline__ void put_part(Shared<Traits>& shared, float4 y, int d) {
#pragma unroll
  for (int lanes = Traits::kColumns; lanes < kWarp; lanes *= 2) y = y + shuffle_xor(y, lanes);
  if (lane_index() < Traits::kColumns) store_four(&shared.part[warp_index()][d], y, 4, true);
}

// Skip, norm and gate, by one warp.
template <class Traits>
__device__ __forceinline__ void finish(const Shared<Traits>& shared, const DecodeStepArguments& s,
                                       size_t h, const Ending<Traits>& ending) {
  const float scale = inverse_root(shared.q_square, s.K, s.eps) * rsqrtf(static_cast<float>(s.K));
  float y[Traits::kLaneValues], squares = 0;
#pragma unroll
  for (int i = 0; i < Traits::kLaneValues; ++i) {
    const int d = lane_index() + i * kWarp;
    y[i] = 0;
    if (d >= s.V) continue;
#pragma unroll
    for (int warp = 0; warp < Traits::kWarps; ++warp) y[i] += shared.part[warp][d];
    y[i] = y[i] * scale + ending.D * shared.v[d];
    squares += y[i] * y[i];
  }
  const float inverse = rsqrtf(warp_sum(squares) / static_cast<float>(s.V) + s.eps);
#pragma unroll
  for (int i = 0; i < Traits::kLaneValues; ++i) {
    const int d = lane_index() + i * kWarp;
    if (d < s.V)
      store(s.y + h * s.V + d, y[i] * inverse * ending.weight[i] * sigmoid(load(&ending.z[i])));
  }
}

template <class Traits>
__global__ void __launch_bounds__(Traits::kThreads) decode_step_kernel(DecodeStepArguments s) {
  auto& shared = shared_memory<Shared<Traits>>();
  Cells<Traits> cells(s);
  const size_t h = s.head[blockIdx.x];
  const Ending<Traits> ending(s, h);
  convolve_head<Traits>(shared, s, h);
  if (threadIdx.x == Traits::kThreads - 1) {  // it has no channel where K and V are 64
    const float dt = softplus(load(s.u + s.H * (2 * s.K + 2 * s.V) + h) + s.dt_bias[h]);
    shared.dt = dt;
    shared.decay = __expf(-expf(s.A_log[h]) * dt);
  }
  __syncthreads();  // q, k, v come from all threads, and are whole before the state meets them
  put_part<Traits>(shared, cells.update(shared, s), cells.d);
  __syncthreads();  // all parts of y are there before they are added
  if (warp_index() == 0) finish<Traits>(shared, s, h, ending);
}

template <class Traits>
void run(cudaStream_t stream, const DecodeStepArguments& s) {
  launch(decode_step_kernel<Traits>, dim3(static_cast<unsigned>(s.heads)), dim3(Traits::kThreads),
         stream, s);
}

}  // namespace

void decode_step(cudaStream_t stream, const DecodeStepArguments& s) {
  if (s.V <= 32) return run<DecodeTraits<32>>(stream, s);
  if (s.V <= 64) return run<DecodeTraits<64>>(stream, s);
  run<DecodeTraits<128>>(stream, s);
}

}  // namespace stateline::kernels::cuda
