#include "engine/model.h"

#include <algorithm>
#include <cstdio>
#include <thread>
#include <utility>

#include "engine/cpu_device.h"
#include "formats/checkpoint.h"
#include "formats/error.h"
#include "formats/fields.h"
#include "formats/mapped_file.h"
#include "formats/xxh64.h"

namespace stateline::engine {
namespace {

unsigned all_threads() { return std::max(1u, std::thread::hardware_concurrency()); }

}  // namespace

std::string hex(const ModelHash& hash) {
  char text[33];
  std::snprintf(text, sizeof text, "%016llx%016llx", static_cast<unsigned long long>(hash[0]),
                static_cast<unsigned long long>(hash[1]));
  return text;
}

Model::Model(const kernels::Kernels& kernels, std::shared_ptr<const Contents> contents,
             std::shared_ptr<Device> device)
    : kernels_(kernels),
      contents_(std::move(contents)),
      device_(device ? std::move(device) : std::make_shared<CpuDevice>()) {
  const models::PageBytes page{
      [this](std::size_t K, std::size_t V) { return device_->slot_bytes(K, V); },
      [this](const models::RecurrentMemory& memory) { return device_->log_bytes(memory); }};
  for (const std::vector<models::LayerMemory>& memory : plan().memory)
    layouts_.push_back(std::make_shared<const models::MemoryLayout>(memory, page));
}

std::shared_ptr<const Model> Model::load(const std::filesystem::path& path,
                                         const kernels::Kernels& kernels,
                                         std::shared_ptr<Device> device, Rounding rounding,
                                         const std::filesystem::path& packed) {
  const formats::Checkpoint checkpoint = formats::Checkpoint::open(path);
  const models::StoredModel stored(checkpoint);
  const auto contents = std::make_shared<Contents>();
  contents->network = models::make_network(stored.config(), stored.config_name());
  contents->recall = read_recall_weights(path);
  contents->hash = checkpoint.hash();
  if (packed.empty()) {
    contents->weights = read_weights(contents->network->plan(), stored, rounding, all_threads());
  } else {
    read_shared(*contents, stored, rounding, PackedStore(packed, path));
  }
  return std::shared_ptr<const Model>(new Model(kernels, contents, std::move(device)));
}

std::shared_ptr<const Model> Model::blank(const std::filesystem::path& folder,
                                          const kernels::Kernels& kernels,
                                          std::shared_ptr<Device> device, Rounding rounding) {
  const formats::MappedFile file(folder / "config.json");
  const auto contents = std::make_shared<Contents>();
  contents->network =
      models::make_network(formats::parse_configuration(file.bytes(), file.name()), file.name());
  contents->weights = blank_weights(contents->network->plan(), rounding);
  contents->recall = kDefaultRecallWeights;
  contents->hash = {formats::xxh64(file.bytes()), 0};
  return std::shared_ptr<const Model>(new Model(kernels, contents, std::move(device)));
}

void Model::read_shared(Contents& contents, const models::StoredModel& stored, Rounding rounding,
                        const PackedStore& store) {
  const models::Plan& plan = contents.network->plan();
  const std::uint64_t key = packed_key(contents.hash, plan, rounding);
  if (auto matrices = store.find(key, plan, all_threads())) {
    contents.weights = read_weights(plan, stored, std::move(*matrices));
    contents.shared = true;
    return;
  }
  contents.weights = read_weights(plan, stored, rounding, all_threads());
  try {
    if (!store.keep(key, contents.weights.matrices)) return;
  } catch (const Error& error) {
    contents.packing_problem = error.what();
    return;
  }
  // Mapped at once, so that the copy in this process goes.
  if (auto matrices = store.find(key, plan, all_threads())) {
    contents.weights.matrices = std::move(*matrices);
    contents.shared = true;
  }
}

std::shared_ptr<const Model> Model::on(std::shared_ptr<Device> device) const {
  return std::shared_ptr<const Model>(new Model(kernels_, contents_, std::move(device)));
}

}  // namespace stateline::engine
