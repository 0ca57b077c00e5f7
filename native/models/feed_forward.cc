#include "models/feed_forward.h"

namespace stateline::models {

void FeedForward::run(const Pass& pass, const Layer& w, std::size_t rows, Rows x, float scale,
                      Rows share) const {
  const Rows gate = pass[gate_up_];
  Ops& ops = pass.ops();
  ops.linear({.W = w.gate_up, .rows = rows, .x = x, .y = gate, .bias = w.bias});
  ops.gate({Activation::kSilu, rows, F_, gate, gate.from(0, F_), gate});
  if (share.data != nullptr) ops.gate({Activation::kSigmoid, rows, F_, share, gate, gate, true});
  pass.add_to_stream(w.down, w.down_bias, rows, gate, scale);
}

}  // namespace stateline::models
