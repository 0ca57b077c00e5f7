// One query against the cache. A warp takes a page at a time: teams of lanes have a row each, eight
// columns a lane, so that memory is read in long runs, and a team comes to know the scores of just
// those keys whose values it adds. Two launches: parts of the pages, then their merger.
#include "kernels/cuda/attention.cuh"
#include "kernels/cuda/device_slot.cuh"
#include "kernels/cuda/eight.cuh"
#include "kernels/cuda/warp.cuh"

namespace stateline::kernels::cuda {
namespace {

constexpr int kWarps = 4;
constexpr int kThreads = kWarps * kWarp;
constexpr int kSplits = 32;  // blocks a head

// The softmax of some keys: its greatest score, the sum of its weights, the weighted values; value
// d = lane + 32 i is the lane's number i.
template <int kWidth>
struct Part {
  static constexpr int kLaneValues = kWidth / kWarp;
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

template <int kWidth>
struct StoredPart {
  static constexpr int kLaneValues = kWidth / kWarp;
  float top, total, y[kWidth];
  __device__ __forceinline__ void put(const Part<kWidth>& part, size_t V) {
    if (lane_index() == 0) top = part.top, total = part.total;
#pragma unroll
    for (int i = 0; i < kLaneValues; ++i) {
      const int d = lane_index() + i * kWarp;
      if (d < V) y[d] = part.y[i];
    }
  }
  __device__ __forceinline__ Part<kWidth> get(size_t V) const {
    Part<kWidth> part;
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

// Rows of up to kWidth columns.
template <int kLanes>
struct Teams {
  static constexpr int kWidth = 8 * kLanes;
  static constexpr int kTeam = kLanes;
  static constexpr int kTeams = kWarp / kTeam;
  static constexpr int kAhead = kTeam < 8 ? kTeam : 8;  // rows of a team that are read together
  static constexpr int kRows = kAhead * kTeams;         // of a warp: a page, or half of one
  static_assert(kPageTokens % kRows == 0);
  static __device__ __forceinline__ int number() { return lane_index() / kTeam; }
  static __device__ __forceinline__ int col() { return lane_index() % kTeam * 8; }
};

template <class T>
struct Shared {
  StoredPart<T::kWidth> parts[kWarps];
};

// The block's head among those that run: y is its slot, z its place among the slot's.
__device__ __forceinline__ size_t head_number() { return blockIdx.y * gridDim.z + blockIdx.z; }

__device__ __forceinline__ ConstDeviceSlot slot_of_page(const AttentionArguments& s,
                                                        uint64_t page) {
  const size_t index = page - s.cache.first_position / kPageTokens;
  return {s.cache.pages[index] + s.cache.offset + blockIdx.y * device_slot_bytes(s.K, s.V), s.K};
}

// What the query may see: positions begin ... query.
struct Sight {
  uint64_t begin, query;
  double query_decay;
  __device__ __forceinline__ explicit Sight(const AttentionArguments& s) : query(s.first_query) {
    const uint64_t oldest = s.window == 0 || query + 1 < s.window ? 0 : query + 1 - s.window;
    begin = oldest < s.cache.first_position ? s.cache.first_position : oldest;
    query_decay = slot_of_page(s, query / kPageTokens).cumulative[query % kPageTokens];
  }
  // Whether a page's row is one of them; what lies outside may be uninitialised.
  __device__ __forceinline__ bool has(uint64_t page, int row) const {
    const uint64_t position = page * kPageTokens + row;
    return position >= begin && position <= query;
  }
};

// Of a page's row: what steers its key. Put together only when the keys are on their way.
struct Row {
  bool seen;
  double cumulative;
  float log_dt;
  __device__ __forceinline__ Row(const ConstDeviceSlot& slot, int row, bool in_sight)
      : seen(in_sight),
        cumulative(seen ? slot.cumulative[row] : 0),
        log_dt(seen ? slot.log_dt[row] : 0) {}
  __device__ __forceinline__ float bias(double query_decay) const {
    return seen ? static_cast<float>(query_decay - cumulative) + log_dt : -INFINITY;
  }
};

// The lane's columns of the query, times the scale; zeros from K on.
template <class T>
__device__ __forceinline__ Eight fetch_query(const AttentionArguments& s) {
  const size_t h = s.head[head_number()];
  const bf16* q = s.q + h * s.K;
  Eight eight = widen_eight(load_eight(q, T::col(), static_cast<int>(s.K), rows_of_16_bytes(q, 0)));
  const float scale = s.query_scale[h];
#pragma unroll
  for (float& value : eight.w) value *= scale;
  return eight;
}

// A lane's part of the softmax: of its team's rows, of its columns. All lanes have the same top.
template <class T>
struct Running {
  float top = -INFINITY, total = 0;
  Eight y = {};

  // Adds the keys of kRows rows of a page; `own` is the page's row that has the lane's number.
  __device__ __forceinline__ void add(const AttentionArguments& s, const ConstDeviceSlot& slot,
                                      const Eight& q, const Sight& sight, uint64_t page,
                                      int first_row, const Row& own) {
    const int K = static_cast<int>(s.K), V = static_cast<int>(s.V);
    const bool whole_k = rows_of_16_bytes(slot.k, s.K * sizeof(bf16)),
               whole_v = rows_of_16_bytes(slot.v, s.V * sizeof(bf16));
    uint4 k[T::kAhead], v[T::kAhead];
#pragma unroll
    for (int i = 0; i < T::kAhead; ++i) {
      const int row = first_row + i * T::kTeams + T::number();
      const bool seen = sight.has(page, row);
      k[i] = load_eight(slot.k + row * s.K, T::col(), seen ? K : 0, whole_k);
      v[i] = load_eight(slot.v + row * s.V, T::col(), seen ? V : 0, whole_v);
    }
    const float bias = own.bias(sight.query_decay);
    float score[T::kAhead], new_top = top;
#pragma unroll
    for (int i = 0; i < T::kAhead; ++i) {
      score[i] = team_dot(q, widen_eight(k[i])) +
                 __shfl_sync(kAllLanes, bias, first_row + i * T::kTeams + T::number());
      new_top = fmaxf(new_top, score[i]);
    }
    new_top = warp_max(new_top);
    if (new_top == -INFINITY) return;  // none of these rows is in sight
    scale_to(new_top);
#pragma unroll
    for (int i = 0; i < T::kAhead; ++i) {
      const float weight = __expf(score[i] - top);
      const Eight value = widen_eight(v[i]);
      total += weight;
#pragma unroll
      for (int d = 0; d < 8; ++d) y.w[d] += weight * value.w[d];
    }
  }

  // Adds up the teams.
  __device__ __forceinline__ void put(StoredPart<T::kWidth>& part, int V) {
#pragma unroll
    for (int bits = T::kTeam; bits < kWarp; bits *= 2) {
      total += __shfl_xor_sync(kAllLanes, total, bits);
#pragma unroll
      for (float& value : y.w) value += __shfl_xor_sync(kAllLanes, value, bits);
    }
    if (lane_index() == 0) part.top = top, part.total = total;
    if (T::number() != 0) return;
#pragma unroll
    for (int d = 0; d < 8; ++d)
      if (T::col() + d < V) part.y[T::col() + d] = y.w[d];
  }

 private:
  __device__ __forceinline__ void scale_to(float new_top) {
    const float kept = __expf(top - new_top);
    top = new_top;
    total *= kept;
#pragma unroll
    for (float& value : y.w) value *= kept;
  }
  static __device__ __forceinline__ float team_dot(const Eight& q, const Eight& k) {
    float sum = 0;
#pragma unroll
    for (int c = 0; c < 8; ++c) sum += q.w[c] * k.w[c];
#pragma unroll
    for (int bits = T::kTeam / 2; bits > 0; bits /= 2) sum += __shfl_xor_sync(kAllLanes, sum, bits);
    return sum;
  }
};

// Parts of all splits: [heads][splits].
template <class T>
__device__ __forceinline__ StoredPart<T::kWidth>* stored_part(const AttentionArguments& s,
                                                              int split) {
  return reinterpret_cast<StoredPart<T::kWidth>*>(s.workspace) + head_number() * kSplits + split;
}

template <class T>
__global__ void __launch_bounds__(kThreads) attention_decode_kernel(AttentionArguments s) {
  auto& shared = shared_memory<Shared<T>>();
  const Sight sight(s);
  const Eight q = fetch_query<T>(s);
  const uint64_t number = blockIdx.x * uint64_t{kWarps} + warp_index();
  Running<T> running;
  for (uint64_t page = sight.begin / kPageTokens + number; page * kPageTokens <= s.first_query;
       page += kSplits * kWarps) {
    const ConstDeviceSlot slot = slot_of_page(s, page);
    const Row own(slot, lane_index(), sight.has(page, lane_index()));
    for (int row = 0; row < static_cast<int>(kPageTokens); row += T::kRows)
      running.add(s, slot, q, sight, page, row, own);
  }
  running.put(shared.parts[warp_index()], static_cast<int>(s.V));
  __syncthreads();  // the parts of all warps are there before the first warp merges them
  if (warp_index() != 0) return;
  Part<T::kWidth> part;
  for (const StoredPart<T::kWidth>& stored : shared.parts) part.merge(stored.get(s.V));
  stored_part<T>(s, static_cast<int>(blockIdx.x))->put(part, s.V);
}

template <class T>
__global__ void __launch_bounds__(kWarp) attention_merge_kernel(AttentionArguments s) {
  Part<T::kWidth> part;
  for (int split = 0; split < kSplits; ++split) part.merge(stored_part<T>(s, split)->get(s.V));
  bf16* y = s.y + s.head[head_number()] * s.V;
#pragma unroll
  for (int i = 0; i < part.kLaneValues; ++i) {
    const int d = lane_index() + i * kWarp;
    if (d < s.V) store(y + d, part.y[i] / part.total);
  }
}

template <class T>
void run(cudaStream_t stream, const AttentionArguments& s) {
  const auto slots = static_cast<unsigned>(s.heads / s.heads_per_slot),
             each = static_cast<unsigned>(s.heads_per_slot);
  launch(attention_decode_kernel<T>, dim3(kSplits, slots, each), dim3(kThreads), stream, s);
  launch(attention_merge_kernel<T>, dim3(1, slots, each), dim3(kWarp), stream, s);
}

// The narrowest that hold a row.
template <class Body>
auto with_teams(size_t K, size_t V, const Body& body) {
  const size_t width = K > V ? K : V;
  if (width <= Teams<4>::kWidth) return body(Teams<4>{});
  if (width <= Teams<8>::kWidth) return body(Teams<8>{});
  if (width <= Teams<16>::kWidth) return body(Teams<16>{});
  return body(Teams<32>{});
}

}  // namespace

size_t attention_workspace_floats(size_t heads, size_t K, size_t V) {
  return with_teams(K, V, [&]<class T>(T) {
    return heads * kSplits * sizeof(StoredPart<T::kWidth>) / sizeof(float);
  });
}

void attention_decode(cudaStream_t stream, const AttentionArguments& s) {
  with_teams(s.K, s.V, [&]<class T>(T) { run<T>(stream, s); });
}

}  // namespace stateline::kernels::cuda
