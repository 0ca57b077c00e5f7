// The emulator's graphs: a captured launch does nothing until its graph is launched, then what it
// was asked to do; whatever CUDA forbids meanwhile is a fault.
#include <functional>
#include <thread>

#include "cases.h"
#include "fault.h"
#include "kernels/cuda/elementwise.cuh"
#include "runtime.h"

namespace stateline::kernels::cuda::testing {
namespace {

using emulator::Fault;
using emulator::FaultKind;

class Capture {
 public:
  Capture() {
    REQUIRE(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking) == cudaSuccess);
    REQUIRE(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal) == cudaSuccess);
  }
  ~Capture() {
    end();
    if (graph_ != nullptr) cudaGraphExecDestroy(graph_);
    cudaStreamDestroy(stream_);
  }
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  cudaStream_t stream() const { return stream_; }
  void end() {
    cudaGraph_t recorded = nullptr;
    if (cudaStreamEndCapture(stream_, &recorded) != cudaSuccess) return;
    REQUIRE(cudaGraphInstantiate(&graph_, recorded, 0) == cudaSuccess);
    REQUIRE(cudaGraphDestroy(recorded) == cudaSuccess);
  }
  cudaError_t launch() { return cudaGraphLaunch(graph_, stream_); }

 private:
  cudaStream_t stream_ = nullptr;
  cudaGraphExec_t graph_ = nullptr;
};

// y = SiLU(gate) * up of one row.
struct Row {
  static constexpr size_t kWidth = 8;

  explicit Row(float up_value)
      : gate("gate", std::vector<bf16>(kWidth, narrow(2))),
        up("up", std::vector<bf16>(kWidth, narrow(up_value))),
        y("y", std::vector<bf16>(kWidth, narrow(0))) {}
  void multiply(cudaStream_t stream) {
    cuda::gate(stream, {.f = Activation::silu,
                        .rows = 1,
                        .width = kWidth,
                        .gate = gate.data(),
                        .ldg = kWidth,
                        .up = up.data(),
                        .ldu = kWidth,
                        .y = y.data(),
                        .wide_y = nullptr,
                        .ldy = kWidth});
  }
  float result() const { return widen(y.values()[0]); }

  DeviceBuffer<bf16> gate, up, y;
};

// What it is called, "" if it is none.
std::string fault_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Fault& fault) {
    return fault.what();
  }
  return "";
}

TEST_CASE("a captured launch waits for its graph, and then reads memory as it is by then") {
  Capture capture;
  Row row(1);
  row.multiply(capture.stream());
  CHECK(row.result() == 0);
  capture.end();
  CHECK(row.result() == 0);
  CHECK(capture.launch() == cudaSuccess);
  const float once = row.result();
  CHECK(once > 1);
  row.up.data()[0] = narrow(3);
  CHECK(capture.launch() == cudaSuccess);
  CHECK(row.result() == doctest::Approx(3 * once).epsilon(0.01));
}

TEST_CASE("a graph keeps the addresses that it was captured with: memory that is gone is a fault") {
  Capture capture;
  {
    Row row(1);
    row.multiply(capture.stream());
  }
  capture.end();
  CHECK(fault_of([&] { capture.launch(); }).starts_with("out of bounds"));
}

TEST_CASE("whatever but a launch is asked during a capture is a fault") {
  Capture capture;
  void* memory = nullptr;
  char here = 0;
  const std::pair<const char*, std::function<void()>> asked[] = {
      {"cudaStreamSynchronize", [&] { cudaStreamSynchronize(capture.stream()); }},
      {"cudaMallocAsync", [&] { cudaMallocAsync(&memory, 8, nullptr); }},
      {"cudaFreeAsync", [&] { cudaFreeAsync(memory, capture.stream()); }},
      {"cudaMemsetAsync", [&] { cudaMemsetAsync(&here, 0, 1, capture.stream()); }},
      {"cudaMemcpyAsync",
       [&] { cudaMemcpyAsync(&here, &here, 1, cudaMemcpyDeviceToHost, nullptr); }},
      {"cudaGraphLaunch", [&] { cudaGraphLaunch(nullptr, capture.stream()); }},
      {"a launch on another stream", [] { Row(1).multiply(nullptr); }},
  };
  for (const auto& [name, ask] : asked)
    CHECK(fault_of(ask) == "capture: " + std::string(name) + " while launches are captured");
  std::string elsewhere;
  std::thread([&] { elsewhere = fault_of([&] { Row(1).multiply(capture.stream()); }); }).join();
  CHECK(elsewhere.starts_with("capture: "));
}

TEST_CASE("what is no graph is refused, and so is a capture in a capture") {
  CHECK(cudaGraphLaunch(nullptr, nullptr) == cudaErrorInvalidValue);
  CHECK(cudaStreamBeginCapture(nullptr, cudaStreamCaptureModeThreadLocal) ==
        cudaErrorStreamCaptureUnsupported);
  Capture capture;
  CHECK(cudaStreamBeginCapture(capture.stream(), cudaStreamCaptureModeThreadLocal) ==
        cudaErrorIllegalState);
  capture.end();
  cudaGraph_t graph = nullptr;
  CHECK(cudaStreamEndCapture(capture.stream(), &graph) == cudaErrorIllegalState);
}

}  // namespace
}  // namespace stateline::kernels::cuda::testing
