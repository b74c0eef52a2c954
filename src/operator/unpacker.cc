#include "operator/unpacker.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/check.h"
#include "operator/names.h"
#include "operator/volume_plan.h"
#include "s3/prefix_eraser.h"
#include "volume/bucket_client.h"
#include "volume/volume_credentials.h"

namespace datashim::controllers {
namespace {

using kube::Json;

constexpr std::chrono::seconds kProgressTimeout{1};
constexpr std::size_t kProgressBytesMax = 4096;
constexpr std::chrono::seconds kEraseSlice{5};
constexpr std::chrono::seconds kConnectTimeout{2};

Status IgnoreNotFound(Status status) {
  if (!status.ok() && status.error().code == ErrorCode::kNotFound) {
    return OkStatus();
  }
  return status;
}

std::string SelectorOf(const std::string& claim_uid) {
  return std::string(kUnpackForLabel) + "=" + claim_uid;
}

std::unique_ptr<net::HttpClient> MakeHttpClient() {
  net::HttpClientOptions options;
  options.connect_timeout = kProgressTimeout;
  auto client = net::HttpClient::Make(std::move(options));
  DS_CHECK(client.ok());  // There is nothing to parse.
  return *std::move(client);
}

bool HasEnded(const Json& pod) {
  const std::string phase = kube::StringAt(pod, {"status", "phase"});
  return phase == "Succeeded" || phase == "Failed";
}

}  // namespace

Unpacker::Unpacker(kube::Client& client, std::string operator_namespace,
                   WorkerOptions options)
    : client_(client),
      operator_namespace_(std::move(operator_namespace)),
      options_(std::move(options)),
      http_(MakeHttpClient()) {}

Result<kube::ObjectList> Unpacker::List(const kube::ResourceType& type,
                                        const std::string& selector,
                                        Deadline deadline) {
  kube::ListOptions options;
  options.label_selector = selector;
  return client_.List(type, operator_namespace_, options, deadline);
}

Result<kube::ObjectList> Unpacker::ListSecrets(Deadline deadline) {
  return List(kube::kSecrets, std::string(kUnpackForLabel), deadline);
}

Result<std::vector<Json>> Unpacker::PodsOf(const Json& job, Deadline deadline) {
  DS_ASSIGN_OR_RETURN(
      kube::ObjectList pods,
      List(kube::kPods, "batch.kubernetes.io/job-name=" + kube::NameOf(job),
           deadline));
  return std::move(pods.items);
}

Status Unpacker::Delete(const kube::ResourceType& type, const std::string& name,
                        Deadline deadline) {
  return IgnoreNotFound(
      client_.Delete(type, {operator_namespace_, name}, {}, deadline));
}

Result<UnpackOutcome> Unpacker::Reconcile(const Json& claim,
                                          const dataset::UnpackRequest& request,
                                          Deadline deadline) {
  if (options_.image.empty()) {
    return UnpackOutcome{
        .state = UnpackOutcome::State::kFailed,
        .message = "this operator has no image for workers (--worker-image)"};
  }
  const kube::ObjectKey key{operator_namespace_,
                            UnpackName(kube::UidOf(claim), request)};
  DS_ASSIGN_OR_RETURN(const auto job, client_.Find(kJobs, key, deadline));
  if (!job) {
    DS_RETURN_IF_ERROR(Start(claim, request, deadline));
    return UnpackOutcome{.message = "the worker starts"};
  }
  DS_ASSIGN_OR_RETURN(const auto secret,
                      client_.Find(kube::kSecrets, key, deadline));
  // Another place or other keys: the worker would go on with the old ones.
  if (!secret || SecretDataOf(*secret) != request.ToSecretData()) {
    DS_RETURN_IF_ERROR(Delete(kJobs, key.name, deadline));
    return UnpackOutcome{.message =
                             "keys or place changed: the worker starts "
                             "anew"};
  }
  DS_ASSIGN_OR_RETURN(const std::vector<Json> pods, PodsOf(*job, deadline));
  UnpackOutcome outcome = JudgeUnpackJob(*job, pods);
  if (!outcome.progress_address.empty()) {
    const std::string progress = AskForProgress(outcome.progress_address);
    if (!progress.empty()) outcome.message = progress;
  }
  return outcome;
}

/// The Secret first: the Job's pod waits for it.
Status Unpacker::Start(const Json& claim, const dataset::UnpackRequest& request,
                       Deadline deadline) {
  const std::string uid = kube::UidOf(claim);
  const std::string name = UnpackName(uid, request);
  for (const kube::ResourceType* type : {&kJobs, &kube::kSecrets}) {
    DS_ASSIGN_OR_RETURN(const kube::ObjectList found,
                        List(*type, SelectorOf(uid), deadline));
    for (const Json& other : found.items) {
      if (kube::NameOf(other) == name) continue;
      DS_RETURN_IF_ERROR(Delete(*type, kube::NameOf(other), deadline));
    }
  }
  const auto secret = client_.Apply(
      kube::kSecrets, BuildUnpackSecret(claim, operator_namespace_, request),
      {}, deadline);
  if (!secret.ok()) return secret.error();
  const auto job = client_.Create(
      kJobs, BuildUnpackJob(claim, operator_namespace_, request, options_),
      deadline);
  // Its name says for whom it is: whatever has it was made by us.
  if (!job.ok() && job.error().code != ErrorCode::kAlreadyExists) {
    return job.error();
  }
  return OkStatus();
}

/// Empty if the worker does not answer: then there is less to tell.
std::string Unpacker::AskForProgress(const std::string& address) {
  const auto url = net::ParseUrl("http://" + address + "/progress");
  if (!url.ok()) return {};
  net::HttpCall call;
  call.origin = url->origin;
  call.target = url->Target();
  call.deadline = Deadline::After(kProgressTimeout);
  const auto answer = http_->Fetch(call, kProgressBytesMax);
  if (!answer.ok() || answer->status != 200) return {};
  return DescribeProgress(answer->body);
}

Status Unpacker::CleanUp(const std::string& claim_uid, Deadline deadline) {
  // In this order a Secret without a Job is one that was never used.
  for (const kube::ResourceType* type : {&kube::kSecrets, &kJobs}) {
    DS_ASSIGN_OR_RETURN(const kube::ObjectList found,
                        List(*type, SelectorOf(claim_uid), deadline));
    for (const Json& object : found.items) {
      DS_RETURN_IF_ERROR(Delete(*type, kube::NameOf(object), deadline));
    }
  }
  return OkStatus();
}

Result<bool> Unpacker::Forget(const std::string& claim_uid, bool had_volume,
                              Deadline deadline) {
  DS_ASSIGN_OR_RETURN(const kube::ObjectList secrets,
                      List(kube::kSecrets, SelectorOf(claim_uid), deadline));
  for (const Json& secret : secrets.items) {
    const kube::ObjectKey key = kube::KeyOf(secret);
    DS_ASSIGN_OR_RETURN(const auto job, client_.Find(kJobs, key, deadline));
    const bool is_seen = had_volume && job && IsComplete(*job);
    if (job && !is_seen) {
      DS_RETURN_IF_ERROR(Delete(kJobs, key.name, deadline));
    }
    if (!is_seen) {
      DS_ASSIGN_OR_RETURN(const std::vector<Json> pods,
                          PodsOf(secret, deadline));
      for (const Json& pod : pods) {
        if (!HasEnded(pod)) return false;
      }
      DS_ASSIGN_OR_RETURN(const bool is_erased, Erase(secret, deadline));
      if (!is_erased) return false;
    }
    DS_RETURN_IF_ERROR(Delete(kube::kSecrets, key.name, deadline));
  }
  DS_RETURN_IF_ERROR(CleanUp(claim_uid, deadline));
  return true;
}

/// What the worker of that Secret has written. @return false if there is more.
Result<bool> Unpacker::Erase(const Json& secret, Deadline deadline) {
  const auto request =
      dataset::UnpackRequest::FromSecretData(SecretDataOf(secret));
  if (!request.ok()) return true;  // Then no worker could use it either.
  s3::S3Config config = volume::S3ConfigOf(request->target);
  config.connections_max = 1;
  config.connect_timeout = kConnectTimeout;
  DS_ASSIGN_OR_RETURN(auto credentials,
                      volume::VolumeCredentials::Make(request->target));
  DS_ASSIGN_OR_RETURN(auto client,
                      s3::S3Client::Make(config, std::move(credentials)));
  s3::PrefixEraser eraser(client, request->target.bucket,
                          request->target.prefix);
  const auto slice = Deadline::After(kEraseSlice).Min(deadline);
  while (!slice.HasPassed()) {
    const auto step = eraser.Step(deadline);
    if (!step.ok()) {
      if (step.error().code == ErrorCode::kNotFound) return true;
      return step.error();
    }
    if (!step->done) continue;
    // A bucket that was made for it, if nothing else is in it.
    const auto maker = client->BucketTag(request->target.bucket,
                                         std::string(kMadeForTag), deadline);
    const std::string dataset_uid =
        kube::AnnotationOf(secret, kDatasetUidAnnotation);
    if (maker.ok() && !dataset_uid.empty() && *maker == dataset_uid) {
      const Status deleted =
          client->DeleteBucket(request->target.bucket, deadline);
      if (!deleted.ok() &&
          deleted.error().code != ErrorCode::kFailedPrecondition) {
        return deleted.error();
      }
    }
    return true;
  }
  return false;
}

}  // namespace datashim::controllers
