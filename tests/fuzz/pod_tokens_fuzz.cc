// Tokens of pods: what is taken from any bytes can be a header's value, and no
// error repeats them.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/check.h"
#include "dataset/pod_identity.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  using namespace datashim;
  const auto tokens = dataset::ParsePodTokens(
      SecretString(std::string(reinterpret_cast<const char*>(data), size)));
  if (!tokens.ok()) {
    DS_CHECK(tokens.error().message.size() < 120);
    return 0;
  }
  for (const auto& [audience, token] : *tokens) {
    const std::string& text = token.Reveal();
    DS_CHECK(!text.empty());
    DS_CHECK(std::all_of(text.begin(), text.end(),
                         [](char c) { return c > ' ' && c <= '~'; }));
  }
  return 0;
}
