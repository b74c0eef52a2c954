// Unpacker: sees to it that the archive of a claim is unpacked, by a Job in the
// operator's namespace, and that nothing of it stays behind.

#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "dataset/unpack_request.h"
#include "kube/client.h"
#include "kube/object.h"
#include "net/http_client.h"
#include "operator/unpack_job.h"

namespace datashim::controllers {

/// Thread-safe. Level-triggered: what it needs to know is in Jobs and Secrets.
/// Errors are those of kube::Client, and of the store in Forget.
class Unpacker {
 public:
  /// `client` outlives it.
  Unpacker(kube::Client& client, std::string operator_namespace,
           WorkerOptions options);

  /// Starts the Job, or looks how far it is. A Job for another request of this
  /// claim, or with other keys, ends.
  Result<UnpackOutcome> Reconcile(const kube::Json& claim,
                                  const dataset::UnpackRequest& request,
                                  Deadline deadline);

  /// Jobs and Secrets of a claim, once their outcome is noted elsewhere.
  Status CleanUp(const std::string& claim_uid, Deadline deadline);

  /// The claim is gone: Jobs, Secrets, and files that nobody has seen.
  /// @param had_volume what is complete is its, and goes or stays with it.
  /// @return false while a worker still runs, or there is more to delete.
  Result<bool> Forget(const std::string& claim_uid, bool had_volume,
                      Deadline deadline);

  /// Secrets of all workers; with annotations kClaimAnnotation and
  /// kClaimUidAnnotation.
  Result<kube::ObjectList> ListSecrets(Deadline deadline);

 private:
  Result<kube::ObjectList> List(const kube::ResourceType& type,
                                const std::string& selector, Deadline deadline);
  Result<std::vector<kube::Json>> PodsOf(const kube::Json& job,
                                         Deadline deadline);
  Status Start(const kube::Json& claim, const dataset::UnpackRequest& request,
               Deadline deadline);
  Status Delete(const kube::ResourceType& type, const std::string& name,
                Deadline deadline);
  std::string AskForProgress(const std::string& address);
  Result<bool> Erase(const kube::Json& secret, Deadline deadline);

  kube::Client& client_;
  const std::string operator_namespace_;
  const WorkerOptions options_;
  const std::unique_ptr<net::HttpClient> http_;
};

}  // namespace datashim::controllers
