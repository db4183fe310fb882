// rooms: base
// files: src/net/ucan/did.cc src/net/ipld/base_n.cc src/net/ipld/varint.cc src/proof/manifest.cc src/store/store.cc
//
// The manifest of a run, signed or not: what is read is written again as it was, and limits hold.
#include "proof/manifest.h"

#include "tests/fuzz/fuzz.h"

namespace millrace::fuzz {
namespace {

void Check(std::string_view bytes) {
  Result<proof::Manifest> plain = proof::ReadManifest(bytes);
  if (plain.ok()) Must(proof::WriteManifest(*plain) == bytes, "there is one way to write it");
  Result<proof::Sealed> sealed = proof::OpenManifest(bytes);
  if (!sealed.ok()) return;
  static const Ed25519Key kKey = Ed25519Key::FromSeed(std::string(32, '\x42'));
  Result<proof::Sealed> again = proof::OpenManifest(proof::SealManifest(sealed->manifest, kKey));
  Must(again.ok() && again->is_authentic, "what is signed anew is authentic");
}

}  // namespace
}  // namespace millrace::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  millrace::fuzz::Check({reinterpret_cast<const char*>(data), size});
  return 0;
}
