// Credentials of an EC2 instance's role, by version 2 of its metadata service.
// Version 1, which any request forged on the machine can use, is not spoken.

#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "credentials/source.h"

namespace datashim::credentials {

inline constexpr char kInstanceMetadataUrl[] = "http://169.254.169.254";

/// @return kInvalidArgument if the URL does not parse.
Result<std::unique_ptr<CredentialSource>> MakeInstanceCredentials(
    const std::string& url = kInstanceMetadataUrl,
    Clock& clock = SystemClock());

}  // namespace datashim::credentials
