// Parsing of JSON that comes from the network, with bounds and without
// exceptions. Everything after it may rely on an object being an object.

#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "base/result.h"

namespace datashim::kube {

/// Deeper than any object that the API server stores; the dump of a value
/// recurses as deep as the value is.
inline constexpr int kJsonDepthMax = 200;

/// @return kDataLoss if `text` is no JSON object, or deeper than kJsonDepthMax.
Result<nlohmann::json> ParseJsonObject(std::string_view text);

}  // namespace datashim::kube
