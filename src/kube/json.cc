#include "kube/json.h"

#include <nlohmann/json.hpp>
#include <string>

namespace datashim::kube {
namespace {

bool IsTooDeep(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kJsonDepthMax) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

}  // namespace

Result<nlohmann::json> ParseJsonObject(std::string_view text) {
  if (IsTooDeep(text)) {
    return Error{ErrorCode::kDataLoss,
                 "JSON is nested deeper than " + std::to_string(kJsonDepthMax)};
  }
  nlohmann::json value = nlohmann::json::parse(text.begin(), text.end(),
                                               /*cb=*/nullptr,
                                               /*allow_exceptions=*/false);
  if (!value.is_object()) {
    return Error{ErrorCode::kDataLoss, "this is no JSON object"};
  }
  return value;
}

}  // namespace datashim::kube
