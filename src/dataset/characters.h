// What text consists of, for the rules of this folder. Pure; ASCII only,
// whatever the locale.

#pragma once

#include <algorithm>
#include <string_view>

namespace datashim::dataset {

/// a-z, A-Z, 0-9.
inline bool IsLetterOrDigit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9');
}

/// True if all of `text` are letters, digits and characters of `punctuation`;
/// also for "".
inline bool ConsistsOf(std::string_view text, std::string_view punctuation) {
  return std::all_of(text.begin(), text.end(), [punctuation](char c) {
    return IsLetterOrDigit(c) || punctuation.find(c) != std::string_view::npos;
  });
}

}  // namespace datashim::dataset
