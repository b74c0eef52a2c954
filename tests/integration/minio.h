// Minio: a real MinIO on loopback for tests.

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "child_process.h"
#include "net/testing/certificates.h"

namespace datashim::integration {

/// Thread-compatible; see ChildProcess.
class Minio {
 public:
  enum class Protocol { kHttp, kHttps };

  /// Starts it with an empty data folder and waits until it serves.
  /// @param settings of its environment, such as "MINIO_REGION=x".
  /// @return kUnavailable, with the end of its log, if it does not come up.
  static Result<std::unique_ptr<Minio>> Start(
      Protocol protocol, std::vector<std::string> settings = {});
  Minio(const Minio&) = delete;
  Minio& operator=(const Minio&) = delete;
  /// Kills it and removes its files.
  ~Minio();

  /// "http://127.0.0.1:port".
  const std::string& url() const { return url_; }
  /// Whom to trust under kHttps.
  const std::string& ca_pem() const { return authority_.ca_pem(); }

  static constexpr const char* kAccessKey = "test-access-key";
  static constexpr const char* kSecretKey = "test-secret-key";

  /// What clients without keys may do with the bucket and its objects, such as
  /// {"s3:ListBucket"}, and nothing else.
  Status AllowWithoutKeys(const std::string& bucket,
                          const std::vector<std::string>& actions) const;

  /// Adds a policy of IAM, by MinIO's admin API, that allows `actions` (such
  /// as {"s3:GetObject"}) on everything.
  Status AddPolicy(const std::string& name,
                   const std::vector<std::string>& actions);

  void Kill() { process_->Kill(); }
  /// Starts it again with the same data at the same address. Other keys than
  /// before: the old ones are unknown then.
  Status Restart(const std::string& access_key = kAccessKey,
                 const std::string& secret_key = kSecretKey);

 private:
  Minio(std::string directory, Protocol protocol, std::uint16_t port,
        std::vector<std::string> settings);
  Status WriteCertificate() const;
  Status WaitUntilReady();
  std::string File(const std::string& name) const {
    return directory_ + "/" + name;
  }

  const std::string directory_;
  const Protocol protocol_;
  const net::TestAuthority authority_;
  const std::uint16_t port_;
  const std::string url_;
  const std::vector<std::string> settings_;
  std::unique_ptr<ChildProcess> process_;
};

}  // namespace datashim::integration
