#include "formats/refusal.h"

#include "formats/error.h"

namespace stateline::formats {

void refuse(const std::string& file, const std::string& what, const std::string& remedy) {
  throw Error(ErrorCode::kInvalidModel, file + ": " + what + "; " + remedy + ".");
}

}  // namespace stateline::formats
