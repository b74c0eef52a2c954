// SecretString: text that must not reach a log, an event, an argument list or
// a core file by accident.

#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace datashim {

/// Holds a key or token. Has no operator<<, no conversion to std::string, and
/// overwrites its bytes when it ends. Thread-compatible.
class SecretString {
 public:
  SecretString() = default;
  explicit SecretString(std::string value) : value_(std::move(value)) {}
  SecretString(const SecretString&) = default;
  SecretString(SecretString&& other) noexcept
      : value_(std::move(other.value_)) {
    other.Wipe();
  }
  SecretString& operator=(const SecretString& other);
  SecretString& operator=(SecretString&& other) noexcept;
  ~SecretString() { Wipe(); }

  /// The text itself. Each use is a place to review.
  const std::string& Reveal() const { return value_; }
  bool empty() const { return value_.empty(); }

  friend bool operator==(const SecretString& a, const SecretString& b) {
    return a.value_ == b.value_;
  }

 private:
  void Wipe() noexcept;
  std::string value_;
};

}  // namespace datashim
