#include "s3/credentials.h"

#include <utility>

namespace datashim::s3 {

UpdatableCredentials::UpdatableCredentials(Credentials credentials)
    : current_(std::make_shared<const Credentials>(std::move(credentials))) {}

Result<std::shared_ptr<const Credentials>> UpdatableCredentials::Get(Deadline) {
  std::lock_guard lock(mutex_);
  return current_;
}

bool UpdatableCredentials::Renew(const Credentials& used) {
  std::lock_guard lock(mutex_);
  return *current_ != used;
}

void UpdatableCredentials::Set(Credentials credentials) {
  auto next = std::make_shared<const Credentials>(std::move(credentials));
  std::lock_guard lock(mutex_);
  current_ = std::move(next);
}

}  // namespace datashim::s3
