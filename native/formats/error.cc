#include "formats/error.h"

#include <exception>
#include <new>
#include <system_error>

namespace stateline {
namespace {

// Made beforehand: when it is needed there may be no memory for its sentence.
const Error kNoMemory(ErrorCode::kNoResources,
                      "There is not enough memory; close other programs, or set a higher hybrid "
                      "ratio or a smaller attention window.");

Error described() {
  try {
    throw;
  } catch (const Error& error) {
    return error;
  } catch (const std::bad_alloc&) {
    return kNoMemory;
  } catch (const std::exception& error) {
    const auto* system = dynamic_cast<const std::system_error*>(&error);
    if (system != nullptr && system->code() == std::errc::resource_unavailable_try_again)
      return Error(
          ErrorCode::kNoResources,
          "The system starts no further thread; close other programs or set fewer threads.");
    return Error(ErrorCode::kUnexpected,
                 std::string("The engine failed unexpectedly: ") + error.what() + ".");
  } catch (...) {
    return Error(ErrorCode::kUnexpected, "The engine failed unexpectedly.");
  }
}

}  // namespace

Error current_error() noexcept {
  try {
    return described();
  } catch (...) {
    return kNoMemory;
  }
}

}  // namespace stateline
