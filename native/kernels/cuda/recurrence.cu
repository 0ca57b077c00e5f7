// Token by token. A warp has eight columns of a head's state in its registers: no column needs
// anything of the others, and sums over keys stay within the warp, so no token waits for a barrier.
#include "kernels/cuda/eight.cuh"
#include "kernels/cuda/four.cuh"
#include "kernels/cuda/ssd.cuh"

namespace stateline::kernels::cuda {
namespace {

constexpr int kWarps = 4;
constexpr int kThreads = kWarps * kWarp;
constexpr int kAcross = 2;  // lanes, with four columns each
constexpr int kColumns = kAcross * 4;
constexpr int kDown = kWarp / kAcross;  // lanes, with kCells rows each

// What a lane's part of the state meets of one token: its keys' and columns' numbers.
template <int kCells>
struct Token {
  uint4 q[kCells / 8], k[kCells / 8];
  bf16 v[4];
  float a, dt;
};

// The lane's part of the state: rows row ... row + kCells - 1, and four columns of each.
template <int kCells>
struct Part {
  float4 cell[kCells];
  size_t h, key;     // which head, and where its q and k begin
  int row, d;        // the first
  int rows, values;  // of these how many there are
  size_t first;      // of the state's floats

  __device__ __forceinline__ explicit Part(const SsdArguments& s)
      : h(s.head[blockIdx.x]),
        key(s.head[blockIdx.x] / s.heads_per_key * s.K),
        row(lane_index() / kAcross * kCells),
        d((static_cast<int>(blockIdx.y) * kWarps + warp_index()) * kColumns +
          lane_index() % kAcross * 4),
        rows(static_cast<int>(s.K) - row),
        values(static_cast<int>(s.V) - d),
        first((blockIdx.x * s.K + row) * s.V + d) {
    const bool whole = rows_of_16_bytes(s.state, s.V * sizeof(float));
#pragma unroll
    for (int i = 0; i < kCells; ++i)
      cell[i] = load_four(s.state + first + i * s.V, i < rows ? values : 0, whole);
  }

  __device__ __forceinline__ Token<kCells> fetch(const SsdArguments& s, size_t t) const {
    Token<kCells> token;
    const bf16 *q = s.q + t * s.ldq + key, *k = s.k + t * s.ldk + key;
    const int K = static_cast<int>(s.K);
    const bool whole_q = rows_of_16_bytes(q, 0), whole_k = rows_of_16_bytes(k, 0);
#pragma unroll
    for (int i = 0; i < kCells / 8; ++i) {
      token.q[i] = load_eight(q, row + i * 8, K, whole_q);
      token.k[i] = load_eight(k, row + i * 8, K, whole_k);
    }
#pragma unroll
    for (int i = 0; i < 4; ++i)
      token.v[i] = i < values ? s.v[t * s.ldv + h * s.V + d + i] : bf16{0};
    token.a = s.a[t * s.lda + h];
    token.dt = s.dt[t * s.lda + h];
    return token;
  }

  // Takes the token and returns its y before the scale.
  template <bool kDelta>
  __device__ __forceinline__ float4 step(const Token<kCells>& token) {
    const float decay = __expf(token.a);
    float4 said = {0, 0, 0, 0}, y = {0, 0, 0, 0};
#pragma unroll
    for (int i = 0; i < kCells; ++i) {
      cell[i] = decay * cell[i];
      if constexpr (kDelta) said = said + widen_eight(token.k[i / 8]).w[i % 8] * cell[i];
    }
    if constexpr (kDelta) said = sum_down(said);
    const float4 value = {load(&token.v[0]), load(&token.v[1]), load(&token.v[2]),
                          load(&token.v[3])};
    const float4 written = token.dt * (value + -1.0f * said);
#pragma unroll
    for (int i = 0; i < kCells; ++i) {
      cell[i] = cell[i] + widen_eight(token.k[i / 8]).w[i % 8] * written;
      y = y + widen_eight(token.q[i / 8]).w[i % 8] * cell[i];
    }
    return sum_down(y);
  }

  __device__ __forceinline__ void put(const SsdArguments& s) const {
    const bool whole = rows_of_16_bytes(s.next_state, s.V * sizeof(float));
#pragma unroll
    for (int i = 0; i < kCells; ++i)
      store_four(s.next_state + first + i * s.V, cell[i], i < rows ? values : 0, whole);
  }
  __device__ __forceinline__ void put_y(const SsdArguments& s, size_t t, const float4& y) const {
    if (row > 0) return;
    const float of[4] = {y.x, y.y, y.z, y.w};
#pragma unroll
    for (int i = 0; i < 4; ++i)
      if (i < values) store(s.y + t * s.ldy + h * s.V + d + i, of[i] * s.scale);
  }

 private:
  static __device__ __forceinline__ float4 sum_down(float4 sum) {
#pragma unroll
    for (int lanes = kAcross; lanes < kWarp; lanes *= 2) sum = sum + shuffle_xor(sum, lanes);
    return sum;
  }
};

template <int kCells, bool kDelta>
__global__ void __launch_bounds__(kThreads) recurrence_kernel(SsdArguments s) {
  Part<kCells> part(s);
  if (part.d - lane_index() % kAcross * 4 >= s.V) return;  // the whole warp has no columns
  Token<kCells> next = part.fetch(s, 0);
  for (size_t t = 0; t < s.tokens; ++t) {
    const Token<kCells> token = next;
    if (t + 1 < s.tokens) next = part.fetch(s, t + 1);  // on its way meanwhile
    part.put_y(s, t, part.template step<kDelta>(token));
  }
  part.put(s);
}

}  // namespace

void recurrence(cudaStream_t stream, const SsdArguments& s) {
  const auto kernel = !s.delta           ? recurrence_kernel<16, false>
                      : s.K <= kDown * 8 ? recurrence_kernel<8, true>
                                         : recurrence_kernel<16, true>;
  launch(
      kernel,
      dim3(static_cast<unsigned>(s.heads), static_cast<unsigned>(ceil_div(s.V, kWarps * kColumns))),
      dim3(kThreads), stream, s);
}

}  // namespace stateline::kernels::cuda
