// A block a head. A token moves so few bytes that latency rules: every thread asks for its whole
// part of the state, and for all else that it needs, before it waits for anything.
#include "kernels/cuda/four.cuh"
#include "kernels/cuda/ssd.cuh"

namespace stateline::kernels::cuda {
namespace {

// Threads stand in rows of kColumns, four values each: a row of threads works on a row of the state
// at a time.
template <int kValueDim>
struct StepTraits {
  static constexpr int kV = kValueDim;
  static constexpr int kColumns = kV / 4;
  static constexpr int kThreads = kV > 64 ? 512 : 256;
  static constexpr int kWarps = kThreads / kWarp;
  static constexpr int kRows = kThreads / kColumns;
  static constexpr int kCells = static_cast<int>(kMaxDeviceKeyDim) / kRows;  // of a thread, four values
  struct Shared {
    alignas(16) float part[kWarps][kV];  // of y, from the rows of the state that a warp had
  };
};

// The thread's part of the state, rows row, row + kRows, ... and four columns of each, and what
// meets it there.
template <class Traits>
struct Cells {
  float4 at[Traits::kCells];
  bf16 q[Traits::kCells], k[Traits::kCells], v[4];
  float a, dt;
  int row, d, values;  // values: of the four that there are
  size_t first;        // of the head's state
  bool whole;

  __device__ __forceinline__ explicit Cells(const SsdArguments& s)
      : row(static_cast<int>(threadIdx.x) / Traits::kColumns),
        d(static_cast<int>(threadIdx.x) % Traits::kColumns * 4),
        values(static_cast<int>(s.V) - d),
        first(blockIdx.x * s.K * s.V + d),
        whole(rows_of_16_bytes(s.state, s.V * sizeof(float)) && rows_of_16_bytes(s.next_state, 0)) {
    const int K = static_cast<int>(s.K);
#pragma unroll
    for (int i = 0; i < Traits::kCells; ++i) {
      const int c = row + i * Traits::kRows;
      if (c < K) at[i] = load_four(s.state + first + c * s.V, values, whole);
    }
    const size_t h = s.head[blockIdx.x];
    a = s.a[h];
    dt = s.dt[h];
#pragma unroll
    for (int i = 0; i < Traits::kCells; ++i) {
      const int c = row + i * Traits::kRows;
      if (c < K) q[i] = s.q[h * s.K + c], k[i] = s.k[h * s.K + c];
    }
#pragma unroll
    for (int i = 0; i < 4; ++i)
      if (i < values) v[i] = s.v[h * s.V + d + i];
  }

  // Updates them and returns what they give to y.
  __device__ __forceinline__ float4 update(const SsdArguments& s) const {
    const int K = static_cast<int>(s.K);
    const float decay = __expf(a);
    const float4 added = dt * float4{value(0), value(1), value(2), value(3)};
    float4 y = {0, 0, 0, 0};
#pragma unroll
    for (int i = 0; i < Traits::kCells; ++i) {
      const int c = row + i * Traits::kRows;
      if (c >= K) break;
      const float4 cell = decay * at[i] + load(&k[i]) * added;
      store_four(s.next_state + first + c * s.V, cell, values, whole);
      y = y + load(&q[i]) * cell;
    }
    return y;
  }
  __device__ __forceinline__ float value(int i) const { return i < values ? load(&v[i]) : 0; }
};

// The rows of threads in the warp add up what they give to y.
template <class Traits>
__device__ __forceinline__ void put_part(typename Traits::Shared& shared, float4 y, int d) {
#pragma unroll
  for (int lanes = Traits::kColumns; lanes < kWarp; lanes *= 2) y = y + shuffle_xor(y, lanes);
  if (lane_index() < Traits::kColumns) store_four(&shared.part[warp_index()][d], y, 4, true);
}

template <class Traits>
__global__ void __launch_bounds__(Traits::kThreads) ssd_step_kernel(SsdArguments s) {
  auto& shared = shared_memory<typename Traits::Shared>();
  const Cells<Traits> cells(s);
  put_part<Traits>(shared, cells.update(s), cells.d);
  __syncthreads();  // all parts of y are there before they are added
  const int d = static_cast<int>(threadIdx.x);
  if (d >= static_cast<int>(s.V)) return;
  float y = 0;
#pragma unroll
  for (int warp = 0; warp < Traits::kWarps; ++warp) y += shared.part[warp][d];
  store(s.y + s.head[blockIdx.x] * s.V + d, y * s.scale);
}

template <class Traits>
void run(cudaStream_t stream, const SsdArguments& s) {
  launch(ssd_step_kernel<Traits>, dim3(static_cast<unsigned>(s.heads)), dim3(Traits::kThreads),
         stream, s);
}

}  // namespace

void ssd_step(cudaStream_t stream, const SsdArguments& s) {
  if (s.V <= 32) return run<StepTraits<32>>(stream, s);
  if (s.V <= 64) return run<StepTraits<64>>(stream, s);
  run<StepTraits<128>>(stream, s);
}

}  // namespace stateline::kernels::cuda
