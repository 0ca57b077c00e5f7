# A program of libFuzzer for each reader of foreign bytes: fuzz_safetensors and so on.
foreach(reader safetensors gguf index config state)
  add_executable(fuzz_${reader} test/fuzz/target.cc test/fuzz/readers.cc)
  target_compile_definitions(fuzz_${reader} PRIVATE STATELINE_READER=read_${reader})
  target_link_libraries(fuzz_${reader} PRIVATE stateline_longrange)
  target_link_options(fuzz_${reader} PRIVATE -fsanitize=fuzzer)
endforeach()
