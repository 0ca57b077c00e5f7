#include "engine/model.h"

#include <cstdio>
#include <utility>

#include "engine/cpu_device.h"
#include "formats/mapped_file.h"
#include "formats/xxh64.h"

namespace stateline::engine {
namespace {

using formats::Safetensors;
using kernels::PackedMatrix;

Quantization quantization_of(const PackedMatrix& matrix) {
  switch (matrix.type()) {
    case DType::kF32:
      return Quantization::kF32;
    case DType::kBF16:
      return Quantization::kBF16;
    case DType::kInt8:
      return Quantization::kInt8;
    default:
      break;
  }
  return Quantization::kF32;
}

}  // namespace

const char* quantization_name(Quantization quantization) {
  switch (quantization) {
    case Quantization::kF32:
      return "f32";
    case Quantization::kBF16:
      return "bf16";
    case Quantization::kInt8:
      return "int8";
  }
  return "f32";
}

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

std::shared_ptr<const Model> Model::load(const std::filesystem::path& directory,
                                         const kernels::Kernels& kernels,
                                         std::shared_ptr<Device> device) {
  const formats::MappedFile config_file(directory / "config.json");
  const std::u8string config_name = (directory / "config.json").u8string();
  const auto contents = std::make_shared<Contents>();
  contents->network = models::make_network(config_file.bytes(),
                                           std::string(config_name.begin(), config_name.end()));
  const models::Plan& plan = contents->network->plan();
  const Safetensors file(directory / "model.safetensors");
  contents->weights = read_weights(plan, file);
  contents->quantization = quantization_of(contents->weights.matrices[plan.head.index]);
  contents->hash = {formats::xxh64(config_file.bytes()), formats::xxh64(file.bytes())};
  if (!device) device = std::make_shared<CpuDevice>();
  return std::shared_ptr<const Model>(new Model(kernels, contents, std::move(device)));
}

std::shared_ptr<const Model> Model::on(std::shared_ptr<Device> device) const {
  return std::shared_ptr<const Model>(new Model(kernels_, contents_, std::move(device)));
}

}  // namespace stateline::engine
