// Names that the operator gives a meaning to: finalizers, annotations, reasons
// and limits. What they do is said where they are used. The namespace is
// `controllers` because `operator` is a word of C++.

#pragma once

#include <chrono>
#include <cstddef>
#include <string_view>

#include "kube/object.h"

namespace datashim::controllers {

inline constexpr kube::ResourceType kDatasets{"datashim.io", "v1alpha1",
                                              "Dataset", "datasets"};
inline constexpr kube::ResourceType kMutatingWebhooks{
    "admissionregistration.k8s.io", "v1", "MutatingWebhookConfiguration",
    "mutatingwebhookconfigurations", false};

/// The CSI driver, which is also the provisioner named by our StorageClasses.
inline constexpr std::string_view kDriverName = "csi.datashim.io";
/// The class of the claims that Datasets get.
inline constexpr std::string_view kStorageClassName = "csi-s3";

/// In the operator's namespace, as upstream: where archives are unpacked to
/// that name no place of their own. Keys ENDPOINT, accessKeyID (or
/// AWS_ACCESS_KEY_ID), secretAccessKey (or AWS_SECRET_ACCESS_KEY), and not
/// upstream's: REGION, and BUCKET for one bucket instead of one for each
/// Dataset.
inline constexpr std::string_view kArchivePlaceSecret = "minio-conf";

/// On a Dataset: its claim and volume go before it does.
inline constexpr std::string_view kDatasetFinalizer = "datashim.io/dataset";
/// On a PersistentVolume: its volume Secret goes before it does.
inline constexpr std::string_view kVolumeFinalizer =
    "datashim.io/volume-secret";

/// On generated objects, as upstream: the name of the Dataset.
inline constexpr std::string_view kDatasetLabel = "dataset";
/// On a Dataset, as upstream: the data goes with it. May change while it is
/// being deleted.
inline constexpr std::string_view kRemoveOnDeleteLabel = "remove-on-delete";
/// On volume Secrets: "true". Finds them in the operator's namespace.
inline constexpr std::string_view kVolumeSecretLabel =
    "datashim.io/volume-secret";

/// On a claim: which place it is for (VolumeConfig::LocationId without keys).
inline constexpr std::string_view kLocationAnnotation = "datashim.io/location";
/// On a Dataset: a pod asked for its keys as environment variables, so the
/// Secret named like the Dataset is wanted. Set by the webhook.
inline constexpr std::string_view kEnvSecretAnnotation =
    "datashim.io/env-secret";
/// On volumes and volume Secrets: uid and namespace/name of the claim.
inline constexpr std::string_view kClaimUidAnnotation = "datashim.io/claim-uid";
inline constexpr std::string_view kClaimAnnotation = "datashim.io/claim";
/// On volumes: uid of the Dataset that owns the claim; absent without one.
inline constexpr std::string_view kDatasetUidAnnotation =
    "datashim.io/dataset-uid";
/// On volumes that we only describe (NFS, HOST, CSI by handle): the type of
/// the Dataset. They are kept from Kubernetes' own deleters, and go with the
/// claim; what they stand for stays.
inline constexpr std::string_view kDescribedAnnotation =
    "datashim.io/source-type";
/// On volumes: "true" if we made the bucket.
inline constexpr std::string_view kBucketCreatedAnnotation =
    "datashim.io/bucket-created";
/// Tag of a bucket that we made: the uid of the Dataset (or claim) it is for.
inline constexpr std::string_view kMadeForTag = "datashim.io/made-for";
/// Kubernetes' own: who made a volume, so that the right one deletes it.
inline constexpr std::string_view kProvisionedByAnnotation =
    "pv.kubernetes.io/provisioned-by";
/// Kubernetes' own: the scheduler chose a node (WaitForFirstConsumer).
inline constexpr std::string_view kSelectedNodeAnnotation =
    "volume.kubernetes.io/selected-node";

/// Reasons in conditions and events.
namespace reason {
inline constexpr std::string_view kBound = "Bound";
inline constexpr std::string_view kProvisioning = "Provisioning";
inline constexpr std::string_view kBinding = "Binding";
inline constexpr std::string_view kInvalidSpec = "InvalidSpec";
inline constexpr std::string_view kNameConflict = "NameConflict";
inline constexpr std::string_view kClaimLost = "ClaimLost";
inline constexpr std::string_view kClaimDeleted = "ClaimDeleted";
inline constexpr std::string_view kSecretNotFound = "SecretNotFound";
inline constexpr std::string_view kSecretKeyMissing = "SecretKeyMissing";
inline constexpr std::string_view kCredentialsInvalid = "CredentialsInvalid";
inline constexpr std::string_view kCredentialsValid = "CredentialsValid";
inline constexpr std::string_view kAccessDenied = "AccessDenied";
inline constexpr std::string_view kBucketNotFound = "BucketNotFound";
inline constexpr std::string_view kUnreachable = "Unreachable";
inline constexpr std::string_view kDeleting = "Deleting";
inline constexpr std::string_view kInUse = "InUse";
inline constexpr std::string_view kNotInUse = "NotInUse";
inline constexpr std::string_view kInlineCredentials = "InlineCredentials";
inline constexpr std::string_view kCredentialsRotated = "CredentialsRotated";
inline constexpr std::string_view kCaBundleNotFound = "CABundleNotFound";
inline constexpr std::string_view kStorageClassNotFound =
    "StorageClassNotFound";
inline constexpr std::string_view kRemovingData = "RemovingData";
inline constexpr std::string_view kRemovalFailed = "DataRemovalFailed";
inline constexpr std::string_view kDataRemoved = "DataRemoved";
inline constexpr std::string_view kDataKept = "DataKept";
inline constexpr std::string_view kSpecWarning = "SpecWarning";
inline constexpr std::string_view kUnpacking = "Unpacking";
inline constexpr std::string_view kUnpacked = "Unpacked";
inline constexpr std::string_view kUnpackFailed = "UnpackFailed";
inline constexpr std::string_view kNoPlaceForArchives = "NoPlaceForArchives";
}  // namespace reason

/// Pods named in the InUse condition; more are counted only.
inline constexpr std::size_t kPodsNamedMax = 5;
/// How often a Secret of a volume in use is read again (rotation of keys).
inline constexpr std::chrono::seconds kSecretReadInterval{30};
/// A problem with Secret, endpoint or bucket is looked at again after the
/// first, doubling up to the second.
inline constexpr std::chrono::seconds kRetryDelayMin{2};
inline constexpr std::chrono::seconds kRetryDelayMax{30};
/// How often the pods that hold up a deletion are listed again.
inline constexpr std::chrono::seconds kInUseInterval{5};
/// How often a worker is looked at.
inline constexpr std::chrono::seconds kUnpackInterval{2};
/// A foreign object in the way is looked for again.
inline constexpr std::chrono::seconds kConflictInterval{15};

}  // namespace datashim::controllers
