// Describes, as a PersistentVolume, a volume that exists without us: a share,
// a directory of the node, a volume of another CSI driver. Pure.

#pragma once

#include "dataset/validation.h"
#include "kube/object.h"

namespace datashim::controllers {

/// The volume for `claim`, bound to it in advance. Whatever reads it,
/// Kubernetes never deletes what is behind it: it is retained, and removed by
/// the reclaimer once its claim is gone. REQUIRES: the source is NFS, HOST, or
/// CSI by handle.
kube::Json BuildDescribedVolume(const kube::Json& claim,
                                const dataset::ResolvedSpec& spec);

}  // namespace datashim::controllers
