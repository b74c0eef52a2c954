// BucketServer: serves one bucket (or a prefix of it) on one FUSE connection.
// Mounts nothing: the descriptor comes from whoever did.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>

#include "base/clock.h"
#include "base/result.h"
#include "cache/cache.h"
#include "dataset/volume_config.h"
#include "fs/file_system.h"
#include "fuse/session.h"
#include "s3/client.h"
#include "s3/credentials.h"
#include "sys/unique_fd.h"

namespace datashim::node {

/// Thread-safe, but for Serve, which is called once before the others.
class BucketServer {
 public:
  /// Makes client and file system, and asks the bucket whether `credentials`
  /// (not those of `config`) may list it. How files look is said by `config`,
  /// the rest by `options`. Copies of what is read are kept in `cache`, if
  /// there is one.
  /// @return the errors of S3Client::ProbeBucket and of MakeObjectStore.
  static Result<std::unique_ptr<BucketServer>> Open(
      const dataset::VolumeConfig& config,
      std::shared_ptr<s3::CredentialProvider> credentials,
      const fs::FileSystemOptions& options, std::shared_ptr<cache::Cache> cache,
      Deadline deadline);
  BucketServer(const BucketServer&) = delete;
  BucketServer& operator=(const BucketServer&) = delete;
  /// Ends the session, and takes back the uploads of files that nobody closed.
  /// After 5 s the requests to the bucket that are still under way are ended.
  ~BucketServer();

  /// Serves `device`, /dev/fuse of a fresh mount. Errors as of Session::Start.
  Status Serve(sys::UniqueFd device, const fuse::SessionOptions& options,
               Deadline deadline);

  /// As Session::ProbePassthrough. REQUIRES: Serve was OK.
  Status ProbePassthrough(const fs::BackingFile& file) const {
    return session_->ProbePassthrough(file);
  }

  bool serving() const { return session_ && session_->serving(); }
  /// As Session::WaitForEnd. REQUIRES: Serve was OK.
  bool WaitForEnd(Deadline deadline, std::stop_token stop = {});
  fs::StatFs GetStatFs() const { return file_system_->GetStatFs(); }

 private:
  BucketServer(std::shared_ptr<s3::S3Client> client,
               std::unique_ptr<fs::FileSystem> file_system);

  const std::shared_ptr<s3::S3Client> client_;
  std::unique_ptr<fs::FileSystem> file_system_;
  std::optional<fuse::Session> session_;
};

}  // namespace datashim::node
