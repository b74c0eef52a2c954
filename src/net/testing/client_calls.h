// Calls and scripts that the tests of the HTTP client share.

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "base/check.h"
#include "net/http_client.h"
#include "net/testing/scripted_server.h"

namespace datashim::net {

inline constexpr std::size_t kTestBodyBytesMax = 1u << 20;

inline std::unique_ptr<HttpClient> MakeTestClient(
    HttpClientOptions options = {}) {
  auto client = HttpClient::Make(std::move(options));
  DS_CHECK(client.ok());
  return std::move(client).value();
}

/// GET or another method of "/x?y=z" on the loopback, within 10 s.
inline HttpCall CallTo(std::uint16_t port, std::string method = "GET") {
  HttpCall call;
  call.method = std::move(method);
  call.origin = {false, "127.0.0.1", port};
  call.target = "/x?y=z";
  call.deadline = Deadline::After(std::chrono::seconds(10));
  return call;
}

/// Answers every request of every connection with the same bytes.
inline ScriptedServer::Script AnswerAlways(std::string answer) {
  return [answer](ScriptedConnection& connection, int) {
    while (!connection.ReadRequest().empty()) connection.Send(answer);
  };
}

/// Answers once and closes.
inline ScriptedServer::Script AnswerOnce(std::string answer) {
  return [answer](ScriptedConnection& connection, int) {
    if (!connection.ReadRequest().empty()) connection.Send(answer);
  };
}

}  // namespace datashim::net
