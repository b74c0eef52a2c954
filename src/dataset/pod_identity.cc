#include "dataset/pod_identity.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "dataset/location.h"

namespace datashim::dataset {
namespace {

constexpr std::size_t kTokensBytesMax = std::size_t{256} << 10;

}  // namespace

Result<std::map<std::string, SecretString, std::less<>>> ParsePodTokens(
    const SecretString& text) {
  std::map<std::string, SecretString, std::less<>> tokens;
  if (text.empty()) return tokens;
  const Error malformed{
      ErrorCode::kInvalidArgument,
      std::string(kTokensKey) + ": is not what the kubelet sends"};
  if (text.Reveal().size() > kTokensBytesMax) return malformed;
  const auto json = nlohmann::json::parse(text.Reveal(), nullptr,
                                          /*allow_exceptions=*/false);
  if (!json.is_object()) return malformed;
  for (const auto& [audience, value] : json.items()) {
    const auto field = value.is_object() ? value.find("token") : value.end();
    if (field == value.end() || !field->is_string()) return malformed;
    auto token = ParseKey(SecretString(field->get<std::string>()));
    if (!token.ok() || token->empty()) return malformed;
    tokens.emplace(audience, *std::move(token));
  }
  return tokens;
}

}  // namespace datashim::dataset
