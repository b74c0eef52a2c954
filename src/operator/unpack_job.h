// The Job that unpacks the archive of a Dataset, and what its state means.
// Pure. The worker is `datashim unpack`; it runs in the operator's namespace,
// because its Secret may hold the operator's own keys.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dataset/unpack_request.h"
#include "kube/object.h"

namespace datashim::controllers {

inline constexpr kube::ResourceType kJobs{"batch", "v1", "Job", "jobs"};

/// On Jobs of workers, their pods and Secrets: the uid of the claim.
inline constexpr std::string_view kUnpackForLabel = "datashim.io/unpack-for";

/// How workers run.
struct WorkerOptions {
  std::string image;  ///< Ours. Empty: there are no workers.
  std::string image_pull_policy = "IfNotPresent";
  std::vector<std::string> image_pull_secrets = {};
  std::string memory_max = "1Gi";  ///< A quantity of Kubernetes.
  std::uint64_t bytes_max = std::uint64_t{1} << 40;
  std::uint64_t entries_max = 1'000'000;
};

/// "unpack-<uid of the claim>-<version>": Job and Secret.
std::string UnpackName(std::string_view claim_uid,
                       const dataset::UnpackRequest& request);

kube::Json BuildUnpackSecret(const kube::Json& claim,
                             std::string_view operator_namespace,
                             const dataset::UnpackRequest& request);
kube::Json BuildUnpackJob(const kube::Json& claim,
                          std::string_view operator_namespace,
                          const dataset::UnpackRequest& request,
                          const WorkerOptions& options);

/// How far a worker is.
struct UnpackOutcome {
  enum class State { kRunning, kDone, kFailed };
  State state = State::kRunning;
  /// For people: what it does, did, or why it failed.
  std::string message = {};
  /// "10.0.0.1:8082" of a worker that runs; empty: none does.
  std::string progress_address = {};
};

/// @param pods of the Job, in any order; perhaps none.
UnpackOutcome JudgeUnpackJob(const kube::Json& job,
                             const std::vector<kube::Json>& pods);

/// True once all files are in their place.
bool IsComplete(const kube::Json& job);

/// What a worker says about itself as a sentence; empty if that is no progress.
std::string DescribeProgress(std::string_view progress_json);

}  // namespace datashim::controllers
