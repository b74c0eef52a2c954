#include "operator/described_volume.h"

#include <nlohmann/json.hpp>
#include <string>
#include <variant>

#include "base/check.h"
#include "operator/names.h"
#include "operator/volume_plan.h"

namespace datashim::controllers {
namespace {

using kube::Json;

void AddMountOption(Json& volume_spec, const std::string& option) {
  volume_spec["mountOptions"].push_back(option);
}

/// The nodes with these labels; all nodes if there are none.
Json NodeAffinity(
    const std::vector<std::pair<std::string, std::string>>& labels) {
  Json expressions = Json::array();
  for (const auto& [key, value] : labels) {
    expressions.push_back(
        {{"key", key}, {"operator", "In"}, {"values", Json::array({value})}});
  }
  if (expressions.empty()) {
    expressions.push_back(
        {{"key", "kubernetes.io/hostname"}, {"operator", "Exists"}});
  }
  return {{"required",
           {{"nodeSelectorTerms",
             Json::array({{{"matchExpressions", std::move(expressions)}}})}}}};
}

void Describe(const dataset::NfsSource& nfs, const dataset::VolumeShape& shape,
              Json& volume) {
  volume["spec"]["nfs"] = {{"server", nfs.server},
                           {"path", nfs.share},
                           {"readOnly", shape.read_only}};
}

/// A hostPath cannot be read-only by itself; only each pod can mount it so. A
/// local volume can, by its mount options; it needs an affinity.
void Describe(const dataset::HostSource& host,
              const dataset::VolumeShape& shape, Json& volume) {
  Json& spec = volume["spec"];
  if (shape.read_only) {
    spec["local"]["path"] = host.path;
    AddMountOption(spec, "ro");
  } else {
    spec["hostPath"] = {
        {"path", host.path},
        {"type", host.create ? "DirectoryOrCreate" : "Directory"}};
  }
  if (shape.read_only || !host.node_labels.empty()) {
    spec["nodeAffinity"] = NodeAffinity(host.node_labels);
  }
}

void Describe(const dataset::CsiSource& csi, const dataset::VolumeShape& shape,
              Json& volume) {
  const std::string namespace_name =
      kube::StringAt(volume, {"spec", "claimRef", "namespace"});
  Json& source = volume["spec"]["csi"];
  source = {{"driver", csi.driver},
            {"volumeHandle", csi.volume_handle},
            {"readOnly", shape.read_only}};
  if (!csi.fs_type.empty()) source["fsType"] = csi.fs_type;
  if (!csi.attributes.empty()) source["volumeAttributes"] = csi.attributes;
  for (const auto& [field, secret] : csi.secrets) {
    source[field] = {{"name", secret}, {"namespace", namespace_name}};
  }
}

}  // namespace

kube::Json BuildDescribedVolume(const kube::Json& claim,
                                const dataset::ResolvedSpec& spec) {
  Json volume = BuildVolumeFrame(claim);
  Json& volume_spec = volume["spec"];
  // Kubernetes' own deleter of hostPath volumes removes files.
  volume_spec["persistentVolumeReclaimPolicy"] = "Retain";
  volume_spec["storageClassName"] = "";
  for (const std::string& option : spec.shape.mount_options) {
    AddMountOption(volume_spec, option);
  }
  std::string_view type;
  if (const auto* nfs = std::get_if<dataset::NfsSource>(&spec.source)) {
    type = "NFS";
    Describe(*nfs, spec.shape, volume);
  } else if (const auto* host =
                 std::get_if<dataset::HostSource>(&spec.source)) {
    type = "HOST";
    Describe(*host, spec.shape, volume);
  } else {
    type = "CSI";
    DS_CHECK(spec.csi() != nullptr && !spec.csi()->IsDynamic());
    Describe(*spec.csi(), spec.shape, volume);
  }
  volume["metadata"]["annotations"][kDescribedAnnotation] = type;
  return volume;
}

}  // namespace datashim::controllers
