// Decides which claims are ours to provision and what their volumes and volume
// Secrets look like. Pure: the provisioner and the reclaimer do the work.

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dataset/volume_config.h"
#include "kube/object.h"

namespace datashim::controllers {

/// True if the claim is a Dataset's and asks for no class: its volume is
/// described rather than provisioned (described_volume.h).
bool IsDescribed(const kube::Json& claim);

/// True if the class has our provisioner. `storage_class` may be null.
bool IsOurClass(const kube::Json* storage_class);

/// True if the claim wants a volume of ours or has one: its class is ours (or
/// it is a Dataset's and has none, because we describe its volume), it is not
/// being deleted, a node was chosen if the class waits for that, and no volume
/// that somebody else made is bound to it.
bool IsServed(const kube::Json& claim, const kube::Json* storage_class);

/// The Dataset that controls the claim.
struct DatasetOwner {
  std::string name;
  std::string uid;
};
std::optional<DatasetOwner> DatasetOwnerOf(const kube::Json& object);

/// What a volume is made of besides its claim and class.
struct VolumeRequest {
  std::string operator_namespace;
  bool read_only = false;
  std::vector<std::string> mount_options = {};
  /// We made its bucket; remembered for remove-on-delete.
  bool bucket_created = false;
};

/// The PersistentVolume for `claim`, bound to it in advance, without class,
/// policy and what is behind it.
kube::Json BuildVolumeFrame(const kube::Json& claim);

/// The PersistentVolume of our driver for `claim`.
kube::Json BuildVolume(const kube::Json& claim, const kube::Json& storage_class,
                       const VolumeRequest& request);

/// The Secret that kubelet hands to the node, see dataset/volume_config.h.
kube::Json BuildVolumeSecret(const kube::Json& claim,
                             std::string_view operator_namespace,
                             const dataset::SecretData& data);

/// What to do about a PersistentVolume.
enum class VolumeStep {
  kNone,
  kDelete,    ///< Its claim is gone and the policy is Delete.
  kFinalize,  ///< It is being deleted: its Secret goes, then our finalizer.
};
VolumeStep PlanVolume(const kube::Json& volume);

/// data of a Secret, decoded. Values that are no base64 are left out.
dataset::SecretData SecretDataOf(const kube::Json& secret);
/// The same in the other direction, as Secret.data.
kube::Json EncodeSecretData(const dataset::SecretData& data);

}  // namespace datashim::controllers
