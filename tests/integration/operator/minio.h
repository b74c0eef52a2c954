// Minio: a real S3 server on loopback for tests.

#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "child_process.h"

namespace datashim::integration {

/// Thread-compatible.
class Minio {
 public:
  struct Keys {
    std::string access_key_id;
    std::string secret_access_key;
  };

  /// Starts it and waits until it answers.
  static Result<std::unique_ptr<Minio>> Start(Keys keys);
  Minio(const Minio&) = delete;
  Minio& operator=(const Minio&) = delete;
  /// Kills it and removes its data.
  ~Minio();

  /// The same data and address, other keys: the old ones are unknown then.
  Status RestartWith(Keys keys);

  /// Makes the bucket, if it is not there.
  Status MakeBucket(const std::string& bucket) const;
  /// OK if the bucket is there.
  Status CheckBucket(const std::string& bucket) const;

  const std::string& endpoint() const { return endpoint_; }
  const Keys& keys() const { return keys_; }

 private:
  explicit Minio(std::string directory);
  Status Run(Keys keys);

  const std::string directory_;
  /// MinIO shares no port, so it is free until MinIO has it.
  const std::uint16_t port_ = ReservedPort().port();
  const std::string endpoint_;
  Keys keys_;
  std::unique_ptr<ChildProcess> process_;
};

}  // namespace datashim::integration
