// files: src/base/descriptor.cc src/base/status.cc src/base/utf8.cc
// files: src/net/ipld/base_n.cc src/net/ipld/cid.cc src/net/ipld/dag_cbor.cc src/net/ipld/varint.cc
//
// A value in DAG-CBOR: there is one way only to write it.
#include "net/ipld/dag_cbor.h"
#include "tests/fuzz/fuzz.h"

namespace millrace::fuzz {
namespace {

void Check(std::string_view bytes) {
  Result<ipld::Value> value = ipld::ReadDagCbor(bytes);
  Result<std::vector<ipld::Cid>> links = ipld::LinksOfDagCbor(bytes);
  Must(value.ok() == links.ok(), "both readers take the same bytes");
  if (!value.ok()) return;
  Result<std::string> again = ipld::WriteDagCbor(*value);
  Must(again.ok() && *again == bytes, "what is read is written the same");
  for (const ipld::Cid& cid : *links) {
    Result<ipld::Cid> back = ipld::Cid::Parse(cid.Text());
    Must(back.ok() && *back == cid, "the text of a CID is read back");
  }
}

}  // namespace
}  // namespace millrace::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  millrace::fuzz::Check(millrace::fuzz::Text(data, size));
  return 0;
}
