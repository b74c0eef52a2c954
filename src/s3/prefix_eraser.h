// PrefixEraser: deletes everything below a prefix of a bucket: objects, all
// their versions, and uploads that were not completed. Knows nothing of who
// may want that.

#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "s3/client.h"
#include "s3/xml.h"

namespace datashim::s3 {

/// What one step did.
struct EraseStep {
  std::uint64_t removed = 0;  ///< Versions, delete markers and uploads.
  bool done = false;          ///< There was nothing left.
};

/// Keeps no place in a list: what is deleted is not listed again, so a new
/// eraser goes on where another one ended. Thread-compatible.
class PrefixEraser {
 public:
  /// @param prefix empty (the whole bucket), or with '/' at its end.
  PrefixEraser(std::shared_ptr<S3Client> client, std::string bucket,
               std::string prefix);

  /// Lists up to 1,000 uploads, or if there are none versions, and deletes
  /// them. Errors are those of ObjectStore; kFailedPrecondition too when what
  /// was deleted is still there (retention), kDataLoss when the server lists
  /// what is not below the prefix: nothing of that list is deleted.
  Result<EraseStep> Step(Deadline deadline);

 private:
  Result<VersionPage> List(bool uploads, Deadline deadline);
  Result<VersionPage> ListVersions(Deadline deadline);
  Status Delete(const std::vector<ObjectVersion>& versions, Deadline deadline);
  Status DeleteMany(const std::vector<ObjectVersion>& versions,
                    Deadline deadline);
  Status DeleteOne(const ObjectVersion& version, const char* id_name,
                   Deadline deadline);
  Error Wrong(Error error) const;

  const std::shared_ptr<S3Client> client_;
  const std::string bucket_;
  const std::string prefix_;
  bool has_uploads_ = true;   // The server knows the list of uploads.
  bool has_versions_ = true;  // … of versions.
  ObjectVersion first_;       // Of the last page.
};

}  // namespace datashim::s3
