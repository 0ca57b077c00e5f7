#include "cases.h"

#include <cstdlib>

namespace stateline::kernels::cuda::testing {

std::vector<Case> all_cases() {
  std::vector<Case> all;
  for (const auto& cases :
       {norm_cases(), elementwise_cases(), causal_conv_cases(), long_conv_cases(), ssd_cases(),
        attention_cases(), linear_cases(), embedding_cases(), experts_cases(), head_end_cases(),
        rotary_cases(), sampling_cases()})
    all.insert(all.end(), cases.begin(), cases.end());
  if (const char* part = std::getenv("STATELINE_CUDA_CASE"))
    std::erase_if(all, [&](const Case& test) { return test.name.find(part) == std::string::npos; });
  return all;
}

int shapes() {
  const char* given = std::getenv("STATELINE_CUDA_SHAPES");
  return given ? std::atoi(given) : 4;
}

}  // namespace stateline::kernels::cuda::testing
