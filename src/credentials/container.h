// Container credentials: the endpoint that ECS tasks and EKS Pod Identity
// offer, on the machine itself or over https.

#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "credentials/source.h"
#include "net/url.h"

namespace datashim::credentials {

/// ECS's agent; the address that relative URIs are of.
inline constexpr char kEcsAgentUrl[] = "http://169.254.170.2";
/// The endpoint of EKS's Pod Identity Agent, on every node that has one.
inline constexpr char kPodIdentityUrl[] =
    "http://169.254.170.23/v1/credentials";

/// Whether an authorization token may be sent there: over https anywhere, over
/// http to loopback and to the agents' addresses. Pure.
/// @return kInvalidArgument.
Status CheckContainerUrl(const net::Url& url);

/// @param url checked as above; may have a query.
/// @param token the value of the Authorization field; null: none.
Result<std::unique_ptr<CredentialSource>> MakeContainerCredentials(
    const std::string& url, TokenReader token, Clock& clock = SystemClock());

}  // namespace datashim::credentials
