#include "dataset/spell.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "base/strings.h"

namespace datashim::dataset {
namespace {

constexpr std::size_t kEditsMax = 2;
constexpr std::size_t kWordBytesMax = 64;  // Bounds the quadratic distance.

std::string Fold(std::string_view word) {
  std::string folded = ToLower(word);
  std::erase_if(folded, [](char c) { return c == '-' || c == '_'; });
  return folded;
}

// Levenshtein distance.
std::size_t Edits(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t above = row[j + 1];
      row[j + 1] =
          std::min({above + 1, row[j] + 1, diagonal + (a[i] == b[j] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

}  // namespace

std::string_view NearestWord(std::string_view typed,
                             std::span<const std::string_view> known) {
  if (typed.size() > kWordBytesMax) return {};
  const std::string folded = Fold(typed);
  std::string_view nearest;
  std::size_t edits_min = kEditsMax + 1;
  for (const std::string_view word : known) {
    const std::size_t edits = Edits(folded, Fold(word));
    // A short word is not meant when half of it is different.
    if (edits < edits_min && 2 * edits < word.size()) {
      edits_min = edits;
      nearest = word;
    }
  }
  return nearest;
}

}  // namespace datashim::dataset
