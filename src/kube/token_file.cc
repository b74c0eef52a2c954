#include "kube/token_file.h"

#include <utility>

#include "base/strings.h"
#include "kube/file.h"

namespace datashim::kube {
namespace {

constexpr std::size_t kTokenBytesMax = 1u << 20;

}  // namespace

Result<SecretString> TokenFile::Token() {
  const std::lock_guard lock(mutex_);
  const MonotonicTime now = clock_.Now();
  if (read_at_ && now < *read_at_ + kRereadAfter) return token_;
  auto text = ReadFile(path_, kTokenBytesMax);
  if (text.ok() && TrimSpace(*text).empty()) {
    text = Error{ErrorCode::kFailedPrecondition, path_ + ": is empty"};
  }
  if (text.ok()) {
    token_ = SecretString(std::string(TrimSpace(*text)));
    read_at_ = now;
  } else if (token_.empty()) {
    return text.error().Wrap("token");
  }
  return token_;
}

void TokenFile::Expire() {
  const std::lock_guard lock(mutex_);
  read_at_.reset();
}

}  // namespace datashim::kube
