# Cross-builds for AArch64 and runs the tests under QEMU (apt: g++-aarch64-linux-gnu qemu-user-static):
#   cmake -S native -B native/build-arm -G Ninja -DSTATELINE_ADDON=OFF -DCMAKE_TOOLCHAIN_FILE=test/aarch64-toolchain.cmake
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64-static -L /usr/aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH /usr/aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
