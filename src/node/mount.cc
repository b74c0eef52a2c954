#include "node/mount.h"

#include <fcntl.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"
#include "node/bucket_server.h"
#include "node/cache_settings.h"
#include "sys/errno_error.h"
#include "sys/mount_api.h"
#include "sys/signals.h"

namespace datashim::node {
namespace {

constexpr std::chrono::seconds kProbeTimeout{10};
constexpr std::chrono::seconds kInitTimeout{10};
// For programs that still have files open when the mount has to end.
constexpr std::chrono::seconds kBusyTimeout{5};

Result<dataset::VolumeConfig> ConfigOf(const MountOptions& options) {
  DS_ASSIGN_OR_RETURN(dataset::VolumeConfig config,
                      VolumeConfigOf(options.bucket));
  config.read_only = options.read_only;
  config.files.metadata_ttl =
      std::chrono::seconds(options.metadata_ttl_seconds);
  return config;
}

fs::FileSystemOptions FileSystemOptionsOf(const MountOptions& options) {
  fs::FileSystemOptions result;
  result.read_only = options.read_only;
  result.memory_bytes_max = options.memory_mib_max << 20;
  return result;
}

/// A FUSE mount of this process; gone at its end.
class LocalMount {
 public:
  static Result<LocalMount> Make(const std::string& directory, bool read_only,
                                 const std::string& source) {
    std::error_code failed;
    const std::filesystem::path path =
        std::filesystem::canonical(directory, failed);
    if (failed) {
      return sys::ErrnoError(failed.value(), "directory \"" + directory + "\"");
    }
    LocalMount mount;
    mount.name_ = path.filename();
    DS_ASSIGN_OR_RETURN(mount.parent_,
                        sys::OpenDirectoryRoot(path.parent_path()));
    DS_ASSIGN_OR_RETURN(const sys::UniqueFd target,
                        sys::OpenDirectoryRoot(path));
    mount.device_ = sys::UniqueFd(::open("/dev/fuse", O_RDWR | O_CLOEXEC));
    if (!mount.device_) return sys::ErrnoError(errno, "open /dev/fuse");
    DS_ASSIGN_OR_RETURN(
        const sys::UniqueFd detached,
        sys::CreateFuseMount(
            mount.device_,
            {.source = source, .subtype = "datashim", .read_only = read_only}));
    DS_ASSIGN_OR_RETURN(mount.point_, sys::MountPointOf(detached));
    DS_RETURN_IF_ERROR(sys::AttachMount(detached, target));
    mount.is_mounted_ = true;
    return mount;
  }
  LocalMount(LocalMount&& other) noexcept
      : parent_(std::move(other.parent_)),
        device_(std::move(other.device_)),
        name_(std::move(other.name_)),
        point_(other.point_),
        is_mounted_(std::exchange(other.is_mounted_, false)) {}
  LocalMount& operator=(LocalMount&&) = delete;
  ~LocalMount() { static_cast<void>(Unmount(true)); }

  sys::UniqueFd TakeDevice() { return std::move(device_); }
  Status SetReadahead(std::uint32_t kib) const {
    return sys::WriteReadahead(point_.device_major, point_.device_minor, kib);
  }
  /// OK too when somebody else has unmounted it.
  Status Unmount(bool detach) {
    if (!is_mounted_) return OkStatus();
    Status done = sys::Unmount(parent_, name_, detach);
    if (!done.ok() && done.error().code == ErrorCode::kNotFound) {
      done = OkStatus();
    }
    is_mounted_ = !done.ok();
    return done;
  }

 private:
  LocalMount() = default;

  sys::UniqueFd parent_;
  sys::UniqueFd device_;
  std::string name_;
  sys::MountPoint point_;
  bool is_mounted_ = false;
};

Status Run(const MountOptions& options, std::stop_token stop) {
  DS_ASSIGN_OR_RETURN(const dataset::VolumeConfig config, ConfigOf(options));
  DS_ASSIGN_OR_RETURN(
      auto credentials,
      CredentialsOf(options.bucket, Deadline::After(kProbeTimeout)));
  DS_ASSIGN_OR_RETURN(const auto cache, OpenCache(options.cache));
  DS_ASSIGN_OR_RETURN(const auto server,
                      BucketServer::Open(config, std::move(credentials),
                                         FileSystemOptionsOf(options), cache,
                                         Deadline::After(kProbeTimeout)));
  DS_ASSIGN_OR_RETURN(LocalMount mount,
                      LocalMount::Make(options.directory, options.read_only,
                                       options.bucket.source));
  fuse::SessionOptions session_options;
  session_options.clone_device = true;  // Nobody goes on after this process.
  session_options.passthrough = options.cache.passthrough();
  DS_RETURN_IF_ERROR(server->Serve(mount.TakeDevice(), session_options,
                                   Deadline::After(kInitTimeout)));
  DS_RETURN_IF_ERROR(CheckReadMode(options.cache, *server));
  DS_RETURN_IF_ERROR(mount.SetReadahead(options.readahead_kib));
  std::printf("mounted %s\n", options.directory.c_str());
  std::fflush(stdout);
  if (server->WaitForEnd(Deadline::Never(), stop)) return OkStatus();
  if (mount.Unmount(false).ok()) return OkStatus();
  // No new use from here on; what is open may be closed.
  DS_RETURN_IF_ERROR(mount.Unmount(true));
  if (!server->WaitForEnd(Deadline::After(kBusyTimeout))) {
    log::Warn("files are still open; their next use fails",
              {{"directory", options.directory}});
  }
  return OkStatus();
}

}  // namespace

int RunMount(const MountOptions& options) {
  if (!log::SetLevel(options.log_level)) {
    std::fprintf(stderr, "datashim mount: unknown log level \"%s\"\n",
                 options.log_level.c_str());
    return 2;
  }
  const auto signals = sys::StopOnSignals();
  const Status status = signals.ok() ? Run(options, (*signals)->token())
                                     : Status(signals.error());
  if (status.ok()) return 0;
  std::fprintf(stderr, "datashim mount: %s\n", status.error().message.c_str());
  return status.error().code == ErrorCode::kInvalidArgument ? 2 : 1;
}

}  // namespace datashim::node
