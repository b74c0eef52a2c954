// DS_CHECK: ends the process when an invariant that only a bug can break is
// broken. Bad input from users, network, disk or kernel is an Error instead.

#pragma once

namespace datashim {

/// Writes "file:line: check failed: text" to stderr and aborts.
[[noreturn]] void CheckFailed(const char* file, int line, const char* text);

}  // namespace datashim

#define DS_CHECK(condition)                                    \
  do {                                                         \
    if (!(condition)) [[unlikely]]                             \
      ::datashim::CheckFailed(__FILE__, __LINE__, #condition); \
  } while (false)
