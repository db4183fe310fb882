# millrace_room(NAME DEPENDS …): src/NAME as a static library, and its *_test.cc files as one test program.
# The engine's C interface is the only library that needs an rpath: it lies in lib/ beside the program.
# Not one of the build that `install` replaces: CMake fills that one up with empty entries, which the loader takes for the
# folder it is called in.
set(CMAKE_BUILD_WITH_INSTALL_RPATH ON)

function(millrace_room name)
  cmake_parse_arguments(room "" "" "DEPENDS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.cc)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$|/main\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  if(sources)
    add_library(millrace_${name} STATIC ${sources})
    set(scope PUBLIC)
  else()
    add_library(millrace_${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(millrace_${name} ${scope} ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(millrace_${name} ${scope} ${room_DEPENDS})
  if(tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE millrace_${name} GTest::gtest_main)
    target_compile_definitions(${name}_test PRIVATE MILLRACE_SOURCE_FOLDER="${CMAKE_SOURCE_DIR}")
    set_target_properties(${name}_test PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests
                          INSTALL_RPATH "$ORIGIN/../lib")
    add_test(NAME unit_${name} COMMAND ${name}_test)
  endif()
endfunction()

function(millrace_program)
  if(EXISTS ${CMAKE_SOURCE_DIR}/src/cli/main.cc)
    add_executable(millrace ${CMAKE_SOURCE_DIR}/src/cli/main.cc)
    target_link_libraries(millrace PRIVATE millrace_cli)
    set_target_properties(millrace PROPERTIES INSTALL_RPATH "$ORIGIN/lib;$ORIGIN/../lib/millrace"
                          RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
    install(TARGETS millrace RUNTIME DESTINATION bin)
    install(FILES ${DUCKDB_LIBRARY} DESTINATION lib/millrace)
    install(DIRECTORY ${MILLRACE_DEPS}/extensions DESTINATION lib/millrace)
  endif()
endfunction()
