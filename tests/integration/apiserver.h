// ApiServer: a real etcd and kube-apiserver on loopback for tests. No
// controller manager, scheduler or kubelet: what they would do does not happen.

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "child_process.h"
#include "kube/client.h"
#include "kube/config.h"
#include "net/testing/certificates.h"

namespace datashim::integration {

/// Thread-compatible. The admission plugin ServiceAccount is off, so that pods
/// can be created; RBAC is on.
class ApiServer {
 public:
  /// Starts both and waits until the API server is ready: a few seconds.
  /// @param extra_flags of kube-apiserver.
  /// @return kUnavailable, with the end of the log, if one does not come up.
  static Result<std::unique_ptr<ApiServer>> Start(
      std::vector<std::string> extra_flags = {});
  ApiServer(const ApiServer&) = delete;
  ApiServer& operator=(const ApiServer&) = delete;
  /// Kills both and removes their files.
  ~ApiServer();

  /// Group system:masters, by a token.
  kube::Config AdminConfig() const;
  /// User "nobody", who has no rights beyond discovery, by a token.
  kube::Config NobodyConfig() const;
  /// User `name`, by a client certificate.
  kube::Config CertificateConfig(const std::string& name) const;
  /// A client of AdminConfig() without a rate limit to speak of.
  std::unique_ptr<kube::Client> AdminClient() const;
  /// Path of a kubeconfig with the rights of AdminConfig().
  std::string KubeconfigPath() const { return directory_ + "/kubeconfig"; }

  /// kill -9 of the API server.
  void Kill();
  /// Starts it again, at the same address, and waits until it is ready.
  Status Restart();

  const std::string& url() const { return url_; }

 private:
  ApiServer(std::string directory, std::vector<std::string> extra_flags);
  Status WriteFiles() const;
  Status StartEtcd();
  Status StartApiServer();
  Status WaitUntilReady(const std::string& url, ChildProcess& process,
                        const std::string& log_file) const;
  kube::Config BaseConfig() const;
  std::string File(const std::string& name) const {
    return directory_ + "/" + name;
  }

  const std::string directory_;
  const std::vector<std::string> extra_flags_;
  const ReservedPort etcd_port_;
  const ReservedPort etcd_peer_port_;
  const ReservedPort apiserver_port_;
  const std::string url_;
  const net::TestAuthority authority_;
  std::unique_ptr<ChildProcess> etcd_;
  std::unique_ptr<ChildProcess> apiserver_;
};

}  // namespace datashim::integration
