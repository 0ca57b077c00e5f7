# The CUDA kernels for the processor: each .cu as C++ over the emulator, with a hook before every load
# and store (emulator/instrumentation.cc). Needs no nvcc.
set(emulator ${CMAKE_CURRENT_SOURCE_DIR}/test/cuda/emulator)

file(GLOB cuda_sources CONFIGURE_DEPENDS kernels/cuda/*.cu test/cuda/*.cu)
set_source_files_properties(${cuda_sources} PROPERTIES LANGUAGE CXX)
# Its misaligned load is for the emulator to find.
set_source_files_properties(test/cuda/planted_faults.cu PROPERTIES COMPILE_OPTIONS -fno-sanitize=alignment)
add_library(stateline_cuda_emulated OBJECT ${cuda_sources})
target_include_directories(stateline_cuda_emulated PRIVATE ${CMAKE_CURRENT_SOURCE_DIR} ${emulator})
# -O1 keeps loads and stores as the source has them. nvcc compiles signed and unsigned mixed, and
# unrolls by pragma; CUDA's own words read memory under other types.
target_compile_options(stateline_cuda_emulated PRIVATE -O1 -fsanitize=thread,undefined
  -fno-sanitize-recover=undefined -fno-strict-aliasing -Wno-conversion -Wno-sign-compare
  -Wno-unknown-pragmas)

file(GLOB cuda_test_sources CONFIGURE_DEPENDS test/cuda/*.cc test/cuda/emulator/*.cc
  kernels/cuda/*.cc)
add_executable(cuda_test ${cuda_test_sources} $<TARGET_OBJECTS:stateline_cuda_emulated>)
target_include_directories(cuda_test PRIVATE ${CMAKE_CURRENT_SOURCE_DIR} ${emulator})
target_link_libraries(cuda_test PRIVATE stateline_kernels)
target_link_options(cuda_test PRIVATE -fsanitize=undefined)
add_test(NAME cuda_test COMMAND cuda_test)
