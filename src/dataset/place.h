// Place: whether two volumes are about the same data. Pure. It can tell names
// apart, not servers: two names of one server, other than those that Kubernetes
// gives to a Service, are two places to it.

#pragma once

#include "dataset/volume_config.h"

namespace datashim::dataset {

/// The same bucket of the same endpoint. Scheme, default port, case of the host
/// and the long forms of a Service's name (s3.ns, s3.ns.svc,
/// s3.ns.svc.cluster.local) make no difference.
bool ShareBucket(const VolumeConfig& a, const VolumeConfig& b);

/// ShareBucket, and one prefix is the other or within it.
bool ShareData(const VolumeConfig& a, const VolumeConfig& b);

}  // namespace datashim::dataset
