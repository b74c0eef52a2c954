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
  # The null check doubles the time to compile and finds what a crash shows; the
  # vptr check asks the kernel in ways that the keeper's filter forbids.
  if(DATASHIM_SANITIZE MATCHES "undefined")
    target_compile_options(datashim_flags INTERFACE -fno-sanitize=null,vptr)
  endif()
  # gcc's -Wmaybe-uninitialized and -Wrestrict report falsely in sanitizer builds.
  target_compile_options(datashim_flags INTERFACE
    -Wno-maybe-uninitialized -Wno-restrict)
  if(DATASHIM_SANITIZE STREQUAL "thread")
    target_compile_options(datashim_flags INTERFACE
      -Wno-tsan -include "${CMAKE_SOURCE_DIR}/cmake/tsan_libstdcxx.h")
  endif()
endif()

# ds_test_options(TARGET): tests are compiled without optimization: it takes half
# of the time in sanitizer builds, and only what they test has to be fast.
function(ds_test_options target)
  target_compile_options(${target} PRIVATE -O0)
endfunction()
