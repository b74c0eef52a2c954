// Sha256: the digest of bytes that come piece by piece.

#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace datashim::archive {

/// Thread-compatible.
class Sha256 {
 public:
  Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  ~Sha256();

  void Add(std::span<const std::byte> bytes);
  /// Lower-case hex. Call it once, at the end.
  std::string Finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace datashim::archive
