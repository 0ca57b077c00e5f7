# stateline_kernels: the contract's reference implementations, and each cpu/*.cc once per level.
file(GLOB plain_sources CONFIGURE_DEPENDS kernels/*.cc kernels/reference/*.cc kernels/cuda/*.cc)
file(GLOB cpu_sources CONFIGURE_DEPENDS kernels/cpu/*.cc)
add_library(stateline_kernels STATIC ${plain_sources})
target_include_directories(stateline_kernels PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(stateline_kernels PUBLIC Threads::Threads)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # Complex products as four multiplications, without a look at infinities.
  set_source_files_properties(kernels/fft_conv.cc PROPERTIES COMPILE_OPTIONS -fcx-limited-range)
endif()

# A level is a namespace and a set of flags. -ffp-contract=off: a product and a sum are fused where the
# source says so (MulAdd) and nowhere else, so that results do not depend on the optimiser's mood.
function(stateline_level level)
  add_library(stateline_${level} OBJECT ${cpu_sources})
  target_include_directories(stateline_${level} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  target_compile_definitions(stateline_${level} PRIVATE STATELINE_LEVEL=${level})
  target_compile_options(stateline_${level} PRIVATE ${ARGN})
  if(NOT MSVC)
    target_compile_options(stateline_${level} PRIVATE -ffp-contract=off -fno-math-errno)
  endif()
  target_sources(stateline_kernels PRIVATE $<TARGET_OBJECTS:stateline_${level}>)
  target_compile_definitions(stateline_kernels PRIVATE STATELINE_HAS_${level})
  set(stateline_levels ${stateline_levels} ${level} PARENT_SCOPE)
endfunction()

if(cpu_sources)
  stateline_level(scalar)  # the baseline of the processor: no flags
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64|ARM64")
    stateline_level(neon -DSTATELINE_SIMD_NEON)
  elseif(MSVC)
    stateline_level(avx2 /arch:AVX2 /DSTATELINE_SIMD_AVX2)
    stateline_level(avx512 /arch:AVX512 /DSTATELINE_SIMD_AVX512)
    stateline_level(avx512vnni /arch:AVX512 /DSTATELINE_SIMD_AVX512 /DSTATELINE_VNNI)
  elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    set(avx2 -mavx2 -mfma -mf16c)
    # GCC 12 takes its own "undefined" operands for uninitialised ones.
    set(avx512 ${avx2} "$<$<CXX_COMPILER_ID:GNU>:-Wno-uninitialized;-Wno-maybe-uninitialized>" -mavx512f -mavx512bw -mavx512dq -mavx512vl -mprefer-vector-width=512)
    stateline_level(avx2 ${avx2} -DSTATELINE_SIMD_AVX2)
    stateline_level(avx512 ${avx512} -DSTATELINE_SIMD_AVX512)
    stateline_level(avx512vnni ${avx512} -mavx512vnni -DSTATELINE_SIMD_AVX512 -DSTATELINE_VNNI)
  endif()
endif()
