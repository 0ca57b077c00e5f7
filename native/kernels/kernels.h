// The table of operations of one device level, chosen once at run time.
#pragma once

#include <string_view>
#include <vector>

#include "kernels/attention.h"
#include "kernels/causal_conv.h"
#include "kernels/delta.h"
#include "kernels/elementwise.h"
#include "kernels/linear.h"
#include "kernels/long_conv.h"
#include "kernels/norm.h"
#include "kernels/quantise.h"
#include "kernels/recurrent_log.h"
#include "kernels/rotary.h"
#include "kernels/sampling.h"
#include "kernels/ssd.h"
#include "kernels/time_invariant.h"

namespace stateline::kernels {

struct Kernels {
  const char* level;  // "reference", "scalar", "avx2", "avxvnni", "avx512", "avx512vnni", "neon" or
                      // "neondot"
  LinearKernel linear;
  RmsNorm* rms_norm;
  CausalConv* causal_conv;
  GateMul* silu_mul;
  GateMul* sigmoid_mul;
  Add* add;
  AddScaled* add_scaled;
  Discretise* discretise;
  SsdPrefill* ssd_prefill;
  SsdStep* ssd_step;
  SsdLog* ssd_log;
  LogFold* log_fold;
  Delta* delta;
  DeltaLog* delta_log;
  Attention* attention;
  Argmax* argmax;
  LogSumExp* log_sum_exp;
  Softmax* softmax;
  Gelu* gelu;
  Rotate* rotate;
  TiRun* ti_recurrence;
  TiRun* ti_scan;
  LongConv* long_conv;
  QuantiseRow* quantise_row;
};

// The best level of this CPU, or the one that the environment variable STATELINE_CPU names (for
// tests; an unknown or unsupported name is ignored). Decided at the first call.
const Kernels& kernels();

// A level by name, or null if this build or this CPU has none such.
const Kernels* kernels_for(std::string_view level);

// All that run here, plainest first, beginning with "reference".
std::vector<const Kernels*> available_kernels();

}  // namespace stateline::kernels
