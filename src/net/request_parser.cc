#include "net/request_parser.h"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/optional.hpp>
#include <string>
#include <utility>

#include "base/strings.h"

namespace datashim::net {

namespace http = boost::beast::http;
using boost::beast::error_code;
using BeastText = boost::beast::string_view;

class RequestParser::Impl final : public http::basic_parser<true> {
 public:
  Impl(std::size_t header_bytes_max, std::size_t body_bytes_max) {
    header_limit(static_cast<std::uint32_t>(header_bytes_max));
    body_limit(body_bytes_max);
    eager(true);
  }

  HttpRequest request_;

 private:
  void on_request_impl(http::verb, BeastText method, BeastText target, int,
                       error_code&) override {
    request_.method.assign(method.data(), method.size());
    const std::string_view text(target.data(), target.size());
    const std::size_t mark = std::min(text.find('?'), text.size());
    request_.path = text.substr(0, mark);
    if (mark < text.size()) request_.query = text.substr(mark + 1);
  }
  void on_response_impl(int, BeastText, int, error_code&) override {}
  void on_field_impl(http::field, BeastText name, BeastText value,
                     error_code&) override {
    request_.headers.Add({name.data(), name.size()},
                         {value.data(), value.size()});
  }
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&,
                         error_code&) override {}
  std::size_t on_body_impl(BeastText body, error_code&) override {
    request_.body.append(body.data(), body.size());
    return body.size();
  }
  void on_chunk_header_impl(std::uint64_t, BeastText, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, BeastText body,
                                 error_code& error) override {
    return on_body_impl(body, error);
  }
  void on_finish_impl(error_code&) override {}
};

RequestParser::RequestParser(std::size_t header_bytes_max,
                             std::size_t body_bytes_max)
    : impl_(std::make_unique<Impl>(header_bytes_max, body_bytes_max)) {}
RequestParser::~RequestParser() = default;

Result<std::size_t> RequestParser::Parse(std::string_view bytes) {
  std::size_t total = 0;
  while (!done() && total < bytes.size()) {
    error_code error;
    const std::string_view rest = bytes.substr(total);
    const std::size_t taken =
        impl_->put(boost::asio::const_buffer(rest.data(), rest.size()), error);
    total += taken;
    if (error == http::error::need_more) break;
    if (error == http::error::body_limit) {
      return Error{ErrorCode::kResourceExhausted, "the body is too large"};
    }
    if (error == http::error::header_limit) {
      return Error{ErrorCode::kOutOfRange, "the header is too large"};
    }
    if (error) {
      return Error{ErrorCode::kInvalidArgument,
                   "this is no HTTP request: " + error.message()};
    }
    if (taken == 0) break;
  }
  return total;
}

bool RequestParser::done() const { return impl_->is_done(); }

bool RequestParser::wants_continue() const {
  return impl_->is_header_done() && !done() &&
         EqualsIgnoreCase(impl_->request_.headers.Get("Expect"),
                          "100-continue");
}

bool RequestParser::keep_alive() const { return impl_->keep_alive(); }

HttpRequest RequestParser::TakeRequest() { return std::move(impl_->request_); }

}  // namespace datashim::net
