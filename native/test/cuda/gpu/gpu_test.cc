// The CUDA kernels on this machine's GPU, against the reference kernels at random shapes: the cases
// that the emulator runs. STATELINE_CUDA_SHAPES and STATELINE_CUDA_CASE as there.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "cases.h"

namespace stateline::kernels::cuda::testing {
namespace {

TEST_CASE("kernels on the GPU agree with the reference at random shapes") {
  for (const Case& test : all_cases()) {
    for (int shape = 0; shape < shapes(); ++shape) {
      CAPTURE(test.name);
      CAPTURE(shape);
      Random random(static_cast<uint32_t>(shape));
      CHECK(test.run(random).excess <= 0);
    }
  }
}

}  // namespace
}  // namespace stateline::kernels::cuda::testing
