#include "engine/model.h"

#include <algorithm>
#include <cstdio>
#include <thread>
#include <utility>

#include "engine/cpu_device.h"
#include "formats/checkpoint.h"

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
    : kernels_(kernels), contents_(std::move(contents)), device_(std::move(device)) {
  const models::PageBytes page{
      [this](std::size_t K, std::size_t V) { return device_->slot_bytes(K, V); },
      [this](const models::RecurrentMemory& memory) { return device_->log_bytes(memory); }};
  for (const std::vector<models::LayerMemory>& memory : plan().memory)
    layouts_.push_back(std::make_shared<const models::MemoryLayout>(memory, page));
}

std::shared_ptr<const Model> Model::load(const std::filesystem::path& path,
                                         const kernels::Kernels& kernels,
                                         std::shared_ptr<Device> device, Rounding rounding) {
  const formats::Checkpoint checkpoint = formats::Checkpoint::open(path);
  const models::StoredModel stored(checkpoint);
  const auto contents = std::make_shared<Contents>();
  contents->network = models::make_network(stored.config(), stored.config_name());
  const models::Plan& plan = contents->network->plan();
  contents->weights = read_weights(plan, stored, rounding, all_threads());
  contents->recall = read_recall_weights(path);
  contents->hash = checkpoint.hash();
  if (!device) device = std::make_shared<CpuDevice>();
  return std::shared_ptr<const Model>(new Model(kernels, contents, std::move(device)));
}

std::shared_ptr<const Model> Model::on(std::shared_ptr<Device> device) const {
  return std::shared_ptr<const Model>(new Model(kernels_, contents_, std::move(device)));
}

}  // namespace stateline::engine
