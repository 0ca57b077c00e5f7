// A block a head: all that a head needs of the token is its own, so nothing leaves the block until
// y.
#include "kernels/cuda/decode_step.cuh"

#include "kernels/cuda/arithmetic.cuh"
#include "kernels/cuda/warp.cuh"

namespace stateline::kernels::cuda {
namespace {

// Threads stand in rows of kColumns: a row of threads works on a row of the state at a time, so
// that each warp reads 128 bytes in order.
template <int kValueDim>
struct DecodeTraits {
  static constexpr int kColumns = kValueDim;
  static constexpr int kThreads = 256;
  static constexpr int kRows = kThreads / kColumns;
  static constexpr int kMaxKeys = static_cast<int>(kMaxKeyDim);
  struct Shared {
    float q[kMaxKeys], k[kMaxKeys], v[kColumns];
    float part[kRows][kColumns];  // of y, from the rows of the state that a row of threads had
    float decay, dt;
  };
};

template <class Traits>
using Shared = typename Traits::Shared;

// The head's channel c of the convolution; its inputs move up by one in the history.
__device__ __forceinline__ float convolve(const DecodeStepArguments& s, size_t c) {
  const size_t C = s.H * (2 * s.K + s.V);
  const float now = load(s.u + c);
  float sum = s.conv_bias[c] + s.conv_weight[kConvHistory * C + c] * now;
#pragma unroll
  for (size_t w = 0; w < kConvHistory; ++w) {
    const float before = s.history[w * C + c];
    sum += s.conv_weight[w * C + c] * before;
    if (w > 0) s.next_history[(w - 1) * C + c] = before;
  }
  s.next_history[(kConvHistory - 1) * C + c] = now;
  return silu(sum);
}

template <class Traits>
__device__ __forceinline__ void convolve_head(Shared<Traits>& shared, const DecodeStepArguments& s,
                                              size_t h) {
  const size_t key = s.H * s.K + h * s.K, value = 2 * s.H * s.K + h * s.V;
  for (size_t i = threadIdx.x; i < 2 * s.K + s.V; i += Traits::kThreads) {
    if (i < s.K) {
      shared.q[i] = convolve(s, h * s.K + i);
    } else if (i < 2 * s.K) {
      shared.k[i - s.K] = convolve(s, key + i - s.K);
    } else {
      shared.v[i - 2 * s.K] = convolve(s, value + i - 2 * s.K);
    }
  }
}

// By one warp.
__device__ __forceinline__ void normalise(float* x, const float* weight, size_t width, float eps) {
  float squares = 0;
  for (size_t i = lane_index(); i < width; i += kWarp) squares += x[i] * x[i];
  const float inverse = rsqrtf(warp_sum(squares) / static_cast<float>(width) + eps);
  for (size_t i = lane_index(); i < width; i += kWarp) x[i] *= inverse * weight[i];
}

// Each thread updates its column of the rows it has, and sums what they give to y.
template <class Traits>
__device__ __forceinline__ void update(Shared<Traits>& shared, const DecodeStepArguments& s) {
  const int d = static_cast<int>(threadIdx.x) % Traits::kColumns;
  const int row = static_cast<int>(threadIdx.x) / Traits::kColumns;
  const size_t first = blockIdx.x * s.K * s.V + d;
  const bool inside = d < s.V;
  const float decay = shared.decay, added = inside ? shared.dt * shared.v[d] : 0;
  float y = 0;
#pragma unroll 8
  for (int c = row; c < s.K; c += Traits::kRows) {
    if (!inside) break;
    const size_t at = first + c * s.V;
    const float cell = decay * s.state[at] + added * shared.k[c];
    s.next_state[at] = cell;
    y += cell * shared.q[c];
  }
  shared.part[row][d] = y;
}

// Skip, norm and gate, by one warp.
template <class Traits>
__device__ __forceinline__ void finish(const Shared<Traits>& shared, const DecodeStepArguments& s,
                                       size_t h) {
  const float scale = rsqrtf(static_cast<float>(s.K));
  const bf16* z = s.u + s.H * (2 * s.K + s.V) + h * s.V;
  float y[Traits::kColumns / kWarp], squares = 0;
#pragma unroll
  for (int i = 0; i < Traits::kColumns / kWarp; ++i) {
    const int d = lane_index() + i * kWarp;
    y[i] = 0;
    if (d >= s.V) continue;
    for (int row = 0; row < Traits::kRows; ++row) y[i] += shared.part[row][d];
    y[i] = y[i] * scale + s.D[h] * shared.v[d];
    squares += y[i] * y[i];
  }
  const float inverse = rsqrtf(warp_sum(squares) / static_cast<float>(s.V) + s.eps);
#pragma unroll
  for (int i = 0; i < Traits::kColumns / kWarp; ++i) {
    const int d = lane_index() + i * kWarp;
    if (d >= s.V) continue;
    const float weight = s.out_norm[h * s.V + d] * sigmoid(load(z + d));
    store(s.y + h * s.V + d, y[i] * inverse * weight);
  }
}

template <class Traits>
__global__ void __launch_bounds__(Traits::kThreads) decode_step_kernel(DecodeStepArguments s) {
  auto& shared = shared_memory<Shared<Traits>>();
  const size_t h = s.head[blockIdx.x];
  convolve_head<Traits>(shared, s, h);
  if (threadIdx.x == 0) {
    const float dt = softplus(load(s.u + s.H * (2 * s.K + 2 * s.V) + h) + s.dt_bias[h]);
    shared.dt = dt;
    shared.decay = __expf(-expf(s.A_log[h]) * dt);
  }
  __syncthreads();  // q, k, v come from all threads, and are whole before they are normalised
  if (warp_index() == 0) normalise(shared.q, s.q_norm + h * s.K, s.K, s.eps);
  if (warp_index() == 1) normalise(shared.k, s.k_norm + h * s.K, s.K, s.eps);
  __syncthreads();  // q and k are normalised before the state meets them
  update<Traits>(shared, s);
  __syncthreads();  // all parts of y are there before they are added
  if (warp_index() == 0) finish<Traits>(shared, s, h);
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
