#include "kernels/kernels.h"

namespace stateline::kernels::STATELINE_LEVEL {

Linear linear;
RmsNorm rms_norm;
CausalConv causal_conv;
GateMul silu_mul;
GateMul sigmoid_mul;
Add add;
AddScaled add_scaled;
Discretise discretise;
SsdPrefill ssd_prefill;
SsdStep ssd_step;
SsdLog ssd_log;
LogFold log_fold;
Delta delta;
DeltaLog delta_log;
Attention attention;
Argmax argmax;
LogSumExp log_sum_exp;
Softmax softmax;
Gelu gelu;
Rotate rotate;
TiRun ti_recurrence;
TiRun ti_scan;
LongConv long_conv;
QuantiseRow quantise_row;

#define STATELINE_QUOTE_(name) #name
#define STATELINE_QUOTE(name) STATELINE_QUOTE_(name)

extern const Kernels table;
const Kernels table{
    STATELINE_QUOTE(STATELINE_LEVEL),
    {linear},
    rms_norm,
    causal_conv,
    silu_mul,
    sigmoid_mul,
    add,
    add_scaled,
    discretise,
    ssd_prefill,
    ssd_step,
    ssd_log,
    log_fold,
    delta,
    delta_log,
    attention,
    argmax,
    log_sum_exp,
    softmax,
    gelu,
    rotate,
    ti_recurrence,
    ti_scan,
    long_conv,
    quantise_row,
};

}  // namespace stateline::kernels::STATELINE_LEVEL
