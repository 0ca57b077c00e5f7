// How a model's file is refused: one sentence that names it, what is wrong and what to do.
#pragma once

#include <string>

namespace stateline::formats {

// Throws Error(kInvalidModel) of "file: what; remedy."
[[noreturn]] void refuse(const std::string& file, const std::string& what,
                         const std::string& remedy = "download the model again or export it anew");

}  // namespace stateline::formats
