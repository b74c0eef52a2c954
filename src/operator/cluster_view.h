// ClusterView: the informers whose copies the controllers read, and what each
// of them keeps of an object.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "kube/client.h"
#include "kube/informer.h"

namespace datashim::controllers {

/// Index of volumes: by the uid of the Dataset that owns the claim.
inline constexpr std::string_view kDatasetIndex = "dataset-uid";

/// Datasets of all namespaces, without what kubectl remembers in them.
kube::InformerOptions DatasetInformerOptions();

/// The leader's copies. Thread-safe as the informers are.
class ClusterView {
 public:
  /// `client`, `datasets` (started by its owner) and `clock` outlive the view.
  ClusterView(kube::Client& client, const kube::Informer& datasets,
              Clock& clock);

  const kube::Informer& datasets() const { return datasets_; }
  kube::Informer& claims() { return claims_; }
  kube::Informer& volumes() { return volumes_; }
  kube::Informer& config_maps() { return config_maps_; }
  kube::Informer& storage_classes() { return storage_classes_; }

  /// The class of the claim; null if it is not there.
  kube::ObjectPtr ClassOf(const kube::Json& claim) const;

  void Start();
  /// @return false at the deadline or when stopped first.
  bool WaitForSync(Deadline deadline);
  void RequestStop();
  void Stop();

 private:
  std::vector<kube::Informer*> All();

  const kube::Informer& datasets_;
  kube::Informer claims_;
  kube::Informer volumes_;
  kube::Informer config_maps_;
  kube::Informer storage_classes_;
};

}  // namespace datashim::controllers
