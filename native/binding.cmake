# The Node addon: build/stateline.node. Node itself provides the napi_* symbols when it loads the file.
set(node_modules ${CMAKE_CURRENT_SOURCE_DIR}/../node_modules)
add_library(stateline_addon MODULE ${binding_sources})
set_target_properties(stateline_addon PROPERTIES OUTPUT_NAME stateline PREFIX "" SUFFIX ".node"
  LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR} RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
target_include_directories(stateline_addon SYSTEM PRIVATE
  ${node_modules}/node-addon-api ${node_modules}/node-api-headers/include)
target_compile_definitions(stateline_addon PRIVATE NAPI_VERSION=9 NODE_ADDON_API_DISABLE_DEPRECATED
  NAPI_CPP_EXCEPTIONS BUILDING_NODE_EXTENSION)
target_link_libraries(stateline_addon PRIVATE stateline_engine)
if(APPLE)
  target_link_options(stateline_addon PRIVATE -undefined dynamic_lookup)
elseif(WIN32)
  # The symbols of Node-API are the host process's, whatever its file is called: binding/host_symbols.cc.in.
  file(STRINGS ${node_modules}/node-api-headers/def/node_api.def names REGEX "^(napi|node_api)_")
  list(TRANSFORM names REPLACE "(.+)" "HOST_SYMBOL(\\1)")
  list(JOIN names "\n" HOST_SYMBOLS)
  configure_file(binding/host_symbols.cc.in ${CMAKE_CURRENT_BINARY_DIR}/host_symbols.cc @ONLY)
  target_sources(stateline_addon PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/host_symbols.cc)
elseif(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND NOT STATELINE_SANITIZE)
  # The C++ runtime goes in, so that the package does not depend on the user's libstdc++.
  target_link_options(stateline_addon PRIVATE -static-libgcc -static-libstdc++ -Wl,--exclude-libs,ALL -Wl,--gc-sections)
elseif(ZIG)  # which puts its own C++ runtime in
  target_link_options(stateline_addon PRIVATE -Wl,--gc-sections -s)
endif()
