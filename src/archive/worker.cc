#include "archive/worker.h"

#include <array>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <system_error>
#include <thread>
#include <utility>

#include "archive/byte_source.h"
#include "archive/entry_name.h"
#include "base/log.h"
#include "base/strings.h"
#include "base/thread_pool.h"
#include "net/http_server.h"
#include "s3/client.h"
#include "s3/object_store.h"
#include "s3/prefix_eraser.h"
#include "sys/privileges.h"
#include "sys/signals.h"
#include "sys/small_file.h"
#include "volume/bucket_client.h"
#include "volume/volume_credentials.h"

namespace datashim::archive {
namespace {

// The CA bundle is the largest; Secrets end at 1 MiB.
constexpr std::size_t kConfigFileBytesMax = 1u << 20;
constexpr std::size_t kConfigFilesMax = 100;
constexpr std::chrono::seconds kEraseStepTimeout{60};
constexpr std::chrono::seconds kProgressInterval{10};
// The kubelet keeps no more of it.
constexpr std::size_t kResultBytesMax = 4096;

Result<dataset::SecretData> ReadDirectory(const std::string& directory) {
  namespace fs = std::filesystem;
  dataset::SecretData data;
  std::error_code failed;
  fs::directory_iterator files(directory, failed);
  if (failed) {
    return Error{ErrorCode::kInvalidArgument,
                 "directory " + directory + ": " + failed.message()};
  }
  for (const fs::directory_entry& file : files) {
    const std::string name = file.path().filename();
    // Kubernetes' own links, by which it replaces all files at once.
    if (name.starts_with('.')) continue;
    if (data.size() == kConfigFilesMax) {
      return Error{ErrorCode::kInvalidArgument,
                   "directory " + directory + ": too many files"};
    }
    DS_ASSIGN_OR_RETURN(std::string text,
                        sys::ReadFile(file.path(), kConfigFileBytesMax));
    data.emplace(name, SecretString(std::move(text)));
  }
  return data;
}

/// A bucket with its client.
struct Place {
  std::shared_ptr<s3::S3Client> client;
  std::shared_ptr<store::ObjectStore> store;
};

Result<Place> OpenPlace(const dataset::VolumeConfig& config,
                        const std::string& bucket, const std::string& prefix) {
  Place place;
  DS_ASSIGN_OR_RETURN(auto credentials,
                      volume::VolumeCredentials::Make(config));
  DS_ASSIGN_OR_RETURN(
      place.client,
      s3::S3Client::Make(volume::S3ConfigOf(config), std::move(credentials)));
  DS_ASSIGN_OR_RETURN(place.store,
                      s3::MakeObjectStore(place.client, bucket, prefix));
  return place;
}

/// What an attempt before this one, or another version, may have left.
Status Empty(const Place& place, const dataset::VolumeConfig& target,
             const std::stop_token& stop) {
  s3::PrefixEraser eraser(place.client, target.bucket, target.prefix);
  std::uint64_t removed = 0;
  while (!stop.stop_requested()) {
    DS_ASSIGN_OR_RETURN(const s3::EraseStep step,
                        eraser.Step(Deadline::After(kEraseStepTimeout)));
    removed += step.removed;
    if (!step.done) continue;
    if (removed > 0) {
      log::Info("the place was not empty: what was there is removed",
                {{"objects", std::to_string(removed)}});
    }
    return OkStatus();
  }
  return Error{ErrorCode::kCancelled, "it was stopped"};
}

Result<std::unique_ptr<ByteSource>> OpenSource(
    const dataset::UnpackRequest& request, const std::stop_token& stop) {
  if (!request.origin) return OpenWeb(request.url, {}, stop);
  DS_ASSIGN_OR_RETURN(const dataset::ObjectPlace object,
                      dataset::ParseObjectUrl(request.url));
  DS_ASSIGN_OR_RETURN(const Place place,
                      OpenPlace(*request.origin, object.bucket, ""));
  return OpenObject(place.store, object.key);
}

void LogProgress(const Progress& progress) {
  log::Info("unpacking",
            {{"files", std::to_string(progress.files)},
             {"bytes_written", std::to_string(progress.bytes_written)},
             {"bytes_read", std::to_string(progress.bytes_read)},
             {"bytes_total", std::to_string(progress.bytes_total)}});
}

Result<std::unique_ptr<net::HttpServer>> ServeProgress(
    const WorkerOptions& options, const Progress& progress) {
  if (options.progress_port == 0) return std::unique_ptr<net::HttpServer>();
  net::HttpServerOptions server;
  server.address = options.progress_address;
  server.port = options.progress_port;
  server.connections_max = 4;
  return net::HttpServer::Start(
      server, [&progress](const net::HttpRequest& request) {
        net::HttpResponse response;
        response.status = request.path == "/progress" ? 200 : 404;
        if (response.status == 200) response.body = FormatProgress(progress);
        return response;
      });
}

Result<Summary> Work(const WorkerOptions& options,
                     const std::stop_token& stop) {
  DS_ASSIGN_OR_RETURN(const dataset::SecretData data,
                      ReadDirectory(options.config_directory));
  DS_ASSIGN_OR_RETURN(const dataset::UnpackRequest request,
                      dataset::UnpackRequest::FromSecretData(data));
  DS_ASSIGN_OR_RETURN(
      const Place target,
      OpenPlace(request.target, request.target.bucket, request.target.prefix));
  Progress progress;
  DS_ASSIGN_OR_RETURN(const auto server, ServeProgress(options, progress));
  DS_RETURN_IF_ERROR(Empty(target, request.target, stop));
  DS_ASSIGN_OR_RETURN(const auto source, OpenSource(request, stop));
  const std::jthread ticker([&progress](const std::stop_token& done) {
    SetThreadName("unpack-ticker");
    while (SystemClock().SleepFor(kProgressInterval, done)) {
      LogProgress(progress);
    }
  });
  Limits limits = options.limits;
  limits.key_bytes_max = kKeyBytesMax - request.target.prefix.size();
  return Unpack(*source, request, *target.store, limits, {}, progress, stop);
}

void WriteResult(const std::string& path, std::string_view text) {
  if (path.empty()) return;
  // Not by a rename: the kubelet has mounted this very file.
  std::FILE* const file = std::fopen(path.c_str(), "we");
  if (file == nullptr) {
    log::Warn("the result file cannot be written", {{"path", path}});
    return;
  }
  std::fwrite(text.data(), 1, std::min(text.size(), kResultBytesMax), file);
  std::fclose(file);
}

std::string FormatBytes(std::uint64_t bytes) {
  constexpr std::array<const char*, 5> kUnits = {"KiB", "MiB", "GiB", "TiB",
                                                 "PiB"};
  if (bytes < 1024) return std::to_string(bytes) + " bytes";
  std::size_t unit = 0;
  std::uint64_t tenths = bytes * 10 / 1024;
  while (tenths >= 10240 && unit + 1 < kUnits.size()) {
    tenths /= 1024;
    ++unit;
  }
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " " +
         kUnits[unit];
}

}  // namespace

bool IsWorthAnotherAttempt(ErrorCode code) {
  switch (code) {
    case ErrorCode::kUnavailable:
    case ErrorCode::kDeadlineExceeded:
    case ErrorCode::kAborted:
    case ErrorCode::kCancelled:
    case ErrorCode::kInternal:
    case ErrorCode::kUnknown:
      return true;
    default:
      return false;
  }
}

std::string FormatProgress(const Progress& progress) {
  return "{\"bytesRead\":" + std::to_string(progress.bytes_read) +
         ",\"bytesTotal\":" + std::to_string(progress.bytes_total) +
         ",\"bytesWritten\":" + std::to_string(progress.bytes_written) +
         ",\"files\":" + std::to_string(progress.files) + "}";
}

std::string Describe(const Summary& summary) {
  std::string text = std::to_string(summary.files) +
                     (summary.files == 1 ? " file, " : " files, ") +
                     FormatBytes(summary.bytes);
  if (summary.links_skipped > 0) {
    text += "; " + std::to_string(summary.links_skipped) +
            " links to directories or to nothing are left out, the first is " +
            JsonQuote(summary.first_skipped);
  }
  return text;
}

int RunUnpack(const WorkerOptions& options) {
  if (!log::SetLevel(options.log_level)) {
    std::fprintf(stderr, "datashim unpack: unknown log level \"%s\"\n",
                 options.log_level.c_str());
    return 2;
  }
  const auto signals = sys::StopOnSignals();
  const Status ready = signals.ok() ? sys::DropPrivileges({}) : signals.error();
  const Result<Summary> summary = ready.ok()
                                      ? Work(options, (*signals)->token())
                                      : Result<Summary>(ready.error());
  if (summary.ok()) {
    const std::string text = Describe(*summary);
    log::Info("unpacked", {{"what", text}});
    WriteResult(options.result_path, text);
    return kExitDone;
  }
  log::Error("not unpacked", {{"error", summary.error().message}});
  WriteResult(options.result_path, summary.error().message);
  return IsWorthAnotherAttempt(summary.error().code) ? kExitTryAgain
                                                     : kExitForGood;
}

}  // namespace datashim::archive
