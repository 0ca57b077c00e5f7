// A block has 32 columns of a head's state: they need nothing of the others. A token moves so few
// bytes that latency rules: every thread asks for its whole part of the state, and for all else
// that it needs, before it waits for anything.
#include "kernels/cuda/four.cuh"
#include "kernels/cuda/ssd.cuh"

namespace stateline::kernels::cuda {
namespace {

// Threads stand in rows of eight, four columns each: a row of threads works on a row of the state
// at a time.
constexpr int kColumns = 32;
constexpr int kThreads = 256;
constexpr int kWarps = kThreads / kWarp;
constexpr int kRows = kThreads / (kColumns / 4);
constexpr int kCells = static_cast<int>(kMaxTileDim) / kRows;  // of a thread, four values each

struct Shared {
  alignas(16) float part[kWarps][kColumns];  // of y, from the rows of the state that a warp had
};

// The thread's part of the state, rows row, row + kRows, ... and four columns of each, and what
// meets it there.
struct Cells {
  float4 at[kCells];
  bf16 q[kCells], k[kCells], v[4];
  float a, dt;
  int row, d, values;  // values: of the four that there are
  size_t first;        // of the head's state
  bool whole;

  __device__ __forceinline__ explicit Cells(const SsdArguments& s)
      : row(static_cast<int>(threadIdx.x) / (kColumns / 4)),
        d(static_cast<int>(blockIdx.y) * kColumns +
          static_cast<int>(threadIdx.x) % (kColumns / 4) * 4),
        values(static_cast<int>(s.V) - d),
        first(blockIdx.x * s.K * s.V + d),
        whole(rows_of_16_bytes(s.state, s.V * sizeof(float)) && rows_of_16_bytes(s.next_state, 0)) {
    const int K = static_cast<int>(s.K);
#pragma unroll
    for (int i = 0; i < kCells; ++i) {
      const int c = row + i * kRows;
      if (c < K) at[i] = load_four(s.state + first + c * s.V, values, whole);
    }
    const uint32_t h = s.head[blockIdx.x];
    const size_t key = h / s.heads_per_key * s.K;
    a = s.a[h];
    dt = s.dt[h];
#pragma unroll
    for (int i = 0; i < kCells; ++i) {
      const int c = row + i * kRows;
      if (c < K) q[i] = s.q[key + c], k[i] = s.k[key + c];
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
    for (int i = 0; i < kCells; ++i) {
      const int c = row + i * kRows;
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
__device__ __forceinline__ void put_part(Shared& shared, float4 y) {
#pragma unroll
  for (int lanes = kColumns / 4; lanes < kWarp; lanes *= 2) y = y + shuffle_xor(y, lanes);
  if (lane_index() < kColumns / 4)
    store_four(&shared.part[warp_index()][lane_index() * 4], y, 4, true);
}

__global__ void __launch_bounds__(kThreads) ssd_step_kernel(SsdArguments s) {
  auto& shared = shared_memory<Shared>();
  const Cells cells(s);
  put_part(shared, cells.update(s));
  __syncthreads();  // all parts of y are there before they are added
  const size_t column = threadIdx.x, d = blockIdx.y * size_t{kColumns} + column;
  if (column >= kColumns || d >= s.V) return;
  float y = 0;
#pragma unroll
  for (int warp = 0; warp < kWarps; ++warp) y += shared.part[warp][column];
  store(s.y + s.head[blockIdx.x] * s.V + d, y * s.scale);
}

}  // namespace

void ssd_step(cudaStream_t stream, const SsdArguments& s) {
  launch(ssd_step_kernel,
         dim3(static_cast<unsigned>(s.heads), static_cast<unsigned>(ceil_div(s.V, kColumns))),
         dim3(kThreads), stream, s);
}

}  // namespace stateline::kernels::cuda
