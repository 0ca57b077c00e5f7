# The CUDA sources for the processor: each .cu as C++ over the emulator, with a hook before every load
# and store (emulator/instrumentation.cc). Needs no nvcc.
set(emulator ${CMAKE_CURRENT_SOURCE_DIR}/test/cuda/emulator)

# stateline_instrumented(NAME SOURCE ...): an object library of .cu files.
function(stateline_instrumented name)
  set_source_files_properties(${ARGN} PROPERTIES LANGUAGE CXX)
  add_library(${name} OBJECT ${ARGN})
  target_include_directories(${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR} ${emulator})
  # -O1 keeps loads and stores as the source has them. nvcc compiles signed and unsigned mixed, and
  # unrolls by pragma; CUDA's own words read memory under other types.
  target_compile_options(${name} PRIVATE -O1 -fsanitize=thread,undefined
    -fno-sanitize-recover=undefined -fno-strict-aliasing -Wno-conversion -Wno-sign-compare
    -Wno-unknown-pragmas)
endfunction()

file(GLOB cuda_sources CONFIGURE_DEPENDS kernels/cuda/*.cu cuda/*.cu)
file(GLOB planted_sources CONFIGURE_DEPENDS test/cuda/*.cu)
# Its misaligned load is for the emulator to find.
set_source_files_properties(${planted_sources} PROPERTIES COMPILE_OPTIONS -fno-sanitize=alignment)
stateline_instrumented(stateline_cuda_emulated ${cuda_sources})
stateline_instrumented(stateline_cuda_planted ${planted_sources})

# First among the objects of whatever it is linked into: of an inline function that both have, the linker
# takes the first, and the emulator's own touches of memory are no kernel's.
file(GLOB emulator_sources CONFIGURE_DEPENDS test/cuda/emulator/*.cc)
add_library(stateline_emulator OBJECT ${emulator_sources})
target_include_directories(stateline_emulator PUBLIC ${CMAKE_CURRENT_SOURCE_DIR} ${emulator})

# The library as the engine loads it, for tests of the whole road on machines without a GPU.
add_library(stateline_cuda_emulated_library SHARED $<TARGET_OBJECTS:stateline_emulator>
  $<TARGET_OBJECTS:stateline_cuda_emulated>)
set_target_properties(stateline_cuda_emulated_library PROPERTIES OUTPUT_NAME stateline_cuda_emulated)

target_link_options(stateline_cuda_emulated_library PRIVATE -fsanitize=undefined)

# stateline_emulated_test(NAME SOURCE ...): a program with the emulated GPU in it.
function(stateline_emulated_test name)
  add_executable(${name} $<TARGET_OBJECTS:stateline_emulator> ${ARGN}
    $<TARGET_OBJECTS:stateline_cuda_emulated>)
  target_include_directories(${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR} ${emulator})
  target_link_options(${name} PRIVATE -fsanitize=undefined)
  add_test(NAME ${name} COMMAND ${name})
endfunction()

file(GLOB cuda_test_sources CONFIGURE_DEPENDS test/cuda/*.cc)
stateline_emulated_test(cuda_test ${cuda_test_sources} $<TARGET_OBJECTS:stateline_cuda_planted>)
target_link_libraries(cuda_test PRIVATE stateline_kernels)

stateline_emulated_test(cuda_machine_test test/cuda/engine/cuda_machine_test.cc
  test/cuda/engine/cuda_graph_test.cc test/cuda/engine/cuda_ops_test.cc)

# Knows no emulator, only a library's path: ./dev test:gpu gives it a real GPU's.
add_executable(cuda_engine_test test/cuda/engine/cuda_engine_test.cc
  test/cuda/engine/cuda_families_test.cc)
add_test(NAME cuda_engine_test COMMAND cuda_engine_test)

foreach(name cuda_machine_test cuda_engine_test)
  target_include_directories(${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/test/engine)
  target_compile_definitions(${name} PRIVATE
    STATELINE_EMULATED_LIBRARY="$<TARGET_FILE:stateline_cuda_emulated_library>")
  add_dependencies(${name} stateline_cuda_emulated_library)
  target_link_libraries(${name} PRIVATE stateline_engine)
endforeach()
