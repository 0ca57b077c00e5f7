#include "engine/cuda_device.h"

#include <vector>

#include "engine/executor.h"
#include "engine/model.h"
#include "formats/error.h"

namespace stateline::engine {
namespace {

using kernels::PackedMatrix;
using kernels::cuda::PackedWeights;

// What a function of the library answered: null, or what went wrong.
void check(const char* sentence) {
  if (sentence != nullptr) throw Error(ErrorCode::kDevice, sentence);
}

// The model as the library wants it, packed anew; lives until it is uploaded.
class Upload {
 public:
  explicit Upload(const Model& model) {
    const ModelConfig& config = model.config();
    for (std::size_t i = 0; i < config.layers; ++i)
      layers_.push_back(layer(model.layers()[i], config.head_switch_order[i]));
    weights_ = {.vocab = config.vocab_size,
                .d = config.hidden_size,
                .layers = config.layers,
                .H = config.heads,
                .K = config.key_dim,
                .V = config.value_dim,
                .F = config.intermediate_size,
                .eps = config.rms_norm_eps,
                .embedding = matrix(model.embedding()),
                .final_norm = model.final_norm().data(),
                .layer = layers_.data()};
  }
  const cuda::Weights& weights() const { return weights_; }

 private:
  cuda::Layer layer(const LayerWeights& w, const std::vector<std::uint32_t>& head_order) {
    return {.norm1 = w.norm1.data(),
            .norm2 = w.norm2.data(),
            .conv_weight = w.conv_weight.data(),
            .conv_bias = w.conv_bias.data(),
            .q_norm = w.q_norm.data(),
            .k_norm = w.k_norm.data(),
            .dt_bias = w.dt_bias.data(),
            .D = w.D.data(),
            .query_scale = w.query_scale.data(),
            .A_log = joined(w.A_log),
            .out_norm = joined(w.out_norm),
            .head_order = head_order.data(),
            .in_proj = matrix(w.in_proj),
            .out_proj = matrix(w.out_proj),
            .gate_up_proj = matrix(w.gate_up_proj),
            .down_proj = matrix(w.down_proj)};
  }

  cuda::Matrix matrix(const PackedMatrix& W) {
    const PackedWeights& packed = packed_.emplace_back(kernels::cuda::pack_weights(W));
    return {.format = kernels::cuda::format_for(W.type()),
            .n = W.rows(),
            .k = W.cols(),
            .values = packed.values.data(),
            .value_bytes = packed.values.size(),
            .scale = packed.scale.empty() ? nullptr : packed.scale.data()};
  }

  const float* joined(const std::vector<std::vector<float>>& rows) {
    std::vector<float>& all = joined_.emplace_back();
    for (const std::vector<float>& row : rows) all.insert(all.end(), row.begin(), row.end());
    return all.data();
  }

  // Moving one of these when the list grows leaves its contents where they are.
  std::vector<PackedWeights> packed_;
  std::vector<std::vector<float>> joined_;
  std::vector<cuda::Layer> layers_;
  cuda::Weights weights_{};
};

class CudaExecutor : public Executor {
 public:
  CudaExecutor(std::shared_ptr<CudaDevice> device, const cuda::Library& library, cuda::Gpu* gpu,
               const Model& model)
      : device_(std::move(device)), library_(library), vocab_(model.plan().vocab_size) {
    const Upload upload(model);
    check(library_.load(gpu, &upload.weights(), kPrefillChunk, kScoreRows, &network_));
  }
  ~CudaExecutor() override { library_.unload(network_); }
  CudaExecutor(const CudaExecutor&) = delete;
  CudaExecutor& operator=(const CudaExecutor&) = delete;

  void advance(Branch& branch, std::span<const std::int32_t> tokens, Wanted wanted) override {
    branch.open(tokens.size());
    const cuda::Chunk chunk{.tokens = tokens.size(),
                            .token = tokens.data(),
                            .state_heads = branch.shape().state_heads,
                            .position = branch.token_count(),
                            .window = branch.shape().window,
                            .ssm = branch.ssm(0),
                            .conv = branch.conv(0),
                            .hidden = branch.hidden().floats(),
                            .page = branch.page_data().data(),
                            .pages = branch.page_data().size(),
                            .first_position = branch.first_position(),
                            .all = wanted == Wanted::kAll};
    check(library_.advance(network_, &chunk));
    branch.close(tokens.size());
  }
  void logits_of_rows(std::size_t first, std::size_t rows, float* out) override {
    check(library_.logits_of_rows(network_, first, rows, out));
  }
  void logits(std::span<const Buffer* const> hidden, float* out) override {
    for (std::size_t i = 0; i < hidden.size(); ++i)
      check(library_.logits(network_, hidden[i]->floats(), out + i * vocab_));
  }
  // The engine's own, which feeds the GPU.
  unsigned threads() const override { return 1; }

 private:
  std::shared_ptr<CudaDevice> device_;  // outlives the network
  const cuda::Library& library_;
  std::size_t vocab_;
  cuda::Network* network_ = nullptr;  // owned
};

}  // namespace

std::shared_ptr<CudaDevice> CudaDevice::open(const cuda::Library& library, int index) {
  cuda::Gpu* gpu = nullptr;
  check(library.open(index, &gpu));
  return std::shared_ptr<CudaDevice>(new CudaDevice(library, index, gpu));
}

CudaDevice::~CudaDevice() { library_.close(gpu_); }

std::byte* CudaDevice::allocate(std::size_t bytes) {
  std::byte* memory = nullptr;
  check(library_.allocate(gpu_, bytes, &memory));
  return memory;
}

void CudaDevice::release(std::byte* memory) noexcept { library_.release(gpu_, memory); }

void CudaDevice::copy(std::byte* to, const std::byte* from, std::size_t bytes) {
  check(library_.copy(gpu_, to, from, bytes));
}

void CudaDevice::write(std::byte* to, std::span<const std::byte> from) {
  check(library_.write(gpu_, to, from.data(), from.size()));
}

void CudaDevice::read(std::span<std::byte> to, const std::byte* from) {
  check(library_.read(gpu_, to.data(), from, to.size()));
}

std::string CudaDevice::name() const {
  return "cuda:" + std::to_string(index_) + " (" + library_.name(gpu_) + ")";
}

std::size_t CudaDevice::slot_bytes(std::size_t K, std::size_t V) const {
  return library_.slot_bytes(K, V);
}

void CudaDevice::read_slots(std::span<std::byte> stored, const std::byte* slots, std::size_t K,
                            std::size_t V) {
  const std::size_t count = stored.size() / kernels::slot_bytes(K, V);
  check(library_.read_slots(gpu_, stored.data(), slots, count, K, V));
}

void CudaDevice::write_slots(std::byte* slots, std::span<const std::byte> stored, std::size_t K,
                             std::size_t V) {
  const std::size_t count = stored.size() / kernels::slot_bytes(K, V);
  check(library_.write_slots(gpu_, slots, stored.data(), count, K, V));
}

std::unique_ptr<Executor> CudaDevice::make_executor(const Model& model, unsigned) {
  return std::make_unique<CudaExecutor>(shared_from_this(), library_, gpu_, model);
}

}  // namespace stateline::engine
