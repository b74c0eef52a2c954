#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "kube/leader_elector.h"
#include "kube_test_base.h"

namespace datashim::integration {
namespace {

using kube::LeaderElector;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// A process that stands for election; counts leaders over all candidates.
class Candidate {
 public:
  Candidate(const std::string& identity, const kube::ObjectKey& lease,
            std::atomic<int>& leaders)
      : client_(SharedApiServer().AdminClient()),
        elector_(
            *client_,
            {.lease = lease,
             .identity = identity,
             .duration = seconds(4),
             .renew_deadline = seconds(2),
             .retry_period = milliseconds(200)},
            {.on_started =
                 [&] {
                   EXPECT_EQ(++leaders, 1);
                   ++started;
                 },
             .on_stopped =
                 [&] {
                   --leaders;
                   ++stopped;
                 },
             .on_new_leader = [this](const std::string&) { ++others_seen; }}) {
    elector_.Start();
  }

  LeaderElector& elector() { return elector_; }
  /// From now on no call of it gets through.
  void CutOff() { client_->RequestStop(); }

  std::atomic<int> started = 0;
  std::atomic<int> stopped = 0;
  std::atomic<int> others_seen = 0;

 private:
  std::unique_ptr<kube::Client> client_;
  LeaderElector elector_;
};

class ElectionTest : public KubeTest {
 protected:
  std::string Holder() {
    const auto lease = client_->Get(kube::kLeases, {space_, "l"}, Soon());
    if (!lease.ok()) return lease.error().message;
    return kube::StringAt(*lease, {"spec", "holderIdentity"});
  }
  std::atomic<int> leaders_ = 0;
};

TEST_F(ElectionTest, AStoppedLeaderHandsOverAtOnce) {
  Candidate first("first", {space_, "l"}, leaders_);
  ASSERT_TRUE(Eventually([&] { return first.started == 1; }));
  EXPECT_TRUE(first.elector().is_leader());
  Candidate second("second", {space_, "l"}, leaders_);
  ASSERT_TRUE(Eventually([&] { return second.others_seen == 1; }));
  EXPECT_FALSE(second.elector().is_leader());
  EXPECT_EQ(Holder(), "first");

  const auto start = SystemClock().Now();
  first.elector().Stop();
  EXPECT_EQ(first.stopped, 1);
  EXPECT_FALSE(first.elector().is_leader());
  ASSERT_TRUE(Eventually([&] { return second.started == 1; }));
  // Far less than the lease's duration: it was released.
  EXPECT_LT(SystemClock().Now() - start, seconds(2));
  EXPECT_EQ(Holder(), "second");
  second.elector().Stop();
  EXPECT_EQ(Holder(), "");
}

TEST_F(ElectionTest, ALeaderThatIsCutOffStopsBeforeTheNextOneStarts) {
  Candidate first("first", {space_, "l"}, leaders_);
  ASSERT_TRUE(Eventually([&] { return first.started == 1; }));
  Candidate second("second", {space_, "l"}, leaders_);
  ASSERT_TRUE(Eventually([&] { return second.others_seen == 1; }));
  first.CutOff();
  ASSERT_TRUE(Eventually([&] { return second.started == 1; }));
  EXPECT_EQ(first.stopped, 1);
  EXPECT_EQ(leaders_, 1);  // on_started checked that it never was two.
}

}  // namespace
}  // namespace datashim::integration
