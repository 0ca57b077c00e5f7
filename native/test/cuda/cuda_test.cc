// The CUDA kernels, executed on the CPU by the emulator, against the reference kernels.
// STATELINE_CUDA_SHAPES sets the random shapes a kernel (./dev test:cuda: 200), STATELINE_CUDA_CASE
// a part of the names of the cases to run ("gemm").
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <map>
#include <set>

#include "cases.h"
#include "execution.h"
#include "kernels/cuda/fft_conv.cuh"

namespace stateline::kernels::cuda::testing {

namespace {

using emulator::Device;
using emulator::Fault;

// What is wrong with a run: "" if nothing.
std::string fault_of(const Case& test, uint32_t number) {
  Random random(number);
  Device::get().seed(kernels::testing::seed() + number);
  try {
    const double excess = test.run(random).excess;
    return excess <= 0 ? "" : "differs from the reference by " + std::to_string(excess);
  } catch (const Fault& fault) {
    return fault.what();
  }
}

// A planted fault may spare a shape (a barrier is idle where one warp has all the work), not a
// hundred shapes.
bool shows(const Case& test) {
  for (uint32_t number = 0; number < 100; ++number)
    if (!fault_of(test, number).empty()) return true;
  return false;
}

TEST_CASE("kernels agree with the reference at random shapes, in random order of threads") {
  for (const Case& test : all_cases()) {
    for (int shape = 0; shape < shapes(); ++shape) {
      CAPTURE(kernels::testing::seed());
      CAPTURE(test.name);
      CAPTURE(shape);
      const std::string fault = fault_of(test, static_cast<uint32_t>(shape));
      CHECK(fault == "");
    }
  }
}

// So each barrier is also shown to be needed.
TEST_CASE("a kernel without any one of its barriers is caught") {
  Device& device = Device::get();
  std::map<emulator::Site, std::vector<Case>> users;
  for (const Case& test : all_cases()) {
    device.barriers.clear();
    fault_of(test, 0);
    for (const emulator::Site& site : device.barriers) users[site].push_back(test);
  }
  for (const auto& [site, cases] : users) {
    CAPTURE(kernels::testing::seed());
    CAPTURE(site.first);
    CAPTURE(site.second);
    device.ignored_barrier = site;
    CHECK(std::any_of(cases.begin(), cases.end(), shows));
    device.ignored_barrier.reset();
  }
}

TEST_CASE("a kernel whose lanes read from their neighbour's neighbour is caught") {
  for (const Case& test : all_cases()) {
    Device& device = Device::get();
    device.shuffles = 0;
    fault_of(test, 0);
    if (device.shuffles == 0) continue;
    CAPTURE(kernels::testing::seed());
    CAPTURE(test.name);
    device.cross_lanes = true;
    CHECK(shows(test));
    device.cross_lanes = false;
  }
}

TEST_CASE("a kernel is caught when any one of its buffers is an element too short") {
  for (const Case& test : all_cases()) {
    emulator::Memory& memory = emulator::Memory::device();
    memory.names.clear();
    fault_of(test, 0);
    for (const std::string& name : std::set<std::string>(memory.names)) {
      CAPTURE(kernels::testing::seed());
      CAPTURE(test.name);
      CAPTURE(name);
      memory.shortened = name;
      CHECK(shows(test));
      memory.shortened.clear();
    }
  }
}

TEST_CASE("the FFT convolution refuses a kernel that its greatest transform does not hold") {
  CHECK(fft_size(1) == 256);
  CHECK(fft_size(128) == 256);
  CHECK(fft_size(129) == 1024);
  CHECK(fft_size(kFftMaxLags) == 4096);
  const LongSeries series{1, 1, kFftMaxLags + 1, nullptr, 1, nullptr, nullptr, nullptr, 1};
  CHECK_THROWS_WITH_AS(fft_conv(nullptr, {series, nullptr, nullptr}),
                       "The FFT convolution takes kernels of 1 to 2048 lags, not of 2049; "
                       "long_conv takes any.",
                       std::invalid_argument);
  CHECK_THROWS_AS(fft_spectra(nullptr, {1, 0, nullptr, nullptr, nullptr}), std::invalid_argument);
  CHECK_THROWS_AS(fft_twiddles(kFftMaxLags + 1), std::invalid_argument);
}

}  // namespace
}  // namespace stateline::kernels::cuda::testing
