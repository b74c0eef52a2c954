#include "webhook/certificates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <deque>
#include <map>
#include <memory>
#include <utility>

namespace datashim::webhook {
namespace {

using std::chrono::hours;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const WallTime kStart{std::chrono::seconds(1'700'000'000)};
const std::vector<std::string> kNames =
    ServiceDnsNames("webhook-server", "dlf");

std::shared_ptr<BIO> Bio(const std::string& text) {
  return {BIO_new_mem_buf(text.data(), static_cast<int>(text.size())),
          BIO_free_all};
}

// What an API server does: would it accept `chain` for `host` at `now`?
bool IsTrusted(const std::string& ca_bundle, const std::string& chain,
               const std::string& host, WallTime now) {
  const std::shared_ptr<X509_STORE> store(X509_STORE_new(), X509_STORE_free);
  const auto bundle = Bio(ca_bundle);
  while (X509* ca =
             PEM_read_bio_X509(bundle.get(), nullptr, nullptr, nullptr)) {
    X509_STORE_add_cert(store.get(), ca);
    X509_free(ca);
  }
  const std::shared_ptr<X509> leaf(
      PEM_read_bio_X509(Bio(chain).get(), nullptr, nullptr, nullptr),
      X509_free);
  const std::shared_ptr<X509_STORE_CTX> context(X509_STORE_CTX_new(),
                                                X509_STORE_CTX_free);
  X509_STORE_CTX_init(context.get(), store.get(), leaf.get(), nullptr);
  X509_STORE_CTX_set_purpose(context.get(), X509_PURPOSE_SSL_SERVER);
  X509_VERIFY_PARAM* parameters = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_time(parameters,
                             std::chrono::system_clock::to_time_t(now));
  X509_VERIFY_PARAM_set1_host(parameters, host.data(), host.size());
  X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_X509_STRICT);
  return X509_verify_cert(context.get()) == 1;
}

CertificateSet NewSet(WallTime now = kStart) {
  auto set = Rotate({}, Rotation::kNewSet, kNames, now);
  EXPECT_TRUE(set.ok());
  return *std::move(set);
}

TEST(CertificatesTest, ANewSetIsTrustedByItsNameAndNoOther) {
  const CertificateSet set = NewSet();
  const std::string& leaf = set.server.certificate_pem;
  const std::string bundle = set.CaBundlePem();
  EXPECT_TRUE(IsTrusted(bundle, leaf, "webhook-server.dlf.svc", kStart));
  EXPECT_FALSE(IsTrusted(bundle, leaf, "webhook-server.kube.svc", kStart));
  EXPECT_FALSE(IsTrusted(NewSet().CaBundlePem(), leaf, "webhook-server.dlf.svc",
                         kStart));
  EXPECT_EQ(PlanRotation(set, kNames, kStart), Rotation::kNone);
}

TEST(CertificatesTest, AClockThatIsBehindDoesNotHurt) {
  const CertificateSet set = NewSet();
  EXPECT_TRUE(IsTrusted(set.CaBundlePem(), set.server.certificate_pem,
                        kNames[0], kStart - std::chrono::minutes(9)));
}

TEST(CertificatesTest, HasAllNames) {
  const std::vector<std::string> names = {"a.b.svc", "localhost"};
  const auto set = Rotate({}, Rotation::kNewSet, names, kStart);
  ASSERT_TRUE(set.ok());
  for (const std::string& name : names) {
    EXPECT_TRUE(IsTrusted(set->CaBundlePem(), set->server.certificate_pem, name,
                          kStart));
  }
  EXPECT_EQ(PlanRotation(*set, {"localhost", "a.b.svc"}, kStart),
            Rotation::kNone);
}

TEST(CertificatesTest, WhatIsStoredIsReadAgain) {
  CertificateSet set = NewSet();
  set.old_authority_pem = NewSet().authority.certificate_pem;
  const auto read = CertificateSet::FromSecretData(set.ToSecretData());
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(read->ToSecretData(), set.ToSecretData());
  EXPECT_EQ(read->CaBundlePem(),
            set.authority.certificate_pem + set.old_authority_pem);
}

TEST(CertificatesTest, ASetOfSomebodyElsesIsRefused) {
  const dataset::SecretData good = NewSet().ToSecretData();
  const dataset::SecretData other = NewSet().ToSecretData();
  for (const char* key : {"tls.crt", "tls.key", "ca.crt", "ca.key"}) {
    dataset::SecretData without = good;
    without.erase(key);
    const auto missing = CertificateSet::FromSecretData(without);
    ASSERT_FALSE(missing.ok()) << key;
    EXPECT_THAT(missing.error().message, StartsWith(std::string(key)));
    dataset::SecretData broken = good;
    broken[key] = SecretString("x");
    EXPECT_FALSE(CertificateSet::FromSecretData(broken).ok()) << key;
    dataset::SecretData mixed = good;
    mixed[key] = other.find(key)->second;
    EXPECT_FALSE(CertificateSet::FromSecretData(mixed).ok()) << key;
  }
  dataset::SecretData broken = good;
  broken["old-ca.crt"] = SecretString("x");
  EXPECT_FALSE(CertificateSet::FromSecretData(broken).ok());
  dataset::SecretData without_old = good;
  without_old.erase("old-ca.crt");
  EXPECT_TRUE(CertificateSet::FromSecretData(without_old).ok());
}

TEST(CertificatesTest, AnEncryptedKeyIsRefusedWithoutAsking) {
  dataset::SecretData data = NewSet().ToSecretData();
  data["tls.key"] = SecretString(
      "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n"
      "-----END ENCRYPTED PRIVATE KEY-----\n");
  EXPECT_FALSE(CertificateSet::FromSecretData(data).ok());
}

TEST(PlanRotationTest, ServerIsRenewedAtTwoThirds) {
  const CertificateSet set = NewSet();
  EXPECT_EQ(PlanRotation(set, kNames, kStart + hours(59 * 24)),
            Rotation::kNone);
  EXPECT_EQ(PlanRotation(set, kNames, kStart + hours(60 * 24)),
            Rotation::kNewServer);
  EXPECT_EQ(PlanRotation(set, kNames, kStart + hours(91 * 24)),
            Rotation::kNewServer);
}

TEST(PlanRotationTest, ReplacesAtOnceWhatIsWrong) {
  CertificateSet set = NewSet();
  EXPECT_EQ(PlanRotation(set, {"other.dlf.svc"}, kStart), Rotation::kNewServer);
  EXPECT_EQ(PlanRotation(set, {}, kStart), Rotation::kNewServer);
  EXPECT_EQ(PlanRotation(set, kNames, kStart - hours(1)), Rotation::kNewSet);
  EXPECT_EQ(PlanRotation(set, kNames, kStart + kAuthorityLife + hours(1)),
            Rotation::kNewSet);
  EXPECT_EQ(PlanRotation({}, kNames, kStart), Rotation::kNewSet);
  set.server = NewSet().server;
  EXPECT_EQ(PlanRotation(set, kNames, kStart), Rotation::kNewServer);
}

TEST(PlanRotationTest, AnAuthorityIsReplacedInSteps) {
  const WallTime due = kStart + hours(4 * 365 * 24);
  CertificateSet set = NewSet();
  const auto step = [&set](WallTime now, Rotation expected) {
    const Rotation rotation = PlanRotation(set, kNames, now);
    EXPECT_EQ(rotation, expected);
    auto next = Rotate(set, rotation, kNames, now);
    ASSERT_TRUE(next.ok());
    set = *std::move(next);
  };
  set.server = Rotate(set, Rotation::kNewServer, kNames, due)->server;
  step(due, Rotation::kNewAuthority);
  EXPECT_FALSE(set.old_authority_pem.empty());
  step(due + hours(23), Rotation::kNone);
  step(due + hours(24), Rotation::kNewServer);
  step(due + hours(47), Rotation::kNone);
  step(due + hours(48), Rotation::kForgetOldAuthority);
  EXPECT_TRUE(set.old_authority_pem.empty());
  step(due + hours(48), Rotation::kNone);
}

// Seven years with a leader that looks every six hours while something goes on
// and every three days otherwise, and replicas and an API server that learn of
// it up to 18 hours late.
TEST(RotationPropertyTest, AtNoTimeIsTheWebhookDistrusted) {
  constexpr std::size_t kLateness = 3;
  constexpr int kQuietAfter = 10;
  std::deque<CertificateSet> recent(kLateness + 1, NewSet());
  std::map<Rotation, int> seen;
  int quiet = 0;
  for (WallTime now = kStart; now < kStart + hours(7 * 365 * 24);
       now += quiet < kQuietAfter ? hours(6) : hours(72)) {
    const Rotation rotation = PlanRotation(recent.back(), kNames, now);
    ++seen[rotation];
    quiet = rotation == Rotation::kNone ? quiet + 1 : 0;
    auto next = Rotate(recent.back(), rotation, kNames, now);
    ASSERT_TRUE(next.ok()) << next.error().message;
    recent.push_back(*std::move(next));
    recent.pop_front();
    for (const CertificateSet* told : {&recent.front(), &recent.back()}) {
      for (const CertificateSet* shown : {&recent.front(), &recent.back()}) {
        ASSERT_TRUE(IsTrusted(told->CaBundlePem(),
                              shown->server.certificate_pem, kNames[0], now))
            << "rotation " << static_cast<int>(rotation);
      }
    }
  }
  EXPECT_EQ(seen[Rotation::kNewSet], 0);
  EXPECT_EQ(seen[Rotation::kNewAuthority], 2);
  EXPECT_EQ(seen[Rotation::kForgetOldAuthority], 2);
  EXPECT_GT(seen[Rotation::kNewServer], 40);
}

TEST(ServiceDnsNamesTest, IsWhatTheApiServerAsksFor) {
  EXPECT_THAT(ServiceDnsNames("webhook-server", "dlf"),
              ::testing::ElementsAre("webhook-server.dlf.svc"));
}

}  // namespace
}  // namespace datashim::webhook
