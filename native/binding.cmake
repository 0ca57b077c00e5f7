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
  # An import library made from the headers' own list; the symbols are those of the host process.
  set(node_lib ${CMAKE_CURRENT_BINARY_DIR}/node.lib)
  execute_process(COMMAND ${CMAKE_AR} /def:${node_modules}/node-api-headers/def/node_api.def
    /out:${node_lib} /machine:x64 COMMAND_ERROR_IS_FATAL ANY)
  target_link_libraries(stateline_addon PRIVATE ${node_lib} delayimp)
  target_link_options(stateline_addon PRIVATE /DELAYLOAD:NODE.EXE)
elseif(NOT STATELINE_SANITIZE)
  # The C++ runtime goes in, so that the package does not depend on the user's libstdc++.
  target_link_options(stateline_addon PRIVATE -static-libgcc -static-libstdc++ -Wl,--exclude-libs,ALL -Wl,--gc-sections)
endif()
