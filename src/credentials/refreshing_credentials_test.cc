#include "credentials/refreshing_credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/testing/eventually.h"

namespace datashim::credentials {
namespace {

using datashim::testing::Eventually;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::HasSubstr;

Deadline Soon() { return Deadline::After(seconds(20)); }

s3::Credentials Keys(int n) {
  return {SecretString("id-" + std::to_string(n)), SecretString("secret"),
          SecretString("token")};
}

// Gives keys with a number that grows, or what it is told to.
class FakeSource final : public CredentialSource {
 public:
  const std::string& name() const override { return name_; }
  Result<FetchedCredentials> Fetch(Deadline) override {
    std::unique_lock lock(mutex_);
    ++begun_;
    changed_.wait(lock, [&] { return !held_ || stopped_; });
    if (stopped_) return Error{ErrorCode::kCancelled, "stopped"};
    ++fetches_;
    if (error_) return *error_;
    return FetchedCredentials{Keys(fetches_), lifetime_};
  }
  void RequestStop() override {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    changed_.notify_all();
  }

  void Hold(bool held) {
    const std::lock_guard lock(mutex_);
    held_ = held;
    changed_.notify_all();
  }
  void Fail(std::optional<Error> error) {
    const std::lock_guard lock(mutex_);
    error_ = std::move(error);
  }
  void Last(std::optional<Duration> lifetime) {
    const std::lock_guard lock(mutex_);
    lifetime_ = lifetime;
  }
  int begun() const { return begun_; }
  int fetches() const { return fetches_; }

 private:
  const std::string name_ = "fake source";
  std::mutex mutex_;
  std::condition_variable changed_;
  std::atomic<int> begun_{0};
  std::atomic<int> fetches_{0};
  bool held_ = false;
  bool stopped_ = false;
  std::optional<Error> error_;
  std::optional<Duration> lifetime_ = hours(1);
};

class RefreshingCredentialsTest : public ::testing::Test {
 protected:
  RefreshingCredentialsTest() {
    auto source = std::make_unique<FakeSource>();
    source_ = source.get();
    source_->Hold(true);
    credentials_.emplace(std::move(source), clock_, [] { return 0.5; });
  }

  std::string Id() {
    const auto keys = credentials_->Get(Soon());
    return keys.ok() ? (*keys)->access_key_id.Reveal() : keys.error().message;
  }
  bool BecomesId(const std::string& id) {
    return Eventually([&] { return Id() == id; });
  }

  FakeClock clock_;
  FakeSource* source_;
  std::optional<RefreshingCredentials> credentials_;
};

TEST_F(RefreshingCredentialsTest, ManyCallersWaitForOneFetch) {
  std::vector<std::jthread> callers;
  std::atomic<int> served{0};
  for (int n = 0; n < 20; ++n) {
    callers.emplace_back([&] { served += Id() == "id-1" ? 1 : 0; });
  }
  EXPECT_TRUE(Eventually([&] { return source_->begun() == 1; }));
  EXPECT_EQ(served, 0);
  source_->Hold(false);
  callers.clear();
  EXPECT_EQ(served, 20);
  EXPECT_EQ(source_->fetches(), 1);
}

TEST_F(RefreshingCredentialsTest, NobodyWaitsBeyondItsDeadline) {
  const auto keys = credentials_->Get(Deadline::After(Duration(0)));
  ASSERT_FALSE(keys.ok());
  EXPECT_EQ(keys.error().code, ErrorCode::kDeadlineExceeded);
  EXPECT_THAT(keys.error().message, HasSubstr("fake source"));
}

TEST_F(RefreshingCredentialsTest, OldOnesServeWhileNewOnesAreFetched) {
  source_->Hold(false);
  EXPECT_EQ(Id(), "id-1");
  source_->Hold(true);
  clock_.Advance(minutes(45));
  EXPECT_TRUE(Eventually([&] { return source_->begun() == 2; }))
      << "without a caller";
  EXPECT_EQ(Id(), "id-1");
  clock_.Advance(minutes(14) + seconds(49));
  EXPECT_EQ(Id(), "id-1") << "until they end";
  source_->Hold(false);
  EXPECT_TRUE(BecomesId("id-2"));
  EXPECT_EQ(source_->fetches(), 2);
}

TEST_F(RefreshingCredentialsTest, FailuresAreSeenWhenTheOldOnesHaveEnded) {
  source_->Hold(false);
  EXPECT_EQ(Id(), "id-1");
  source_->Fail(Error{ErrorCode::kUnavailable, "no answer"});
  clock_.Advance(minutes(45));
  EXPECT_TRUE(Eventually([&] { return source_->fetches() >= 2; }));
  EXPECT_EQ(Id(), "id-1");
  clock_.Advance(minutes(15));
  EXPECT_TRUE(BecomesId("fake source: no answer"));
  source_->Fail(std::nullopt);
  EXPECT_TRUE(Eventually([&] {
    clock_.Advance(RefreshSchedule::kBackOffMax);
    return Id().starts_with("id-");
  })) << "recovers by itself";
}

TEST_F(RefreshingCredentialsTest, AChangeIsTriedAtOnce) {
  source_->Fail(Error{ErrorCode::kUnauthenticated, "expired token"});
  source_->Hold(false);
  EXPECT_EQ(Id(), "fake source: expired token");
  source_->Fail(std::nullopt);
  credentials_->OnChange();
  EXPECT_TRUE(Id().starts_with("id-")) << "waits for the new try";
  const int before = source_->fetches();
  credentials_->OnChange();
  EXPECT_TRUE(Id().starts_with("id-"));
  EXPECT_EQ(source_->fetches(), before) << "nothing has failed";
}

TEST_F(RefreshingCredentialsTest, WhatTheServerRefusesIsReplacedOnce) {
  source_->Hold(false);
  EXPECT_EQ(Id(), "id-1");
  EXPECT_FALSE(credentials_->Renew(Keys(1))) << "fetched only just now";
  clock_.Advance(seconds(11));
  EXPECT_TRUE(credentials_->Renew(Keys(1)));
  EXPECT_EQ(Id(), "id-2");
  EXPECT_TRUE(credentials_->Renew(Keys(1))) << "there are other ones already";
  EXPECT_EQ(Id(), "id-2");
  EXPECT_EQ(source_->fetches(), 2);
}

TEST_F(RefreshingCredentialsTest, AJumpOfTheWallClockChangesNothing) {
  source_->Hold(false);
  EXPECT_EQ(Id(), "id-1");
  clock_.SetWall(clock_.WallNow() + hours(1000));
  EXPECT_EQ(Id(), "id-1");
  EXPECT_EQ(source_->fetches(), 1);
}

TEST_F(RefreshingCredentialsTest, KeysThatLastAreFetchedOnce) {
  source_->Last(std::nullopt);
  source_->Hold(false);
  EXPECT_EQ(Id(), "id-1");
  clock_.Advance(hours(100'000));
  EXPECT_EQ(Id(), "id-1");
  EXPECT_EQ(source_->fetches(), 1);
}

TEST_F(RefreshingCredentialsTest, EndsWhileAFetchRuns) {
  EXPECT_TRUE(Eventually([&] { return source_->begun() == 1; }));
  credentials_.reset();
}

}  // namespace
}  // namespace datashim::credentials
