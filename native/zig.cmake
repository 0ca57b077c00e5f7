# Compiles for another system on this one: Zig is a Clang that brings headers and C libraries of all of them.
#   cmake -DCMAKE_TOOLCHAIN_FILE=native/zig.cmake -DZIG=/path/of/zig -DZIG_TARGET=aarch64-linux-gnu.2.28 ...
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES ZIG ZIG_TARGET)
if(ZIG_TARGET MATCHES "windows")
  set(CMAKE_SYSTEM_NAME Windows)
else()
  set(CMAKE_SYSTEM_NAME Linux)
endif()
string(REGEX REPLACE "-.*" "" CMAKE_SYSTEM_PROCESSOR ${ZIG_TARGET})
set(CMAKE_CXX_COMPILER ${ZIG} c++)
set(CMAKE_CXX_COMPILER_TARGET ${ZIG_TARGET})

# CMake wants each tool as a file of its own.
foreach(tool ar ranlib)
  file(WRITE ${CMAKE_BINARY_DIR}/zig-${tool} "#!/bin/sh\nexec \"${ZIG}\" ${tool} \"$@\"\n")
  file(CHMOD ${CMAKE_BINARY_DIR}/zig-${tool} PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE)
endforeach()
set(CMAKE_AR ${CMAKE_BINARY_DIR}/zig-ar)
set(CMAKE_RANLIB ${CMAKE_BINARY_DIR}/zig-ranlib)

# Of this system's headers only those that are no part of it.
foreach(library nlohmann kissfft)
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/headers)
  file(CREATE_LINK /usr/include/${library} ${CMAKE_BINARY_DIR}/headers/${library} SYMBOLIC)
endforeach()
set(CMAKE_CXX_STANDARD_INCLUDE_DIRECTORIES ${CMAKE_BINARY_DIR}/headers)
