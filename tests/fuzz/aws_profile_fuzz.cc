// Files of ~/.aws: any text gives profiles or an error that shows none of it,
// and every profile leads somewhere or to an error.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "credentials/profile.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  using namespace datashim::credentials;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto profiles =
      ParseProfiles(text.substr(0, size / 2), text.substr(size / 2));
  if (!profiles.ok()) {
    DS_CHECK(profiles.error().message.size() < 100);
    return 0;
  }
  for (const auto& [name, profile] : *profiles) {
    const auto plan = FollowProfile(*profiles, name);
    if (!plan.ok()) continue;
    DS_CHECK(plan->roles.size() <= 5);
    if (plan->start == CredentialPlan::Start::kKeys) {
      DS_CHECK(!plan->keys.secret_access_key.empty());
    }
  }
  return 0;
}
