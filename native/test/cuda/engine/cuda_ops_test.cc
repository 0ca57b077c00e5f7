// What the GPU's operations refuse, and how a step's launches fail.
#include <utility>

#include "cuda_engine_testing.h"
#include "emulated_machine.h"
#include "engine/cuda_ops.h"

namespace stateline::testing {
namespace {

using engine::CudaGpu;
using engine::CudaOps;
using models::Activation;
using models::Rows;

// Opened for one test.
class Opened {
 public:
  Opened() {
    REQUIRE(library().open(0, &gpu_.gpu) == nullptr);
    gpu_.library = &library();
  }
  ~Opened() { library().close(gpu_.gpu); }
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;

  CudaGpu gpu() const { return gpu_; }

 private:
  CudaGpu gpu_;
};

struct Ops {
  Opened opened;
  CudaOps ops{opened.gpu(), "other", 4};
};

// Rows that a kernel takes, where it wants either.
Rows rows_of(DType type) {
  static std::byte memory[64];
  return {memory, 4, type};
}
const Rows kNarrow = rows_of(DType::kBF16), kWide = rows_of(DType::kF32);

models::HeadEndOp head_end() {
  return {.rows = 1,
          .heads = 1,
          .V = 4,
          .D = models::Vector{},
          .v = kNarrow,
          .weight = models::Vector{},
          .norm_groups = 1,
          .eps = 1e-5f,
          .f = Activation::kSigmoid,
          .z = kNarrow,
          .y = kNarrow};
}
models::StateHeads state_heads() {
  return {.heads = 1,
          .head = {},
          .key_heads = 2,
          .all = 2,
          .K = 4,
          .V = 4,
          .q = kNarrow,
          .k = kNarrow,
          .v = kNarrow,
          .a = kWide,
          .dt = kWide,
          .scale = 1,
          .y = kNarrow};
}
models::AttendingHeads attending_heads() {
  return {.heads = 2,
          .head = {},
          .slots = 2,
          .K = 4,
          .V = 4,
          .q = kNarrow,
          .k = kNarrow,
          .v = kNarrow,
          .a = kWide,
          .log_dt = kWide,
          .query_scale = {},
          .y = kNarrow};
}

// The operation, with and without what there is no kernel for.
template <class Op>
Op changed(Op op, const auto& change) {
  change(op);
  return op;
}

TEST_CASE("the rehearsal refuses what there is no kernel for, and launches nothing") {
  Ops gpu;
  CudaOps& ops = gpu.ops;
  const models::LinearOp linear{.W = {}, .rows = 1, .x = kNarrow, .y = kNarrow};
  const models::GateOp gate{Activation::kSilu, 1, 4, kNarrow, kNarrow, kNarrow};
  const models::DiscretiseOp discretise{1, 4, kNarrow, {}, {}, kWide, kWide, kWide};
  const models::ConvolveOp convolve{1, 4, kNarrow, {}, models::Vector{}, nullptr, nullptr, kNarrow};
  const auto recur = [&](const models::StateHeads& heads) { ops.recur({heads, 1, nullptr}); };
  const auto attend = [&](const models::AttendingHeads& heads) {
    ops.append({heads, 1, {}, 0});
    ops.attend({heads, 1, {}, 0, 0});
  };
  // All of these are what networks ask for.
  ops.embed({}, {}, 2, kWide);
  ops.linear(linear);
  ops.linear(changed(linear, [](auto& op) { op.bias.emplace(), op.scale = 2; }));
  ops.gate(gate);
  ops.gate({Activation::kSigmoid, 1, 4, kNarrow, {}, kWide});
  ops.end_heads(head_end());
  ops.end_heads(changed(head_end(), [](auto& op) { op.D.reset(), op.weight.reset(); }));
  ops.convolve(convolve);
  ops.convolve(changed(convolve, [](auto& op) { op.bias.reset(); }));
  ops.discretise(discretise);
  ops.discretise(changed(discretise, [](auto& op) { op.log_dt = {}, op.most = 1; }));
  ops.rotate({1, 4, 4, 1e4, kNarrow});
  recur(state_heads());
  recur(changed(state_heads(), [](auto& op) { op.delta = true, op.key_heads = 1; }));
  attend(attending_heads());
  attend(changed(attending_heads(), [](auto& op) { op.slots = 1, op.a = op.log_dt = {}; }));

  const std::pair<const char*, std::function<void()>> refused[] = {
      {"embedding in bf16", [&] { ops.embed({}, {}, 1, kNarrow); }},
      {"sum in bf16", [&] { ops.linear(changed(linear, [](auto& op) { op.add = true; })); }},
      {"product of f32", [&] { ops.linear(changed(linear, [](auto& op) { op.x = kWide; })); }},
      {"norm in f32",
       [&] {
         ops.norm({1, 1, 4, kWide, {}, 1e-5f, kWide});
       }},
      {"gate in f32", [&] { ops.gate(changed(gate, [](auto& op) { op.gate = kWide; })); }},
      {"end in f32", [&] { ops.end_heads(changed(head_end(), [](auto& op) { op.y = kWide; })); }},
      {"inputs in f32", [&] { ops.convolve(changed(convolve, [](auto& op) { op.x = kWide; })); }},
      {"steps in bf16",
       [&] { ops.discretise(changed(discretise, [](auto& op) { op.dt = kNarrow; })); }},
      {"rotation in f32",
       [&] {
         ops.rotate({1, 4, 4, 1e4, kWide});
       }},
      {"long keys", [&] { recur(changed(state_heads(), [](auto& op) { op.K = 257; })); }},
      {"log",
       [&] {
         ops.recur_log({state_heads(), 1, nullptr, nullptr, 0});
       }},
      {"fold",
       [&] {
         ops.fold({1, 1, 4, 4, nullptr, nullptr, 0, nullptr});
       }},
      {"long values", [&] { attend(changed(attending_heads(), [](auto& op) { op.V = 257; })); }},
      {"experts of f32",
       [&] {
         ops.experts({1, {}, 1, 4, true, kWide, kWide, 1, kWide});
       }},
  };
  for (const auto& [name, ask] : refused) {
    CAPTURE(name);
    CHECK(sentence_of(ask) ==
          "A model of the family other does not run on an NVIDIA GPU yet; it runs on the "
          "processor.");
  }
}

TEST_CASE("what a step's launches throw comes out of the library, captured or not") {
  Ops gpu;
  for (int time = 0; time < 3; ++time) {
    CHECK_THROWS_WITH_AS(gpu.ops.run_step({}, [] { throw std::out_of_range("no such layer"); }),
                         "no such layer", std::out_of_range);
  }
  const std::size_t before = Machine::get().graph_launches;
  int made = 0;
  for (int time = 0; time < 2; ++time) gpu.ops.run_step({}, [&] { ++made; });
  CHECK(made == 1);  // into a graph
  CHECK(Machine::get().graph_launches - before == 2);
}

}  // namespace
}  // namespace stateline::testing
