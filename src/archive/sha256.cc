#include "archive/sha256.h"

#include <openssl/evp.h>

#include <array>
#include <string_view>

#include "base/check.h"
#include "base/strings.h"

namespace datashim::archive {

struct Sha256::State {
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context{
      EVP_MD_CTX_new(), &EVP_MD_CTX_free};
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  DS_CHECK(EVP_DigestInit_ex(state_->context.get(), EVP_sha256(), nullptr) ==
           1);
}

Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;
Sha256::~Sha256() = default;

void Sha256::Add(std::span<const std::byte> bytes) {
  DS_CHECK(
      EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()) == 1);
}

std::string Sha256::Finish() {
  std::array<char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  DS_CHECK(EVP_DigestFinal_ex(state_->context.get(),
                              reinterpret_cast<unsigned char*>(digest.data()),
                              &size) == 1);
  return HexEncode({digest.data(), size});
}

}  // namespace datashim::archive
