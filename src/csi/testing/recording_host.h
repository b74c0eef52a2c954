// RecordingHost: a VolumeHost and VolumeController for tests of the services.

#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "csi/volume_host.h"

namespace datashim::csi::testing {

/// Remembers each call as text; answers `answer`. Calls on the volume "slow"
/// wait until Continue.
class RecordingHost final : public VolumeHost, public VolumeController {
 public:
  Status Stage(const StageRequest& request) override {
    return Record("stage " + request.volume_id + " " + request.staging_path +
                      Mode(request.read_only) + Text(request.secrets),
                  request.volume_id);
  }
  Status Publish(const PublishRequest& request) override {
    return Record("publish " + request.volume_id + " " + request.staging_path +
                      " " + request.target_path + Mode(request.read_only) +
                      Text(request.secrets),
                  request.volume_id);
  }
  Status Unpublish(const std::string& volume_id,
                   const std::string& target_path) override {
    return Record("unpublish " + volume_id + " " + target_path, volume_id);
  }
  Status Unstage(const std::string& volume_id,
                 const std::string& staging_path) override {
    return Record("unstage " + volume_id + " " + staging_path, volume_id);
  }
  Result<VolumeStats> Stats(const std::string& volume_id,
                            const std::string& path) override {
    DS_RETURN_IF_ERROR(Record("stats " + volume_id + " " + path, volume_id));
    VolumeStats stats;
    stats.total_bytes = ~std::uint64_t{0};
    stats.used_bytes = 3;
    stats.available_bytes = 4;
    stats.total_inodes = 10;
    stats.used_inodes = 4;
    stats.healthy = false;
    stats.message = "the bucket is gone";
    return stats;
  }
  Status Ready() override { return answer; }

  Result<CreatedVolume> Create(const CreateVolumeRequest& request) override {
    DS_RETURN_IF_ERROR(
        Record("create " + request.name + Text(request.secrets), ""));
    return CreatedVolume{"id-of-" + request.name, request.capacity_bytes};
  }
  Status Delete(const std::string& volume_id,
                const dataset::SecretData& secrets) override {
    return Record("delete " + volume_id + Text(secrets), volume_id);
  }
  Status Validate(const std::string& volume_id,
                  const dataset::SecretData&) override {
    return Record("validate " + volume_id, volume_id);
  }

  std::vector<std::string> Calls() {
    const std::scoped_lock lock(mutex_);
    return calls_;
  }
  void AwaitCalls(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return calls_.size() >= count; });
  }
  void Continue() {
    const std::scoped_lock lock(mutex_);
    may_continue_ = true;
    changed_.notify_all();
  }

  Status answer = OkStatus();

 private:
  static std::string Mode(bool read_only) { return read_only ? " ro" : " rw"; }
  static std::string Text(const dataset::SecretData& secrets) {
    std::string text;
    for (const auto& [key, value] : secrets) {
      text.append(" ").append(key).append("=").append(value.Reveal());
    }
    return text;
  }
  Status Record(std::string call, const std::string& volume_id) {
    std::unique_lock lock(mutex_);
    calls_.push_back(std::move(call));
    changed_.notify_all();
    if (volume_id == "slow") {
      changed_.wait(lock, [&] { return may_continue_; });
    }
    return answer;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> calls_;
  bool may_continue_ = false;
};

}  // namespace datashim::csi::testing
