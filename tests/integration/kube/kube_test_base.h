// What the tests of src/kube against a real API server share.

#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "apiserver.h"
#include "base/clock.h"
#include "kube/client.h"
#include "kube/object.h"

namespace datashim::integration {

/// The API server of this program; starts with the first use.
ApiServer& SharedApiServer();

/// Asks every 20 ms until it is so. @return false after `timeout`.
bool Eventually(const std::function<bool()>& is_so,
                std::chrono::seconds timeout = std::chrono::seconds(60));

inline Deadline Soon() { return Deadline::After(std::chrono::seconds(30)); }

/// A namespace of its own for each test, and a client that may do everything.
class KubeTest : public ::testing::Test {
 protected:
  void SetUp() override;

  kube::Json ConfigMap(const std::string& name, const std::string& value) {
    kube::Json object = kube::MakeObject(kube::kConfigMaps, {space_, name});
    object["data"]["x"] = value;
    return object;
  }
  kube::Json MustCreate(const kube::Json& object) {
    auto created = client_->Create(kube::kConfigMaps, object, Soon());
    EXPECT_TRUE(created.ok()) << created.error().message;
    return std::move(*created);
  }

  std::string space_;
  std::unique_ptr<kube::Client> client_;
};

}  // namespace datashim::integration
