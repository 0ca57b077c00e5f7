// One reader as a program of libFuzzer (https://llvm.org/docs/LibFuzzer.html); STATELINE_READER
// names it.
#include <cstdint>

#include "test/fuzz/readers.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  stateline::fuzz::STATELINE_READER(std::as_bytes(std::span(data, size)));
  return 0;
}
