# One ctest per *_test.cc (doctest); *_bench.cc are plain programs, run by hand.
function(stateline_tests library)
  file(GLOB tests CONFIGURE_DEPENDS ${ARGN})
  foreach(source ${tests})
    get_filename_component(name ${source} NAME_WE)
    add_executable(${name} ${source})
    target_include_directories(${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
    target_link_libraries(${name} PRIVATE ${library})
    if(name MATCHES "_test$")
      add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}/..)
    endif()
  endforeach()
endfunction()

stateline_tests(stateline_kernels test/kernels/*_test.cc test/kernels/kernel_bench.cc test/kernels/linear_bench.cc
  test/kernels/mixer_bench.cc)
if(UNIX)  # it forks its own competitor
  stateline_tests(stateline_kernels test/kernels/contention_bench.cc)
endif()
# The instruction of AVX-VNNI in terms of AVX2, so that its `linear` is tested on processors without it.
if(TARGET stateline_avxvnni AND NOT MSVC)
  stateline_level_objects(avxvnni_emulated ${avx2} -DSTATELINE_VNNI
    -include ${CMAKE_CURRENT_SOURCE_DIR}/test/kernels/emulated_avxvnni.h)
  target_sources(linear_test PRIVATE $<TARGET_OBJECTS:stateline_avxvnni_emulated>)
  target_compile_definitions(linear_test PRIVATE STATELINE_HAS_avxvnni_emulated)
endif()
# Only an optimised build inlines what the levels must not share.
if(CMAKE_NM AND CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT STATELINE_SANITIZE)
  foreach(level ${stateline_levels})
    add_test(NAME level_symbols_${level} COMMAND ${CMAKE_COMMAND} -DNM=${CMAKE_NM} -DLEVEL=${level}
      "-DOBJECTS=$<JOIN:$<TARGET_OBJECTS:stateline_${level}>,,>"
      -P ${CMAKE_CURRENT_SOURCE_DIR}/test/kernels/level_symbols.cmake)
  endforeach()
endif()

# What test/native/threads.test.ts preloads.
if(CMAKE_SYSTEM_NAME STREQUAL "Linux" AND NOT CMAKE_CROSSCOMPILING AND NOT STATELINE_SANITIZE)
  add_library(refuse_threads MODULE test/binding/refuse_threads.cc)
  target_link_libraries(refuse_threads PRIVATE ${CMAKE_DL_LIBS})
endif()

if(TARGET stateline_engine)
  stateline_tests(stateline_engine test/engine/*.cc test/formats/*_test.cc test/models/*_test.cc)
  stateline_tests(stateline_longrange test/longrange/*_test.cc)
  target_sources(hostile_files_test PRIVATE test/fuzz/readers.cc)
  target_link_libraries(hostile_files_test PRIVATE stateline_longrange)
  if(UNIX)  # it forks, to weigh each run by itself
    stateline_tests(stateline_longrange test/longrange/longrange_bench.cc)
  endif()
endif()

# The hooks are GCC's, the fibers' stacks are Linux's; other sanitizers do not know fibers.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_SYSTEM_NAME STREQUAL "Linux"
    AND NOT CMAKE_CROSSCOMPILING AND NOT STATELINE_SANITIZE)
  include(test/cuda/cuda.cmake)
endif()
