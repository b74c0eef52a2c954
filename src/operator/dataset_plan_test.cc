#include "operator/dataset_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "operator/names.h"

namespace datashim::controllers {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const WallTime kNow{std::chrono::seconds(1'700'000'000)};

DatasetObservation Fresh() {
  DatasetObservation seen;
  seen.name = "weights";
  seen.generation = 1;
  return seen;
}

DatasetObservation Bound() {
  DatasetObservation seen = Fresh();
  seen.has_finalizer = true;
  seen.config_map = {Ownership::kOurs, true, false};
  seen.claim.ownership = Ownership::kOurs;
  seen.claim.current = true;
  seen.claim.phase = ClaimPhase::kBound;
  seen.claim.volume_name = "pvc-1";
  seen.volume_exists = true;
  seen.report =
      VolumeReport{.ready = true, .credentials_valid = true, .revision = 1};
  return seen;
}

/// What the API server would show after the step.
void Execute(DatasetStep step, DatasetObservation& seen) {
  switch (step) {
    case DatasetStep::kAddFinalizer:
      seen.has_finalizer = true;
      return;
    case DatasetStep::kWriteConfigMap:
      seen.config_map = {Ownership::kOurs, true, false};
      return;
    case DatasetStep::kCreateClaim:
    case DatasetStep::kUpdateClaim:
      seen.claim.ownership = Ownership::kOurs;
      seen.claim.current = true;
      return;
    case DatasetStep::kWriteEnvSecret:
      seen.env_secret = {Ownership::kOurs, true, false};
      return;
    case DatasetStep::kDeleteClaim:
      seen.claim.being_deleted = true;
      return;
    case DatasetStep::kDeleteConfigMap:
      seen.config_map.ownership = Ownership::kAbsent;
      return;
    case DatasetStep::kDeleteEnvSecret:
      seen.env_secret.ownership = Ownership::kAbsent;
      return;
    case DatasetStep::kRemoveFinalizer:
      seen.has_finalizer = false;
      return;
  }
}

std::vector<DatasetStep> RunToRest(DatasetObservation& seen) {
  std::vector<DatasetStep> steps;
  while (const auto step = NextStep(seen)) {
    steps.push_back(*step);
    if (steps.size() > 20) break;  // It never rests: the caller sees it.
    Execute(*step, seen);
  }
  return steps;
}

TEST(DatasetStepTest, FreshDatasetGetsFinalizerBeforeChildren) {
  DatasetObservation seen = Fresh();
  EXPECT_THAT(RunToRest(seen), ElementsAre(DatasetStep::kAddFinalizer,
                                           DatasetStep::kWriteConfigMap,
                                           DatasetStep::kCreateClaim));
  EXPECT_THAT(RunToRest(seen), IsEmpty());
}

TEST(DatasetStepTest, EnvSecretIsMadeOnlyWhenWanted) {
  DatasetObservation seen = Bound();
  EXPECT_THAT(RunToRest(seen), IsEmpty());
  seen.env_secret_wanted = true;
  EXPECT_THAT(RunToRest(seen), ElementsAre(DatasetStep::kWriteEnvSecret));
}

TEST(DatasetStepTest, DriftIsRepaired) {
  DatasetObservation seen = Bound();
  seen.config_map.ownership = Ownership::kAbsent;
  seen.claim.current = false;
  EXPECT_THAT(RunToRest(seen), ElementsAre(DatasetStep::kWriteConfigMap,
                                           DatasetStep::kUpdateClaim));
  seen = Bound();
  seen.config_map.current = false;
  EXPECT_THAT(RunToRest(seen), ElementsAre(DatasetStep::kWriteConfigMap));
}

TEST(DatasetStepTest, NothingIsWrittenForABrokenSpec) {
  DatasetObservation seen = Fresh();
  seen.spec_problem = "spec.local.bucket: missing";
  EXPECT_THAT(RunToRest(seen), IsEmpty());
}

TEST(DatasetStepTest, ForeignObjectsStopEverythingAndAreNotTouched) {
  const std::function<void(DatasetObservation&)> foreign[] = {
      [](auto& seen) { seen.config_map.ownership = Ownership::kForeign; },
      [](auto& seen) { seen.claim.ownership = Ownership::kForeign; },
      [](auto& seen) {
        seen.env_secret_wanted = true;
        seen.env_secret.ownership = Ownership::kForeign;
      }};
  for (const auto& make_foreign : foreign) {
    DatasetObservation seen = Fresh();
    make_foreign(seen);
    EXPECT_THAT(RunToRest(seen), IsEmpty());
    EXPECT_EQ(DescribeDataset(seen).ready().reason, reason::kNameConflict);
    EXPECT_TRUE(LookAgainAfter(seen));

    seen.being_deleted = true;
    seen.has_finalizer = true;
    EXPECT_THAT(RunToRest(seen), ElementsAre(DatasetStep::kRemoveFinalizer));
  }
}

TEST(DatasetStepTest, ForeignSecretIsNoConflictUntilItIsWanted) {
  DatasetObservation seen = Bound();
  seen.env_secret.ownership = Ownership::kForeign;
  EXPECT_EQ(DescribeDataset(seen).provision, "OK");
}

TEST(DatasetStepTest, ClaimInDeletionIsLeftAlone) {
  DatasetObservation seen = Bound();
  seen.claim.being_deleted = true;
  seen.claim.current = false;
  EXPECT_THAT(RunToRest(seen), IsEmpty());
  EXPECT_EQ(DescribeDataset(seen).ready().reason, reason::kClaimDeleted);
}

TEST(DatasetStepTest, DeletionGoesClaimVolumeChildrenFinalizer) {
  DatasetObservation seen = Bound();
  seen.env_secret_wanted = true;
  seen.env_secret = {Ownership::kOurs, true, false};
  seen.being_deleted = true;
  EXPECT_THAT(RunToRest(seen), ElementsAre(DatasetStep::kDeleteClaim));
  seen.claim.ownership = Ownership::kAbsent;  // No pod uses it any more.
  EXPECT_THAT(RunToRest(seen), IsEmpty());    // The volume is still there.
  EXPECT_TRUE(LookAgainAfter(seen));
  seen.volume_exists = false;
  EXPECT_THAT(RunToRest(seen), ElementsAre(DatasetStep::kDeleteConfigMap,
                                           DatasetStep::kDeleteEnvSecret,
                                           DatasetStep::kRemoveFinalizer));
  EXPECT_THAT(RunToRest(seen), IsEmpty());
}

TEST(DatasetStepTest, DeletionWithoutOurFinalizerIsNotOurs) {
  DatasetObservation seen = Bound();
  seen.being_deleted = true;
  seen.has_finalizer = false;
  EXPECT_THAT(RunToRest(seen), IsEmpty());
}

struct StatusCase {
  const char* name;
  std::function<void(DatasetObservation&)> change;
  const char* provision;
  std::string_view reason;
  const char* info;
};

class DescribeDatasetTest : public ::testing::TestWithParam<StatusCase> {};

TEST_P(DescribeDatasetTest, SaysWhatIsTheCase) {
  DatasetObservation seen = Bound();
  GetParam().change(seen);
  const DatasetStatus status = DescribeDataset(seen);
  EXPECT_EQ(status.provision, GetParam().provision);
  EXPECT_EQ(status.ready().type, "Ready");
  EXPECT_EQ(status.ready().status, status.provision == "OK");
  EXPECT_EQ(status.ready().reason, GetParam().reason);
  EXPECT_EQ(status.ready().message, status.provision_info);
  EXPECT_THAT(status.provision_info, HasSubstr(GetParam().info));
  for (const kube::Condition& condition : status.conditions) {
    EXPECT_NE(condition.reason, "") << condition.type;
    EXPECT_EQ(condition.observed_generation, 1) << condition.type;
  }
}

const StatusCase kStatusCases[] = {
    {"Bound", [](auto&) {}, "OK", reason::kBound, ""},
    {"BoundBeforeARestart", [](auto& seen) { seen.report.reset(); }, "OK",
     reason::kBound, ""},
    {"BrokenSpec", [](auto& seen) { seen.spec_problem = "type: bad"; },
     "Failed", reason::kInvalidSpec, "type: bad"},
    {"ForeignClaim",
     [](auto& seen) { seen.claim.ownership = Ownership::kForeign; }, "Failed",
     reason::kNameConflict, "PersistentVolumeClaim weights"},
    {"ForeignConfigMap",
     [](auto& seen) { seen.config_map.ownership = Ownership::kForeign; },
     "Failed", reason::kNameConflict, "ConfigMap weights"},
    {"NoClaimYet", [](auto& seen) { seen = Fresh(); }, "Pending",
     reason::kProvisioning, "being made"},
    {"VolumeMade", [](auto& seen) { seen.claim.phase = ClaimPhase::kPending; },
     "Pending", reason::kBinding, "binds"},
    {"ProblemBeforeBound",
     [](auto& seen) {
       seen.claim.phase = ClaimPhase::kPending;
       seen.report = VolumeReport{.reason = "SecretNotFound",
                                  .message = "Secret s is not there"};
     },
     "Pending", reason::kSecretNotFound, "Secret s"},
    {"OkIsNotTerminal",
     [](auto& seen) {
       seen.report->reason = "CredentialsInvalid";
       seen.report->message = "the store refused the keys";
     },
     "Pending", reason::kCredentialsInvalid, "refused"},
    {"Lost", [](auto& seen) { seen.claim.phase = ClaimPhase::kLost; }, "Failed",
     reason::kClaimLost, "lost its volume"},
    {"Deleting", [](auto& seen) { seen.being_deleted = true; }, "Pending",
     reason::kDeleting, "stays"},
    {"DeletingInUse",
     [](auto& seen) {
       seen.being_deleted = true;
       seen.pods = {"a", "b", "c", "d", "e", "f", "g"};
     },
     "Pending", reason::kInUse, "a, b, c, d, e and 2 more"},
};
INSTANTIATE_TEST_SUITE_P(Table, DescribeDatasetTest,
                         ::testing::ValuesIn(kStatusCases),
                         [](const auto& test) { return test.param.name; });

TEST(NamePodsTest, NamesAtMostFive) {
  EXPECT_EQ(NamePods({}), "");
  EXPECT_EQ(NamePods({"a"}), "a");
  EXPECT_EQ(NamePods({"a", "b", "c", "d", "e"}), "a, b, c, d, e");
  EXPECT_EQ(NamePods({"a", "b", "c", "d", "e", "f"}),
            "a, b, c, d, e and 1 more");
}

TEST(DescribeDatasetConditionsTest, CredentialsAreShownOnceKnown) {
  DatasetObservation seen = Bound();
  seen.report->credentials_valid.reset();
  for (const auto& condition : DescribeDataset(seen).conditions) {
    EXPECT_NE(condition.type, "CredentialsValid");
  }
  seen.report->credentials_valid = false;
  seen.report->reason = "CredentialsInvalid";
  bool shown = false;
  for (const auto& condition : DescribeDataset(seen).conditions) {
    if (condition.type != "CredentialsValid") continue;
    shown = true;
    EXPECT_FALSE(condition.status);
    EXPECT_EQ(condition.reason, "CredentialsInvalid");
  }
  EXPECT_TRUE(shown);
}

TEST(SetStatusTest, WritesUpstreamsStringsAndIsIdempotent) {
  kube::Json dataset = kube::MakeObject(kDatasets, {"ns", "weights"});
  const DatasetStatus status = DescribeDataset(Bound());
  EXPECT_TRUE(SetStatus(dataset, status, kNow));
  EXPECT_EQ(kube::StringAt(dataset, {"status", "provision", "status"}), "OK");
  EXPECT_EQ(kube::StringAt(dataset, {"status", "caching", "status"}),
            "Disabled");
  EXPECT_EQ(kube::StringAt(dataset, {"status", "caching", "info"}),
            "No caching plugins are installed");
  EXPECT_FALSE(SetStatus(dataset, status, kNow + std::chrono::hours(1)));
}

TEST(SetStatusTest, InUseIsShownOnlyWhileItMatters) {
  const auto shows_in_use = [](const kube::Json& dataset) {
    return dataset.dump().find("\"InUse\"") != std::string::npos;
  };
  kube::Json dataset = kube::MakeObject(kDatasets, {"ns", "weights"});
  DatasetObservation seen = Bound();
  SetStatus(dataset, DescribeDataset(seen), kNow);
  EXPECT_FALSE(shows_in_use(dataset));
  seen.pods = {"a"};
  EXPECT_TRUE(SetStatus(dataset, DescribeDataset(seen), kNow));
  EXPECT_TRUE(shows_in_use(dataset));
  seen.pods.clear();
  EXPECT_TRUE(SetStatus(dataset, DescribeDataset(seen), kNow));
  EXPECT_THAT(dataset.dump(), HasSubstr("NotInUse"));
}

TEST(EventsTest, EachTransitionIsToldOnce) {
  kube::Json dataset = kube::MakeObject(kDatasets, {"ns", "weights"});
  const auto tell = [&](const DatasetObservation& seen, bool inline_keys) {
    const DatasetStatus next = DescribeDataset(seen);
    dataset::ResolvedSpec spec;
    if (inline_keys) {
      dataset::BucketSource bucket;
      bucket.config.access_key_id = SecretString("AKID");
      spec.source = bucket;
    }
    auto events = EventsFor(dataset, next, NotesOn(spec));
    SetStatus(dataset, next, kNow);
    std::vector<std::string> reasons;
    for (const auto& event : events) {
      reasons.push_back((event.warning ? "!" : "") + event.reason);
    }
    return reasons;
  };
  DatasetObservation seen = Fresh();
  EXPECT_THAT(tell(seen, true), ElementsAre("!InlineCredentials"));
  EXPECT_THAT(tell(seen, true), IsEmpty());

  seen = Bound();
  seen.claim.phase = ClaimPhase::kPending;
  seen.report = VolumeReport{.reason = "Unreachable", .message = "no answer"};
  EXPECT_THAT(tell(seen, false), ElementsAre("!Unreachable"));
  EXPECT_THAT(tell(seen, false), IsEmpty());
  seen.report->message = "another host gives no answer";
  EXPECT_THAT(tell(seen, false), ElementsAre("!Unreachable"));

  EXPECT_THAT(tell(Bound(), false), ElementsAre("Bound"));
  EXPECT_THAT(tell(Bound(), false), IsEmpty());
  seen = Bound();
  seen.generation = 2;
  EXPECT_THAT(tell(seen, true), ElementsAre("!InlineCredentials"));
  seen.being_deleted = true;
  EXPECT_THAT(tell(seen, false), IsEmpty());
  seen.pods = {"a"};
  EXPECT_THAT(tell(seen, false), ElementsAre("!InUse"));
}

}  // namespace
}  // namespace datashim::controllers
