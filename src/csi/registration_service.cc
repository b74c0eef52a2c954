#include <grpcpp/server_context.h>

#include <utility>

#include "base/log.h"
#include "csi/server.h"
#include "csi/services.h"
#include "registration.grpc.pb.h"

namespace datashim::csi {
namespace {

// kubelet knows CSI 1 by this name; the driver's own answers say more.
constexpr char kCsiVersion[] = "1.0.0";

class RegistrationService final
    : public pluginregistration::Registration::Service {
 public:
  explicit RegistrationService(std::string endpoint)
      : endpoint_(std::move(endpoint)) {}

  grpc::Status GetInfo(grpc::ServerContext*,
                       const pluginregistration::InfoRequest*,
                       pluginregistration::PluginInfo* info) override {
    info->set_type("CSIPlugin");
    info->set_name(kDriverName);
    info->set_endpoint(endpoint_);
    info->add_supported_versions(kCsiVersion);
    return grpc::Status::OK;
  }

  // After a failure kubelet tries again by itself.
  grpc::Status NotifyRegistrationStatus(
      grpc::ServerContext*,
      const pluginregistration::RegistrationStatus* status,
      pluginregistration::RegistrationStatusResponse*) override {
    if (status->plugin_registered()) {
      log::Info("kubelet has registered the driver", {{"name", kDriverName}});
    } else {
      log::Error("kubelet did not register the driver",
                 {{"error", status->error().substr(0, 1024)}});
    }
    return grpc::Status::OK;
  }

 private:
  const std::string endpoint_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeRegistrationService(std::string endpoint) {
  return std::make_unique<RegistrationService>(std::move(endpoint));
}

}  // namespace datashim::csi
