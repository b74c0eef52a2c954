#include "node/bucket_server.h"

#include <thread>
#include <utility>

#include "s3/object_store.h"
#include "volume/bucket_client.h"

namespace datashim::node {
namespace {

// For calls under way and for aborting uploads.
constexpr std::chrono::seconds kStopTimeout{5};

// Neither URLs nor bucket names have spaces.
fs::DiskCache DiskCacheOf(const dataset::VolumeConfig& config,
                          std::shared_ptr<cache::Cache> cache) {
  return {std::move(cache), config.endpoint + " " + config.bucket + " ",
          config.prefix};
}

fs::FileSystemOptions WithFilesOf(const dataset::VolumeConfig& config,
                                  fs::FileSystemOptions options) {
  options.uid = config.files.uid;
  options.gid = config.files.gid;
  options.file_mode = config.files.file_mode;
  options.directory_mode = config.files.directory_mode;
  options.metadata_ttl = config.files.metadata_ttl;
  return options;
}

// Whether these keys may list the bucket, and what the first LookUp needs.
Result<fs::RootPage> ListRoot(store::ObjectStore& store, Deadline deadline) {
  fs::RootPage root;
  root.asked = SystemClock().Now();
  auto page = store.List({.delimiter = "/"}, deadline);
  if (!page.ok()) {
    Error error = std::move(page).error();
    // Whoever opens gave a short deadline on purpose: who misses it is away.
    if (error.code == ErrorCode::kDeadlineExceeded) {
      error.code = ErrorCode::kUnavailable;
    }
    return error;
  }
  root.page = *std::move(page);
  return root;
}

}  // namespace

Result<std::unique_ptr<BucketServer>> BucketServer::Open(
    const dataset::VolumeConfig& config,
    std::shared_ptr<s3::CredentialProvider> credentials,
    const fs::FileSystemOptions& options, std::shared_ptr<cache::Cache> cache,
    Deadline deadline) {
  DS_ASSIGN_OR_RETURN(
      auto client,
      s3::S3Client::Make(volume::S3ConfigOf(config), std::move(credentials)));
  DS_ASSIGN_OR_RETURN(
      auto store, s3::MakeObjectStore(client, config.bucket, config.prefix));
  DS_ASSIGN_OR_RETURN(const fs::RootPage root, ListRoot(*store, deadline));
  auto file_system = fs::MakeFileSystem(
      std::move(store), WithFilesOf(config, options), SystemClock(),
      DiskCacheOf(config, std::move(cache)), root);
  return std::unique_ptr<BucketServer>(
      new BucketServer(std::move(client), std::move(file_system)));
}

BucketServer::BucketServer(std::shared_ptr<s3::S3Client> client,
                           std::unique_ptr<fs::FileSystem> file_system)
    : client_(std::move(client)), file_system_(std::move(file_system)) {}

BucketServer::~BucketServer() {
  // The file system needs the bucket to take back what was not completed. One
  // that does not answer does not keep us.
  std::jthread watchdog([this](std::stop_token ended) {
    if (SystemClock().SleepFor(kStopTimeout, ended)) client_->RequestStop();
  });
  session_.reset();
  file_system_.reset();
}

Status BucketServer::Serve(sys::UniqueFd device,
                           const fuse::SessionOptions& options,
                           Deadline deadline) {
  session_.emplace(std::move(device), *file_system_, options);
  return session_->Start(deadline);
}

bool BucketServer::WaitForEnd(Deadline deadline, std::stop_token stop) {
  return session_->WaitForEnd(deadline, std::move(stop));
}

}  // namespace datashim::node
