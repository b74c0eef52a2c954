#include "kube_test_base.h"

#include <atomic>

#include "base/check.h"

namespace datashim::integration {
namespace {

std::unique_ptr<ApiServer>& Slot() {
  static std::unique_ptr<ApiServer> server;
  return server;
}

/// Ends the server while the program's other statics are still alive.
class StopServer : public ::testing::Environment {
 public:
  void TearDown() override { Slot().reset(); }
};
[[maybe_unused]] ::testing::Environment* const kStopServer =
    ::testing::AddGlobalTestEnvironment(new StopServer);

}  // namespace

ApiServer& SharedApiServer() {
  if (Slot() == nullptr) {
    auto server = ApiServer::Start();
    if (!server.ok()) ADD_FAILURE() << server.error().message;
    DS_CHECK(server.ok());
    Slot() = std::move(*server);
  }
  return *Slot();
}

bool Eventually(const std::function<bool()>& is_so,
                std::chrono::seconds timeout) {
  const auto deadline = Deadline::After(timeout);
  while (!is_so()) {
    if (deadline.HasPassed()) return false;
    SystemClock().SleepFor(std::chrono::milliseconds(20), {});
  }
  return true;
}

void KubeTest::SetUp() {
  static std::atomic<int> count = 0;
  client_ = SharedApiServer().AdminClient();
  space_ = "test-" + std::to_string(count++);
  const auto created = client_->Create(
      kube::kNamespaces, kube::MakeObject(kube::kNamespaces, {"", space_}),
      Soon());
  ASSERT_TRUE(created.ok()) << created.error().message;
}

}  // namespace datashim::integration
