// The engine on machines of many kinds: no driver, an old GPU, memory that is short, a GPU that is
// lost. The emulator's machine is what a test makes of it.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <fstream>

#include "cuda_engine_testing.h"
#include "emulated_machine.h"

namespace stateline::testing {
namespace {

TEST_CASE("all memory of a GPU is given back") {
  const std::size_t before = Machine::get().used_bytes;
  {
    const Pair pair(51, library());
    const StatePtr state =
        read(*pair.gpu, State::initial(*pair.gpu, 2, 0), pair.tokens(40, 52), {40});
    CHECK(Machine::get().used_bytes > before);
    CHECK(pair.gpu->meter()->bytes() > 0);
  }
  CHECK(Machine::get().used_bytes == before);
}

TEST_CASE("a GPU that cannot be used says why") {
  const MachineGuard guard;
  Machine& machine = Machine::get();
  const auto sentence = [](int index) {
    return sentence_of([&] { CudaDevice::open(library(), index); });
  };
  CHECK(sentence(0) == "");
  CHECK(sentence(2) == "There is no GPU number 2; this machine has 1, numbered from 0.");
  machine.major = 7;
  CHECK(sentence(0) ==
        "The GPU emulated on the processor is too old (compute capability 7.0); the engine needs "
        "8.0 (Ampere) or newer.");
  machine.gpus = 0;
  CHECK(sentence(0) == "The NVIDIA driver finds no GPU on this machine.");
  machine.driver = 12040;
  CHECK(sentence(0) ==
        "The NVIDIA driver is too old (for CUDA 12.4, and 13.0 is needed); update it to use the "
        "GPU.");
  machine.driver = 0;
  CHECK(sentence(0) == "No NVIDIA driver answers on this machine; install one to use its GPU.");
}

TEST_CASE("when memory is short, what was freed is given up; then the job fails with a sentence") {
  const MachineGuard guard;
  Machine& machine = Machine::get();
  const Pair pair(61, library());
  Engine engine(pair.gpu, 1);
  const Tokens text = pair.tokens(40, 62);
  advance(engine, State::initial(*pair.gpu, 0, 0), text);
  REQUIRE(machine.kept_bytes > 0);
  const std::size_t kept = machine.kept_bytes;
  machine.memory_bytes = machine.used_bytes + kept;
  advance(engine, State::initial(*pair.gpu, 0, 0), text);
  CHECK(machine.kept_bytes < kept);  // it was given up, and that was enough

  machine.memory_bytes = machine.used_bytes;
  CHECK(sentence_of([&] { State::initial(*pair.gpu, 0, 0); }) ==
        "The memory of the GPU emulated on the processor is full; close other programs that use "
        "it, or set a higher hybrid ratio or a smaller attention window.");
  CHECK(sentence_of([&] { Engine(pair.gpu, 1); }).starts_with("The memory of the GPU"));
}

TEST_CASE("a GPU that is lost fails the job, and what it held can still be let go") {
  const MachineGuard guard;
  const Pair pair(71, library());
  Engine engine(pair.gpu, 1);
  const StatePtr state = advance(engine, State::initial(*pair.gpu, 4, 0), pair.tokens(9, 72));
  Machine::get().lost = true;
  CHECK(sentence_of([&] { advance(engine, state, pair.tokens(9, 73)); }) ==
        "The GPU failed: unspecified launch failure.");
  CHECK(sentence_of([&] { engine::serialize(*state); }) ==
        "The GPU failed: unspecified launch failure.");
}

TEST_CASE("the library is found by its path, or a sentence says what is wrong with it") {
  const Library& loaded = engine::load_cuda_library(STATELINE_EMULATED_LIBRARY);
  CHECK(CudaDevice::open(loaded, 0)->name() == "cuda:0 (emulated on the processor)");
  CHECK(sentence_of([] { engine::load_cuda_library("/nowhere/stateline_cuda.so"); }) ==
        "This package has no CUDA library (/nowhere/stateline_cuda.so); build one with ./dev build "
        "--cuda.");
  const TemporaryDirectory directory;
  const auto file = directory.path() / "stateline_cuda.so";
  std::ofstream(file) << "no library";
  CHECK(sentence_of([&] {
          engine::load_cuda_library(file);
        }).starts_with("The CUDA library " + file.string() + " does not load: "));
}

}  // namespace
}  // namespace stateline::testing
