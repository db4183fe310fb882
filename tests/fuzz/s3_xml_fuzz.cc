// files: src/net/s3/xml.cc
// rooms: base
// link: -laws-c-common -ldl -lm
//
// Any bytes as the XML that an S3 server answers: a tree no deeper than is allowed, or an error.
#include <string>

#include "net/s3/xml.h"
#include "tests/fuzz/fuzz.h"

namespace millrace::fuzz {
namespace {

size_t DepthOf(const s3::Xml& node) {
  size_t deepest = 0;
  for (const s3::Xml& child : node.children) deepest = std::max(deepest, DepthOf(child));
  return deepest + 1;
}

}  // namespace
}  // namespace millrace::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string text(reinterpret_cast<const char*>(data), size);
  auto tree = millrace::s3::ParseXml(text);
  if (tree.ok()) millrace::fuzz::Must(millrace::fuzz::DepthOf(*tree) <= 18, "depth is bounded");
  // What is escaped is read as it was.
  std::string safe;
  for (char c : text.substr(0, 100)) {
    if (static_cast<unsigned char>(c) >= ' ') safe += c;
  }
  auto back = millrace::s3::ParseXml("<a><b>" + millrace::s3::EscapeXml(safe) + "</b></a>");
  millrace::fuzz::Must(back.ok() && back->Text("b") == safe, "escaped text comes back");
  return 0;
}
