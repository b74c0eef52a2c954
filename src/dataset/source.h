// Source: what a Dataset's spec means, by type. Made by Validate
// (validation.h); the operator turns it into claim, volume and Secrets.

#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "dataset/dataset.h"
#include "dataset/unpack_request.h"
#include "dataset/volume_config.h"

namespace datashim::dataset {

/// What a claim asks for and its volume reports unless the spec says more, as
/// upstream. A bucket has no size; Kubernetes wants one.
inline constexpr std::string_view kDefaultSize = "5Gi";

/// What claim and volume are like, whatever is behind them.
struct VolumeShape {
  std::string size{kDefaultSize};
  std::string access_mode = "ReadWriteMany";
  std::vector<std::string> mount_options;
  bool read_only = false;
};

/// A value in a ConfigMap or Secret of the Dataset's namespace.
struct ObjectField {
  /// Where it is; kEither is a ConfigMap, and if there is none a Secret.
  enum class Kind { kEither, kConfigMap, kSecret };
  Kind kind = Kind::kEither;
  std::string name;
  std::string key;
};

/// COS, alias S3.
struct BucketSource {
  /// The place. Holds keys only if they are inline.
  VolumeConfig config;
  /// The owner's Secret, in the Dataset's namespace; empty: config has the
  /// keys, or the bucket is read anonymously.
  std::string secret_name;
  bool provision = false;         ///< Make the bucket if it is not there.
  bool remove_on_delete = false;  ///< The data goes with the Dataset.
  std::optional<ObjectField> ca_bundle;

  bool HasInlineKeys() const {
    return secret_name.empty() && !config.access_key_id.empty();
  }
};

/// NFS: a share that the node's kernel mounts.
struct NfsSource {
  std::string server;  ///< Host name or address, without brackets.
  std::string share;   ///< Absolute.
};

/// HOST: a directory of the node that the pod runs on.
struct HostSource {
  std::string path;     ///< Absolute and normalized.
  bool create = false;  ///< Made where it is not there.
  /// Labels of the nodes that have it; empty: all nodes.
  std::vector<std::pair<std::string, std::string>> node_labels;
};

/// CSI: a volume of any other driver. Either a StorageClass makes it, or
/// driver and handle name one that exists.
struct CsiSource {
  std::string storage_class;
  std::string driver;
  std::string volume_handle;
  std::string fs_type;
  StringMap attributes;
  /// Field of PersistentVolume.spec.csi (such as "nodeStageSecretRef") -> name
  /// of a Secret in the Dataset's namespace.
  StringMap secrets;

  bool IsDynamic() const { return !storage_class.empty(); }
};

/// ARCHIVE: a file behind a URL, unpacked or not, in a place of its own.
struct ArchiveSource {
  std::string url;
  ArchiveFormat format = ArchiveFormat::kAny;
  bool extract = false;
  std::string sha256;  ///< Lower-case hex; empty: not checked.
  /// Where the files go, in a folder of their own (ArchiveRoot).
  BucketSource target;
  /// The target's endpoint, bucket and keys are the operator's to choose.
  bool is_operators_place = false;
  /// Of an s3 URL: its store, its bucket and who may read it.
  std::optional<BucketSource> origin;

  std::string Version() const {
    return ArchiveVersion(url, format, extract, sha256);
  }
};

/// By type.
using Source =
    std::variant<BucketSource, NfsSource, HostSource, CsiSource, ArchiveSource>;

}  // namespace datashim::dataset
