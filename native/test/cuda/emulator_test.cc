// The emulator itself: it lets a right kernel pass, names each planted fault for what it is, and
// repeats a run by its seed.
#include <set>

#include "cases.h"
#include "execution.h"
#include "planted_faults.cuh"

namespace stateline::kernels::cuda::testing {
namespace {

using emulator::Device;
using emulator::Fault;
using emulator::FaultKind;

struct Planted {
  Plant plant;
  std::vector<FaultKind> kinds;  // any of them: the order of threads decides which shows first
};

const Planted kPlanted[] = {
    {Plant::missing_barrier, {FaultKind::race, FaultKind::uninitialised}},
    {Plant::missing_second_barrier, {FaultKind::race}},
    {Plant::barrier_in_branch, {FaultKind::divergence, FaultKind::race, FaultKind::uninitialised}},
    {Plant::thread_leaves, {FaultKind::divergence}},
    {Plant::no_warp_barrier, {FaultKind::race}},
    {Plant::read_beyond, {FaultKind::out_of_bounds}},
    {Plant::write_beyond, {FaultKind::out_of_bounds}},
    {Plant::read_before, {FaultKind::out_of_bounds}},
    {Plant::shared_beyond, {FaultKind::out_of_bounds, FaultKind::race}},
    {Plant::host_pointer, {FaultKind::out_of_bounds}},
    {Plant::misaligned, {FaultKind::out_of_bounds}},
    {Plant::unwritten, {FaultKind::uninitialised}},
    {Plant::absent_lane, {FaultKind::wrong_lane}},
    {Plant::own_lane_absent, {FaultKind::wrong_lane}},
    {Plant::same_place, {FaultKind::race}},
    {Plant::two_blocks, {FaultKind::race}},
    {Plant::plain_count, {FaultKind::race}},
};

std::vector<float> inputs() {
  std::vector<float> x(kPlantedThreads);
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i);
  return x;
}

TEST_CASE("a right kernel passes in any order of threads and blocks") {
  for (uint32_t number = 0; number < 50; ++number) {
    CAPTURE(kernels::testing::seed() + number);
    Device::get().seed(kernels::testing::seed() + number);
    DeviceBuffer<float> x("x", inputs()), y("y", kPlantedThreads);
    DeviceBuffer<int> count("count", std::vector<int>{0});
    planted(Plant::nothing, x.data(), y.data(), count.data(), 3);
    CHECK(y.values() == inputs());
    CHECK(count.values()[0] == 3 * kPlantedThreads);
  }
}

TEST_CASE("each planted fault is caught and named, in any order of threads") {
  for (const Planted& planted_fault : kPlanted) {
    for (uint32_t number = 0; number < 20; ++number) {
      CAPTURE(static_cast<int>(planted_fault.plant));
      CAPTURE(kernels::testing::seed() + number);
      Device::get().seed(kernels::testing::seed() + number);
      DeviceBuffer<float> x("x", inputs()), y("y", kPlantedThreads);
      DeviceBuffer<int> count("count", std::vector<int>{0});
      std::string message = "nothing was caught";
      bool expected = false;
      try {
        planted(planted_fault.plant, x.data(), y.data(), count.data(), 2);
      } catch (const Fault& fault) {
        message = fault.what();
        const auto& kinds = planted_fault.kinds;
        expected = std::find(kinds.begin(), kinds.end(), fault.kind) != kinds.end();
      }
      CAPTURE(message);
      CHECK(expected);
    }
  }
}

TEST_CASE("a seed repeats a run to the word, and other seeds differ") {
  const auto message_of = [](uint32_t seed) -> std::string {
    Device::get().seed(seed);
    DeviceBuffer<float> x("x", inputs()), y("y", kPlantedThreads);
    DeviceBuffer<int> count("count", std::vector<int>{0});
    try {
      planted(Plant::same_place, x.data(), y.data(), count.data(), 1);
    } catch (const Fault& fault) {
      return fault.what();
    }
    return "";
  };
  CHECK(message_of(1) == message_of(1));
  std::set<std::string> messages;
  for (uint32_t seed = 0; seed < 10; ++seed) messages.insert(message_of(seed));
  CHECK(messages.size() > 1);
}

TEST_CASE("a grid that the device would refuse is refused") {
  const auto refused = [](emulator::Dim3 grid, emulator::Dim3 block) {
    CHECK_THROWS_AS(Device::get().launch(
                        grid, block, [](const void*) {}, nullptr),
                    Fault);
  };
  for (const unsigned threads : {0u, 33u, 2048u}) refused(1, threads);
  refused(0, 32);
  refused(emulator::Dim3(1, 65536), 32);
}

}  // namespace
}  // namespace stateline::kernels::cuda::testing
