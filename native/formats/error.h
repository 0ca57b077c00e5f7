// The one exception type of native code: a sentence for the person and a code for the program.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace stateline {

enum class ErrorCode {
  kInvalidArgument,
  kInvalidModel,
  kInvalidState,
  kCancelled,
  kDisposed,
  kDevice,       // a GPU cannot be used, or no longer
  kNoResources,  // the system has no memory or no thread left
  kUnexpected
};

class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& sentence) : std::runtime_error(sentence), code_(code) {}
  ErrorCode code() const { return code_; }

 private:
  ErrorCode code_;
};

// The exception being handled, whatever it is. To be called in a catch block.
Error current_error() noexcept;

// The code as JavaScript sees it in `error.code`.
inline const char* code_name(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return "INVALID_ARGUMENT";
    case ErrorCode::kInvalidModel:
      return "INVALID_MODEL";
    case ErrorCode::kInvalidState:
      return "INVALID_STATE";
    case ErrorCode::kCancelled:
      return "CANCELLED";
    case ErrorCode::kDisposed:
      return "DISPOSED";
    case ErrorCode::kDevice:
      return "DEVICE";
    case ErrorCode::kNoResources:
      return "NO_RESOURCES";
    case ErrorCode::kUnexpected:
      return "UNEXPECTED";
  }
  return "UNKNOWN";
}

}  // namespace stateline
