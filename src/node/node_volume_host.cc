#include "node/node_volume_host.h"

#include <algorithm>
#include <thread>
#include <utility>
#include <vector>

#include "base/log.h"
#include "fs/buffer_pool.h"
#include "node/keeper_backing_files.h"
#include "node/volume_state.h"
#include "s3/sigv4.h"

namespace datashim::node {
namespace {

// The kubelet gives a call two minutes.
constexpr std::chrono::seconds kCallTimeout{45};
// A bucket that does not answer is reported soon, so that an event says why
// the pod does not start.
constexpr std::chrono::seconds kProbeTimeout{10};
constexpr std::chrono::seconds kInitTimeout{10};
constexpr std::chrono::seconds kReadyTimeout{2};
// One request of the kernel, and what made reads fastest (docs/performance.md).
constexpr std::uint32_t kReadaheadKib = 1024;

Deadline CallDeadline() { return Deadline::After(kCallTimeout); }

/// Read-only and writable mounts of one location are two file systems, and so
/// are those of two ServiceAccounts, if these open it.
std::string PlaceId(const dataset::VolumeConfig& config,
                    const dataset::PodIdentity& pod, bool read_only) {
  std::string id = config.LocationId();
  if (config.IsOpenedByPods()) {
    // Who may make ServiceAccounts must not find two names of one id.
    constexpr std::size_t kDigits = 32;
    id += "-" + s3::Sha256Hex(pod.namespace_name + "/" + pod.service_account)
                    .substr(0, kDigits);
  }
  return id + (read_only ? "-ro" : "");
}

VolumeHostOptions WithSharedMemory(VolumeHostOptions options) {
  options.file_system.memory = fs::MakeMemory(options.file_system);
  return options;
}

Error Unknown(const std::string& volume_id) {
  return {ErrorCode::kNotFound,
          "volume \"" + volume_id + "\" is not on this node"};
}

}  // namespace

NodeVolumeHost::NodeVolumeHost(keeper::Client& keeper,
                               VolumeHostOptions options)
    : keeper_(keeper),
      options_(WithSharedMemory(std::move(options))),
      cache_(options_.cache) {}

NodeVolumeHost::~NodeVolumeHost() {
  // All at once, so that buckets that do not answer cost their time once.
  std::vector<std::jthread> stops;
  for (auto& [id, volume] : volumes_) {
    for (auto& [place_id, place] : volume->places) {
      stops.emplace_back([&place = place] { place.server.reset(); });
    }
  }
}

Status NodeVolumeHost::EndFormerMounts(Deadline deadline) {
  DS_ASSIGN_OR_RETURN(std::vector<keeper::KeptMount> mounts,
                      keeper_.KeptMounts(deadline));
  for (keeper::KeptMount& mount : mounts) {
    std::size_t pods = 0;
    if (mount.state_fd) {
      const auto state = ReadVolumeState(mount.state_fd);
      if (state.ok()) pods = state->target_paths.size();
    }
    log::Warn(
        "a mount of a former process ends; pods that use it get errors "
        "until the kubelet publishes it again",
        {{"volume", mount.spec.volume_id},
         {"path", mount.spec.target},
         {"pods", std::to_string(pods)}});
    mount.fuse_fd.Reset();
    DS_RETURN_IF_ERROR(UnmountPlace(mount.spec.target, deadline));
  }
  return OkStatus();
}

NodeVolumeHost::LockedVolume NodeVolumeHost::Lock(
    const std::string& volume_id) {
  for (;;) {
    std::shared_ptr<Volume> volume;
    {
      const std::lock_guard lock(mutex_);
      std::shared_ptr<Volume>& slot = volumes_[volume_id];
      if (slot == nullptr) slot = std::make_shared<Volume>();
      volume = slot;
    }
    std::unique_lock lock(volume->mutex);
    if (!volume->is_gone) return {std::move(volume), std::move(lock)};
  }
}

Result<NodeVolumeHost::LockedVolume> NodeVolumeHost::LockIfKnown(
    const std::string& volume_id) {
  std::shared_ptr<Volume> volume;
  {
    const std::lock_guard lock(mutex_);
    const auto found = volumes_.find(volume_id);
    if (found == volumes_.end()) return Unknown(volume_id);
    volume = found->second;
  }
  std::unique_lock lock(volume->mutex);
  if (volume->is_gone) return Unknown(volume_id);
  return LockedVolume{std::move(volume), std::move(lock)};
}

Status NodeVolumeHost::Stage(const csi::StageRequest& request) {
  const Deadline deadline = CallDeadline();
  DS_ASSIGN_OR_RETURN(const auto config,
                      dataset::VolumeConfig::FromSecretData(request.secrets));
  const LockedVolume volume = Lock(request.volume_id);
  volume->staging_path = request.staging_path;
  if (config.IsOpenedByPods()) {  // Publish knows the pod.
    volume->staged_place_id.clear();
    return OkStatus();
  }
  DS_ASSIGN_OR_RETURN(
      volume->staged_place_id,
      EnsurePlace(request.volume_id, *volume, config, {},
                  request.read_only || config.read_only, deadline));
  return OkStatus();
}

Status NodeVolumeHost::Publish(const csi::PublishRequest& request) {
  const Deadline deadline = CallDeadline();
  const LockedVolume volume = Lock(request.volume_id);
  if (request.single_writer) {
    for (const auto& [path, place] : volume->targets) {
      if (path == request.target_path) continue;
      return Error{ErrorCode::kFailedPrecondition,
                   "volume \"" + request.volume_id +
                       "\" is for one pod at a time (ReadWriteOncePod) and is "
                       "still published at \"" +
                       path + "\""};
    }
  }
  if (volume->staging_path.empty()) {
    volume->staging_path = request.staging_path;
  }
  bool read_only = request.read_only;
  std::string place_id = volume->staged_place_id;
  if (!request.secrets.empty()) {
    DS_ASSIGN_OR_RETURN(const auto config,
                        dataset::VolumeConfig::FromSecretData(request.secrets));
    read_only = read_only || config.read_only;
    if (const Place* old =
            OldPlaceOf(*volume, request.target_path,
                       PlaceId(config, request.pod, read_only))) {
      return old->credentials->UpdateToken(request.pod);
    }
    DS_ASSIGN_OR_RETURN(
        place_id, EnsurePlace(request.volume_id, *volume, config, request.pod,
                              read_only, deadline));
  }
  const auto place = volume->places.find(place_id);
  if (place == volume->places.end() || !place->second.server->serving()) {
    return Error{ErrorCode::kFailedPrecondition,
                 "volume \"" + request.volume_id +
                     "\" is not staged on this node and the request brings no "
                     "secrets"};
  }
  DS_RETURN_IF_ERROR(Bind(place->second.path, request, read_only, deadline));
  std::string& published = volume->targets[request.target_path];
  if (published == place_id) return OkStatus();
  const std::string before = std::exchange(published, place_id);
  KeepState(request.volume_id, *volume, place_id, deadline);
  return before.empty() ? OkStatus()
                        : DropUnusedPlace(*volume, before, deadline);
}

/// Where a pod stays that was published before its volume got another place;
/// null: there is no such place.
const NodeVolumeHost::Place* NodeVolumeHost::OldPlaceOf(
    const Volume& volume, const std::string& target_path,
    const std::string& place_id) {
  const auto target = volume.targets.find(target_path);
  if (target == volume.targets.end() || target->second == place_id) {
    return nullptr;
  }
  const auto place = volume.places.find(target->second);
  if (place == volume.places.end() || !place->second.server->serving()) {
    return nullptr;
  }
  return &place->second;
}

Status NodeVolumeHost::Unpublish(const std::string& volume_id,
                                 const std::string& target_path) {
  const Deadline deadline = CallDeadline();
  auto volume = LockIfKnown(volume_id);
  // Also for a volume that this process has not seen.
  DS_RETURN_IF_ERROR(keeper_.Unmount(target_path, true, deadline));
  DS_RETURN_IF_ERROR(keeper_.RemoveDirectory(target_path, deadline));
  if (!volume.ok()) return OkStatus();
  const auto target = (*volume)->targets.find(target_path);
  if (target == (*volume)->targets.end()) return OkStatus();
  const std::string place_id = target->second;
  (*volume)->targets.erase(target);
  KeepState(volume_id, **volume, place_id, deadline);
  return DropUnusedPlace(**volume, place_id, deadline);
}

Status NodeVolumeHost::Unstage(const std::string& volume_id,
                               const std::string& staging_path) {
  const Deadline deadline = CallDeadline();
  auto volume = LockIfKnown(volume_id);
  if (volume.ok() && !(*volume)->targets.empty()) {
    return Error{ErrorCode::kFailedPrecondition,
                 "volume \"" + volume_id + "\" is still published at \"" +
                     (*volume)->targets.begin()->first + "\""};
  }
  if (volume.ok()) {
    auto& places = (*volume)->places;
    while (!places.empty()) {
      DS_RETURN_IF_ERROR(UnmountPlace(places.begin()->second.path, deadline));
      places.erase(places.begin());
    }
  }
  // Also for a volume that this process has not seen.
  DS_RETURN_IF_ERROR(UnmountPlace(staging_path, deadline));
  const std::string directory = DirectoryOf(volume_id);
  const Status removed = keeper_.RemoveDirectory(directory, deadline);
  if (!removed.ok()) {
    log::Warn("a directory of a volume that is gone stays",
              {{"path", directory}, {"error", removed.error().message}});
  }
  if (volume.ok()) {
    (*volume)->is_gone = true;
    const std::lock_guard lock(mutex_);
    volumes_.erase(volume_id);
  }
  return OkStatus();
}

Result<csi::VolumeStats> NodeVolumeHost::Stats(const std::string& volume_id,
                                               const std::string& path) {
  DS_ASSIGN_OR_RETURN(const LockedVolume volume, LockIfKnown(volume_id));
  const auto target = volume->targets.find(path);
  std::string place_id;
  if (target != volume->targets.end()) {
    place_id = target->second;
  } else if (path == volume->staging_path) {
    place_id = volume->staged_place_id;
  }
  const auto place = volume->places.find(place_id);
  if (place == volume->places.end()) {
    return Error{
        ErrorCode::kNotFound,
        "volume \"" + volume_id + "\" is not mounted at \"" + path + "\""};
  }
  const fs::StatFs statfs = place->second.server->GetStatFs();
  csi::VolumeStats stats;
  stats.total_bytes = statfs.total_bytes;
  stats.available_bytes = statfs.free_bytes;
  stats.used_bytes = statfs.total_bytes - statfs.free_bytes;
  stats.total_inodes = statfs.total_inodes;
  stats.used_inodes = statfs.total_inodes - statfs.free_inodes;
  stats.healthy = place->second.server->serving();
  if (!stats.healthy) {
    stats.message = "the mount is gone; the kubelet's next publish repairs it";
  } else if (const auto failure = cache_.failure()) {
    // "Abnormal" is what does not operate optimally, says CSI.
    stats.healthy = false;
    stats.message =
        "files are read from the bucket, without new copies on the node's "
        "disk: " +
        failure->message;
  }
  return stats;
}

Status NodeVolumeHost::Ready() {
  // What every volume needs: a keeper that answers, and this directory.
  return keeper_.MakeDirectory(options_.mounts_dir,
                               Deadline::After(kReadyTimeout));
}

Result<std::string> NodeVolumeHost::EnsurePlace(
    const std::string& volume_id, Volume& volume,
    const dataset::VolumeConfig& config, const dataset::PodIdentity& pod,
    bool read_only, Deadline deadline) {
  const std::string place_id = PlaceId(config, pod, read_only);
  const auto found = volume.places.find(place_id);
  if (found != volume.places.end()) {
    if (found->second.server->serving()) {
      DS_RETURN_IF_ERROR(found->second.credentials->Update(config, pod));
      return place_id;
    }
    DS_RETURN_IF_ERROR(UnmountPlace(found->second.path, deadline));
    volume.places.erase(found);
  }
  const bool is_staging_free =
      !config.IsOpenedByPods() &&
      std::none_of(volume.places.begin(), volume.places.end(),
                   [&](const auto& place) {
                     return place.second.path == volume.staging_path;
                   });
  const keeper::MountSpec spec{
      .volume_id = volume_id,
      .location_id = place_id,
      .target = is_staging_free ? volume.staging_path
                                : DirectoryOf(volume_id) + "/" + place_id,
      .read_only = read_only};
  DS_ASSIGN_OR_RETURN(Place place, MountPlace(spec, config, pod, deadline));
  volume.places.emplace(place_id, std::move(place));
  KeepState(volume_id, volume, place_id, deadline);
  return place_id;
}

Result<NodeVolumeHost::Place> NodeVolumeHost::MountPlace(
    const keeper::MountSpec& spec, const dataset::VolumeConfig& config,
    const dataset::PodIdentity& pod, Deadline deadline) {
  fs::FileSystemOptions file_system = options_.file_system;
  file_system.read_only = spec.read_only;
  DS_ASSIGN_OR_RETURN(auto credentials, volume::VolumeCredentials::Make(
                                            config, pod, options_.tokens));
  const auto cache = cache_.Get();
  DS_ASSIGN_OR_RETURN(
      auto server,
      BucketServer::Open(config, credentials, file_system, cache,
                         deadline.Min(Deadline::After(kProbeTimeout))));
  DS_RETURN_IF_ERROR(keeper_.MakeDirectory(spec.target, deadline));
  DS_ASSIGN_OR_RETURN(sys::UniqueFd device, FreshMount(spec, deadline));
  const Status served = Serve(*server, spec.target, cache != nullptr,
                              std::move(device), deadline);
  if (!served.ok()) {
    server.reset();
    const Status undone = keeper_.Unmount(spec.target, true, deadline);
    if (!undone.ok()) {
      log::Warn("a mount that cannot be served stays",
                {{"path", spec.target}, {"error", undone.error().message}});
    }
    return served.error().Wrap("serve \"" + spec.target + "\"");
  }
  return Place{spec.target, std::move(credentials), std::move(server)};
}

Status NodeVolumeHost::Serve(BucketServer& server, const std::string& path,
                             bool has_cache, sys::UniqueFd device,
                             Deadline deadline) {
  fuse::SessionOptions session;
  if (has_cache && options_.cache.passthrough()) {
    session.passthrough = true;
    session.backing_files = std::make_shared<KeeperBackingFiles>(keeper_, path);
  }
  DS_RETURN_IF_ERROR(server.Serve(std::move(device), session,
                                  deadline.Min(Deadline::After(kInitTimeout))));
  DS_RETURN_IF_ERROR(CheckReadMode(options_.cache, server));
  return keeper_.SetReadahead(path, kReadaheadKib, deadline);
}

Result<sys::UniqueFd> NodeVolumeHost::FreshMount(const keeper::MountSpec& spec,
                                                 Deadline deadline) {
  auto connection = keeper_.MountFuse(spec, deadline);
  const bool is_occupied =
      connection.ok() ? !connection->is_new
                      : connection.error().code == ErrorCode::kAlreadyExists;
  if (is_occupied) {
    // A former process served it: nobody will again.
    DS_RETURN_IF_ERROR(keeper_.Unmount(spec.target, true, deadline));
    connection = keeper_.MountFuse(spec, deadline);
  }
  if (!connection.ok()) return std::move(connection).error();
  return std::move(connection->fd);
}

Status NodeVolumeHost::UnmountPlace(const std::string& path,
                                    Deadline deadline) {
  DS_RETURN_IF_ERROR(keeper_.Unmount(path, true, deadline));
  // The staging path is the kubelet's, which removes it itself.
  if (!path.starts_with(options_.mounts_dir + "/")) return OkStatus();
  return keeper_.RemoveDirectory(path, deadline);
}

Status NodeVolumeHost::Bind(const std::string& place_path,
                            const csi::PublishRequest& request, bool read_only,
                            Deadline deadline) {
  const std::string& target = request.target_path;
  DS_RETURN_IF_ERROR(keeper_.MakeDirectory(target, deadline));
  const Status bound = keeper_.Bind(place_path, target, read_only, deadline);
  if (bound.ok() || bound.error().code != ErrorCode::kAlreadyExists) {
    return bound;
  }
  // One of a place that has gone. The keeper unmounts nothing that is foreign.
  DS_RETURN_IF_ERROR(keeper_.Unmount(target, true, deadline));
  return keeper_.Bind(place_path, target, read_only, deadline);
}

/// The staged place stays until Unstage.
Status NodeVolumeHost::DropUnusedPlace(Volume& volume,
                                       const std::string& place_id,
                                       Deadline deadline) {
  const auto place = volume.places.find(place_id);
  if (place == volume.places.end() || place_id == volume.staged_place_id) {
    return OkStatus();
  }
  for (const auto& [path, used] : volume.targets) {
    if (used == place_id) return OkStatus();
  }
  DS_RETURN_IF_ERROR(UnmountPlace(place->second.path, deadline));
  volume.places.erase(place);
  return OkStatus();
}

/// A state that is not kept costs the next process a log line, no more.
void NodeVolumeHost::KeepState(const std::string& volume_id,
                               const Volume& volume,
                               const std::string& place_id, Deadline deadline) {
  const auto place = volume.places.find(place_id);
  if (place == volume.places.end()) return;
  VolumeState state{volume_id, place_id, {}};
  for (const auto& [path, used] : volume.targets) {
    if (used == place_id) state.target_paths.push_back(path);
  }
  const auto memfd = WriteVolumeState(state);
  const Status kept =
      memfd.ok() ? keeper_.PutState(place->second.path, *memfd, deadline)
                 : Status(memfd.error());
  if (!kept.ok()) {
    log::Warn("cannot keep the state of a volume",
              {{"volume", volume_id}, {"error", kept.error().message}});
  }
}

std::string NodeVolumeHost::DirectoryOf(const std::string& volume_id) const {
  return options_.mounts_dir + "/" + volume_id;
}

}  // namespace datashim::node
