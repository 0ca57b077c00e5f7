#include "kernels/kernels.h"

#include <cstdlib>

#include "kernels/cpu_features.h"

namespace stateline::kernels {

// Each level defines its own table in cpu/table.cc; only those built in are declared. VNNI and
// NEON's dot products have a `linear` of their own and the other operations of the level below.
#define STATELINE_DECLARE(level) \
  namespace level {              \
  extern const Kernels table;    \
  }
#define STATELINE_DECLARE_LINEAR(level) \
  namespace level {                     \
  Linear linear;                        \
  }
#ifdef STATELINE_HAS_scalar
STATELINE_DECLARE(scalar)
#endif
#ifdef STATELINE_HAS_avx2
STATELINE_DECLARE(avx2)
STATELINE_DECLARE_LINEAR(avxvnni)
STATELINE_DECLARE(avx512)
STATELINE_DECLARE_LINEAR(avx512vnni)
#endif
#ifdef STATELINE_HAS_neon
STATELINE_DECLARE(neon)
#endif
#ifdef STATELINE_HAS_neondot
STATELINE_DECLARE_LINEAR(neondot)
#endif
#undef STATELINE_DECLARE
#undef STATELINE_DECLARE_LINEAR

namespace {

constexpr Kernels kReference{
    "reference",
    {reference::linear},
    reference::rms_norm,
    reference::causal_conv,
    reference::silu_mul,
    reference::sigmoid_mul,
    reference::add,
    reference::add_scaled,
    reference::discretise,
    reference::ssd_prefill,
    reference::ssd_step,
    reference::ssd_log,
    reference::log_fold,
    reference::delta,
    reference::delta_log,
    reference::attention,
    reference::argmax,
    reference::log_sum_exp,
    reference::softmax,
    reference::gelu,
    reference::rotate,
    reference::ti_recurrence,
    reference::ti_scan,
    reference::long_conv,
    reference::quantise_row,
};

#if defined(STATELINE_HAS_avx2) || defined(STATELINE_HAS_neondot)
Kernels with_linear(const char* level, Kernels base, Linear* linear) {
  base.level = level;
  base.linear = {linear};
  return base;
}
#endif

const Kernels& choose() {
  if (const char* forced = std::getenv("STATELINE_CPU")) {
    if (const Kernels* table = kernels_for(forced)) return *table;
  }
  return *available_kernels().back();
}

}  // namespace

std::vector<const Kernels*> available_kernels() {
  std::vector<const Kernels*> tables{&kReference};
#ifdef STATELINE_HAS_scalar
  tables.push_back(&scalar::table);
#endif
#ifdef STATELINE_HAS_avx2
  static const Kernels avxvnni_table = with_linear("avxvnni", avx2::table, avxvnni::linear);
  static const Kernels avx512vnni_table =
      with_linear("avx512vnni", avx512::table, avx512vnni::linear);
  const CpuFeatures cpu = detect_cpu();
  if (cpu.avx2) tables.push_back(&avx2::table);
  if (cpu.avxvnni) tables.push_back(&avxvnni_table);
  if (cpu.avx512) tables.push_back(&avx512::table);
  if (cpu.avx512vnni) tables.push_back(&avx512vnni_table);
#endif
#ifdef STATELINE_HAS_neon
  tables.push_back(&neon::table);
#endif
#ifdef STATELINE_HAS_neondot
  static const Kernels neondot_table = with_linear("neondot", neon::table, neondot::linear);
  if (detect_cpu().neondot) tables.push_back(&neondot_table);
#endif
  return tables;
}

const Kernels* kernels_for(std::string_view level) {
  for (const Kernels* table : available_kernels()) {
    if (level == table->level) return table;
  }
  return nullptr;
}

const Kernels& kernels() {
  static const Kernels& best = choose();
  return best;
}

}  // namespace stateline::kernels
