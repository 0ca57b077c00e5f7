# A weak symbol that a level shares with the rest of the program could be linked in from the AVX-512
# objects and run on a CPU without it. Fails if a level's objects define any outside its own namespace.
#   cmake -DNM=nm -DOBJECTS=a.o,b.o -DLEVEL=avx2 -P level_symbols.cmake
string(REPLACE "," ";" objects "${OBJECTS}")
execute_process(COMMAND ${NM} -C --defined-only ${objects} OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "[^\n]* [WVu] [^\n]*" weak "${symbols}")
list(FILTER weak EXCLUDE REGEX "stateline::kernels::${LEVEL}::")
if(weak)
  message(FATAL_ERROR "shared weak symbols in level ${LEVEL}: ${weak}")
endif()
