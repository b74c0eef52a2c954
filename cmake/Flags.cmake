# datashim_flags: what every target of ours is compiled with.
add_library(datashim_flags INTERFACE)
target_include_directories(datashim_flags INTERFACE "${CMAKE_SOURCE_DIR}/src")
target_compile_options(datashim_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wold-style-cast
  -Wnon-virtual-dtor -Wimplicit-fallthrough -fno-omit-frame-pointer
  $<$<BOOL:${DATASHIM_WERROR}>:-Werror>)
target_compile_definitions(datashim_flags INTERFACE
  DATASHIM_VERSION="${PROJECT_VERSION}"
  BOOST_ASIO_NO_DEPRECATED BOOST_ERROR_CODE_HEADER_ONLY)
target_link_libraries(datashim_flags INTERFACE Threads::Threads)
if(NOT DATASHIM_SANITIZE STREQUAL "")
  target_compile_options(datashim_flags INTERFACE
    -fsanitize=${DATASHIM_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(datashim_flags INTERFACE -fsanitize=${DATASHIM_SANITIZE})
  # gcc's -Wmaybe-uninitialized and -Wrestrict report falsely in sanitizer builds.
  target_compile_options(datashim_flags INTERFACE
    -Wno-maybe-uninitialized -Wno-restrict)
  if(DATASHIM_SANITIZE STREQUAL "thread")
    target_compile_options(datashim_flags INTERFACE -Wno-tsan)
  endif()
endif()
