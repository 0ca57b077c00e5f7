# The Node addons: build/stateline.node completes, build/stateline-longrange.node classifies long sequences. Node itself
# provides the napi_* symbols when it loads a file.
set(node_modules ${CMAKE_CURRENT_SOURCE_DIR}/../node_modules)
if(WIN32)
  # The symbols of Node-API are the host process's, whatever its file is called: binding/host_symbols.cc.in.
  file(STRINGS ${node_modules}/node-api-headers/def/node_api.def names REGEX "^(napi|node_api)_")
  list(TRANSFORM names REPLACE "(.+)" "HOST_SYMBOL(\\1)")
  list(JOIN names "\n" HOST_SYMBOLS)
  configure_file(binding/host_symbols.cc.in ${CMAKE_CURRENT_BINARY_DIR}/host_symbols.cc @ONLY)
endif()

# stateline_node_addon(TARGET FILE LIBRARY SOURCE ...)
function(stateline_node_addon target file library)
  add_library(${target} MODULE ${ARGN})
  set_target_properties(${target} PROPERTIES OUTPUT_NAME ${file} PREFIX "" SUFFIX ".node"
    LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR} RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
  target_include_directories(${target} SYSTEM PRIVATE
    ${node_modules}/node-addon-api ${node_modules}/node-api-headers/include)
  target_compile_definitions(${target} PRIVATE NAPI_VERSION=9 NODE_ADDON_API_DISABLE_DEPRECATED
    NAPI_CPP_EXCEPTIONS BUILDING_NODE_EXTENSION)
  target_link_libraries(${target} PRIVATE ${library})
  if(APPLE)
    target_link_options(${target} PRIVATE -undefined dynamic_lookup)
  elseif(WIN32)
    target_sources(${target} PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/host_symbols.cc)
  elseif(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND NOT STATELINE_SANITIZE)
    # The C++ runtime goes in, so that the package does not depend on the user's libstdc++.
    target_link_options(${target} PRIVATE -static-libgcc -static-libstdc++ -Wl,--exclude-libs,ALL -Wl,--gc-sections)
  elseif(ZIG)  # which puts its own C++ runtime in
    target_link_options(${target} PRIVATE -Wl,--gc-sections -s)
  endif()
endfunction()

stateline_node_addon(stateline_addon stateline stateline_engine ${binding_sources})
file(GLOB longrange_binding_sources CONFIGURE_DEPENDS longrange_binding/*.cc)
stateline_node_addon(stateline_longrange_addon stateline-longrange stateline_longrange ${longrange_binding_sources}
  binding/addon_data.cc binding/arguments.cc binding/cancellation.cc binding/delivery.cc)
add_dependencies(stateline_addon stateline_longrange_addon)  # one name builds what the package has
