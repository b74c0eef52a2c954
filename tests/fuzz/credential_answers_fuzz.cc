// Answers of servers that give credentials: what is taken from any bytes can be
// a header's value, and what reaches logs is short and printable.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "credentials/answers.h"

namespace {

namespace credentials = datashim::credentials;

void CheckValue(const datashim::SecretString& value) {
  const std::string& text = value.Reveal();
  DS_CHECK(!text.empty() && text.size() <= credentials::kValueBytesMax);
  DS_CHECK(std::all_of(text.begin(), text.end(),
                       [](char c) { return c > ' ' && c <= '~'; }));
}

void CheckKeys(const datashim::Result<credentials::TimedCredentials>& answer) {
  if (!answer.ok()) {
    DS_CHECK(answer.error().message.size() < 200);
    return;
  }
  CheckValue(answer->credentials.access_key_id);
  CheckValue(answer->credentials.secret_access_key);
  CheckValue(answer->credentials.session_token);
}

void CheckError(const std::optional<credentials::ServiceError>& error) {
  if (!error) return;
  DS_CHECK(!error->code.empty() && error->code.size() <= 64);
  DS_CHECK(error->message.size() <= 256);
  for (const char c : error->code + error->message) {
    DS_CHECK(c >= ' ' && c <= '~');
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  CheckKeys(credentials::ParseStsAnswer(text));
  CheckKeys(credentials::ParseKeysDocument(text));
  CheckError(credentials::ParseStsError(text));
  CheckError(credentials::ParseJsonError(text));
  const auto bearer = credentials::ParseBearerToken(text);
  if (bearer.ok()) {
    CheckValue(bearer->token);
    DS_CHECK(bearer->lifetime.count() > 0);
  }
  const auto role = credentials::ParseRoleName(text);
  DS_CHECK(!role.ok() || role->find_first_of("/%\r\n ") == role->npos);
  return 0;
}
