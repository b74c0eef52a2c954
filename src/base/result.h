// Result<T>: a value or an Error. The only way a function of this project
// reports an expected failure; see docs/adr/0001-errors-are-values.md.

#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/check.h"

namespace datashim {

/// The canonical gRPC codes, because CSI puts them on the wire. The other
/// worlds are mapped in one file each: fuse/errno_map, kube/error_map,
/// s3/error_map, csi/grpc_status_map.
enum class ErrorCode {
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,
  kUnauthenticated = 16,
};

/// The code's name as gRPC documents spell it, such as "NOT_FOUND".
std::string_view ErrorCodeName(ErrorCode code);

/// A failure that the caller is expected to handle.
struct Error {
  ErrorCode code = ErrorCode::kUnknown;
  /// "<what failed>: <why>", built outward: every caller puts what it was
  /// doing in front (see Error::Wrap). Never holds a secret.
  std::string message;

  /// The same error, its message led by "<context>: ".
  Error Wrap(std::string_view context) const;

  friend bool operator==(const Error&, const Error&) = default;
};

/// A T or an Error. Thread-compatible.
template <typename T>
class [[nodiscard]] Result {
 public:
  // Implicit on purpose: `return value;` and `return Error{...};` both read
  // like the plain return they are.
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  /// REQUIRES: ok(). A violation is a programmer error and aborts.
  T& value() & { return Checked<0>(state_); }
  const T& value() const& { return Checked<0>(state_); }
  T&& value() && { return std::move(Checked<0>(state_)); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }

  /// REQUIRES: !ok().
  const Error& error() const& { return Checked<1>(state_); }
  Error&& error() && { return std::move(Checked<1>(state_)); }

 private:
  template <std::size_t I, typename State>
  static auto& Checked(State& state) {
    DS_CHECK(state.index() == I);
    return *std::get_if<I>(&state);
  }

  std::variant<T, Error> state_;
};

/// For functions that have nothing to return but may fail.
using Status = Result<std::monostate>;
inline Status OkStatus() { return std::monostate{}; }

}  // namespace datashim

#define DS_CONCAT_INNER(a, b) a##b
#define DS_CONCAT(a, b) DS_CONCAT_INNER(a, b)

/// Evaluates a Status; returns its error from the enclosing function.
#define DS_RETURN_IF_ERROR(expr)                  \
  do {                                            \
    if (auto ds_status = (expr); !ds_status.ok()) \
      return std::move(ds_status).error();        \
  } while (false)

/// `DS_ASSIGN_OR_RETURN(auto x, Load());` binds the value or returns the error.
#define DS_ASSIGN_OR_RETURN(lhs, expr) \
  DS_ASSIGN_OR_RETURN_IMPL(DS_CONCAT(ds_result_, __LINE__), lhs, expr)
#define DS_ASSIGN_OR_RETURN_IMPL(result, lhs, expr)   \
  auto result = (expr);                               \
  if (!result.ok()) return std::move(result).error(); \
  lhs = std::move(result).value()
