// One query against the cache: a warp takes a page at a time, a lane a key of it. Two launches:
// parts of the pages, then their merger.
#include "kernels/cuda/arithmetic.cuh"
#include "kernels/cuda/attention.cuh"
#include "kernels/cuda/tile.cuh"
#include "kernels/cuda/warp.cuh"

namespace stateline::kernels::cuda {
namespace {

constexpr int kWarps = 4;
constexpr int kThreads = kWarps * kWarp;
constexpr int kSplits = 32;  // blocks a head
constexpr int kLaneValues = static_cast<int>(kMaxValueDim) / kWarp;

// The softmax of some keys: its greatest score, the sum of its weights, the weighted values; value
// d = lane + 32 i is the lane's number i.
struct Part {
  float top = -INFINITY, total = 0, y[kLaneValues] = {};

  __device__ __forceinline__ void scale_to(float new_top) {
    const float kept = top == -INFINITY ? 0 : __expf(top - new_top);
    top = new_top;
    total *= kept;
#pragma unroll
    for (float& value : y) value *= kept;
  }
  __device__ __forceinline__ void merge(Part other) {
    const float new_top = fmaxf(top, other.top);
    if (new_top == -INFINITY) return;
    scale_to(new_top);
    other.scale_to(new_top);
    total += other.total;
#pragma unroll
    for (int i = 0; i < kLaneValues; ++i) y[i] += other.y[i];
  }
};

struct StoredPart {
  float top, total, y[kMaxValueDim];
  __device__ __forceinline__ void put(const Part& part, size_t V) {
    if (lane_index() == 0) top = part.top, total = part.total;
#pragma unroll
    for (int i = 0; i < kLaneValues; ++i) {
      const int d = lane_index() + i * kWarp;
      if (d < V) y[d] = part.y[i];
    }
  }
  __device__ __forceinline__ Part get(size_t V) const {
    Part part;
    part.top = top;
    part.total = total;
#pragma unroll
    for (int i = 0; i < kLaneValues; ++i) {
      const int d = lane_index() + i * kWarp;
      if (d < V) part.y[i] = y[d];
    }
    return part;
  }
};

struct Shared {
  float q[kMaxKeyDim];
  StoredPart parts[kWarps];
};

__device__ __forceinline__ float dot(const float* q, const bf16* k, int K) {
  const bool whole = rows_of_16_bytes(k, 0);
  float sum = 0;
#pragma unroll 4
  for (int c = 0; c < K; c += 8) {
    const uint4 eight = load_eight(k, c, K, whole);
    const uint32_t words[4] = {eight.x, eight.y, eight.z, eight.w};
#pragma unroll
    for (int i = 0; i < 4; ++i)
      sum += q[c + 2 * i] * low_half(words[i]) + q[c + 2 * i + 1] * high_half(words[i]);
  }
  return sum;
}

__device__ __forceinline__ ConstDeviceSlot slot_of_page(const AttentionArguments& s,
                                                        uint64_t page) {
  const size_t index = page - s.cache.first_position / kPageTokens;
  return {s.cache.pages[index] + s.cache.offset + blockIdx.y * device_slot_bytes(s.K, s.V), s.K};
}

// Adds a page's keys of positions begin ... query to the warp's part.
__device__ __forceinline__ void add_page(Part& part, const AttentionArguments& s, const float* q,
                                         uint64_t page, uint64_t begin, double query_decay) {
  const ConstDeviceSlot slot = slot_of_page(s, page);
  const int lane = lane_index();
  const uint64_t position = page * kPageTokens + lane;
  float score = -INFINITY;
  if (position >= begin && position <= s.first_query) {
    score = dot(q, slot.k + lane * s.K, static_cast<int>(s.K)) +
            static_cast<float>(query_decay - slot.cumulative[lane]) + slot.log_dt[lane];
  }
  const float top = fmaxf(part.top, warp_max(score));
  part.scale_to(top);
  const float weight = __expf(score - top);
  part.total += warp_sum(weight);
  for (int j = 0; j < kWarp; ++j) {
    const float weight_j = __shfl_sync(kAllLanes, weight, j);
    if (weight_j == 0) continue;  // out of sight (perhaps uninitialised), or decayed to nothing
#pragma unroll
    for (int i = 0; i < kLaneValues; ++i) {
      const int d = lane + i * kWarp;
      if (d < s.V) part.y[i] += weight_j * load(slot.v + j * s.V + d);
    }
  }
}

// Parts of all splits: [heads][splits].
__device__ __forceinline__ StoredPart* stored_part(const AttentionArguments& s, int split) {
  return reinterpret_cast<StoredPart*>(s.workspace) + blockIdx.y * kSplits + split;
}

__global__ void __launch_bounds__(kThreads) attention_decode_kernel(AttentionArguments s) {
  auto& shared = shared_memory<Shared>();
  const size_t h = s.head[blockIdx.y];
  // The scale goes into the query, zeros where a vector of eight reaches over its end.
  for (int c = static_cast<int>(threadIdx.x); c < static_cast<int>(kMaxKeyDim); c += kThreads)
    shared.q[c] = c < s.K ? load(s.q + h * s.K + c) * s.query_scale[h] : 0;
  __syncthreads();  // the query is whole

  const uint64_t oldest =
      s.window == 0 || s.first_query + 1 < s.window ? 0 : s.first_query + 1 - s.window;
  const uint64_t begin = oldest < s.cache.first_position ? s.cache.first_position : oldest;
  const double query_decay =
      slot_of_page(s, s.first_query / kPageTokens).cumulative[s.first_query % kPageTokens];
  const uint64_t number = blockIdx.x * uint64_t{kWarps} + warp_index();
  Part part;
  for (uint64_t page = begin / kPageTokens + number; page * kPageTokens <= s.first_query;
       page += kSplits * kWarps)
    add_page(part, s, shared.q, page, begin, query_decay);
  shared.parts[warp_index()].put(part, s.V);
  __syncthreads();  // the parts of all warps are there before the first warp merges them
  if (warp_index() != 0) return;
  for (int warp = 1; warp < kWarps; ++warp) part.merge(shared.parts[warp].get(s.V));
  stored_part(s, static_cast<int>(blockIdx.x))->put(part, s.V);
}

__global__ void __launch_bounds__(kWarp) attention_merge_kernel(AttentionArguments s) {
  Part part;
  for (int split = 0; split < kSplits; ++split) part.merge(stored_part(s, split)->get(s.V));
  bf16* y = s.y + s.head[blockIdx.y] * s.V;
#pragma unroll
  for (int i = 0; i < kLaneValues; ++i) {
    const int d = lane_index() + i * kWarp;
    if (d < s.V) store(y + d, part.y[i] / part.total);
  }
}

}  // namespace

size_t attention_workspace_floats(size_t heads) {
  return heads * kSplits * sizeof(StoredPart) / sizeof(float);
}

void attention_decode(cudaStream_t stream, const AttentionArguments& s) {
  const auto heads = static_cast<unsigned>(s.heads);
  launch(attention_decode_kernel, dim3(kSplits, heads), dim3(kThreads), stream, s);
  launch(attention_merge_kernel, dim3(1, heads), dim3(kWarp), stream, s);
}

}  // namespace stateline::kernels::cuda
