# ds_folder(NAME [LIBS ...] [TEST_LIBS ...] [TEST_TIMEOUT seconds])
#
# Makes the library datashim_<name> out of the folder's *.cc and, where there
# are *_test.cc, the test program <name>_test. Edges between folders come from
# src/LAYERS, so that a dependency is declared in one place only.

file(STRINGS "${CMAKE_SOURCE_DIR}/src/LAYERS" DS_LAYER_LINES REGEX "^[a-z0-9]")
set_property(DIRECTORY "${CMAKE_SOURCE_DIR}" APPEND PROPERTY
  CMAKE_CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/src/LAYERS")

function(ds_layer_deps name out)
  foreach(line IN LISTS DS_LAYER_LINES)
    if(line MATCHES "^${name} *:([^:]*):")
      string(STRIP "${CMAKE_MATCH_1}" deps)
      string(REGEX REPLACE " +" ";" deps "${deps}")
      set(${out} "${deps}" PARENT_SCOPE)
      return()
    endif()
  endforeach()
  message(FATAL_ERROR "folder '${name}' has no line in src/LAYERS")
endfunction()

function(ds_folder name)
  cmake_parse_arguments(ARG "" "TEST_TIMEOUT" "LIBS;TEST_LIBS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS
    "${CMAKE_CURRENT_SOURCE_DIR}/*.cc" "${CMAKE_CURRENT_SOURCE_DIR}/testing/*.cc")
  file(GLOB tests CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*_test.cc")
  if(tests)
    list(REMOVE_ITEM sources ${tests})
  endif()

  ds_layer_deps(${name} deps)
  list(TRANSFORM deps PREPEND datashim_)
  if(sources)
    add_library(datashim_${name} STATIC ${sources})
    target_link_libraries(datashim_${name} PUBLIC datashim_flags ${deps} ${ARG_LIBS})
  else()
    add_library(datashim_${name} INTERFACE)
    target_link_libraries(datashim_${name} INTERFACE datashim_flags ${deps} ${ARG_LIBS})
  endif()

  if(tests AND DATASHIM_TESTS)
    add_executable(${name}_test ${tests})
    ds_test_options(${name}_test)
    target_link_libraries(${name}_test PRIVATE
      datashim_${name} ${ARG_TEST_LIBS} GTest::gmock_main GTest::gtest)
    add_test(NAME ${name}_test COMMAND ${name}_test --gtest_shuffle)
    if(NOT ARG_TEST_TIMEOUT)
      set(ARG_TEST_TIMEOUT 60)
    endif()
    if(NOT DATASHIM_SANITIZE STREQUAL "")
      math(EXPR ARG_TEST_TIMEOUT "${ARG_TEST_TIMEOUT} * 5")  # How much slower.
    endif()
    set_tests_properties(${name}_test PROPERTIES
      LABELS unit TIMEOUT ${ARG_TEST_TIMEOUT})
  endif()
endfunction()
