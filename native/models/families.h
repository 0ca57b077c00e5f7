// One function a family: its network from its configuration. Each throws Error(kInvalidModel) with
// one sentence.
#pragma once

#include <memory>

#include "formats/fields.h"
#include "models/network.h"

namespace stateline::models {

std::unique_ptr<const Network> make_stateline(const formats::Fields& read);
std::unique_ptr<const Network> make_mamba2(const formats::Fields& read);
std::unique_ptr<const Network> make_mamba_ssm(const formats::Fields& read);
std::unique_ptr<const Network> make_granite_hybrid(const formats::Fields& read);
std::unique_ptr<const Network> make_falcon_h1(const formats::Fields& read);
std::unique_ptr<const Network> make_qwen2(const formats::Fields& read);
std::unique_ptr<const Network> make_qwen3_next(const formats::Fields& read);
std::unique_ptr<const Network> make_qwen3_5(const formats::Fields& read);

}  // namespace stateline::models
