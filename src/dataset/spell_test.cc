#include "dataset/spell.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <utility>

namespace datashim::dataset {
namespace {

TEST(NearestWordTest, FindsWhatWasMeant) {
  constexpr std::array<std::string_view, 5> kKnown = {
      "endpoint", "secret-name", "secret-namespace", "COS", "H3"};
  const std::pair<std::string, std::string_view> cases[] = {
      {"endpoint", "endpoint"},
      {"endpiont", "endpoint"},
      {"end-point", "endpoint"},
      {"ENDPOINTS", "endpoint"},
      {"secretName", "secret-name"},
      {"secret_namespace", "secret-namespace"},
      {"cos", "COS"},
      {"CO", "COS"},
      {"h3", "H3"},
      {"S3", ""},
      {"dog", ""},
      {"", ""},
      {"enpoont", "endpoint"},
      {"enpiont", ""},
      {std::string(65, 'e'), ""}};
  for (const auto& [typed, meant] : cases) {
    EXPECT_EQ(NearestWord(typed, kKnown), meant) << typed;
  }
}

}  // namespace
}  // namespace datashim::dataset
