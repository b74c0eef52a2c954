// Spell: which known word a mistyped one was meant to be. Pure.

#pragma once

#include <span>
#include <string_view>

namespace datashim::dataset {

/// The word of `known` that `typed` is most likely meant to be: equal but for
/// case, '-' and '_', or at most two letters apart. Empty if there is none.
std::string_view NearestWord(std::string_view typed,
                             std::span<const std::string_view> known);

}  // namespace datashim::dataset
