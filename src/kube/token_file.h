// TokenFile: the bearer token in a file that kubelet replaces about every hour.

#pragma once

#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"

namespace datashim::kube {

/// Thread-safe.
class TokenFile {
 public:
  /// client-go reads as often.
  static constexpr Duration kRereadAfter = std::chrono::minutes(1);

  TokenFile(std::string path, Clock& clock)
      : path_(std::move(path)), clock_(clock) {}

  /// What the file held at most a minute ago. While it cannot be read, the
  /// last token goes on: it is valid for longer than it takes to write a file.
  /// @return what reading failed with, if there never was a token.
  Result<SecretString> Token();
  /// The server refused the token: the next Token() reads the file.
  void Expire();

 private:
  const std::string path_;
  Clock& clock_;
  std::mutex mutex_;
  SecretString token_;                    // Guarded by mutex_.
  std::optional<MonotonicTime> read_at_;  // Guarded by mutex_.
};

}  // namespace datashim::kube
