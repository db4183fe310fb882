// files: src/base/descriptor.cc src/base/status.cc src/base/utf8.cc
// files: src/net/ipld/base_n.cc src/net/ipld/cid.cc src/net/ipld/dag_cbor.cc src/net/ipld/varint.cc
// files: src/net/ipld/car.cc src/net/ipld/unixfs.cc src/net/ipld/dag_reader.cc
//
// A CAR, and the files and folders in it. Hashes are not looked at, so that blocks may link in
// circles: only limits end the walk.
#include "net/ipld/car.h"

#include <algorithm>
#include <map>

#include "net/ipld/dag_reader.h"
#include "tests/fuzz/fuzz.h"

namespace millrace::fuzz {
namespace {

constexpr ipld::DagLimits kLimits = {.parts = 1000, .entries = 300, .bytes = 100'000};

class Blocks : public ipld::BlockSource {
 public:
  Result<std::string> Get(const ipld::Cid& cid) override {
    auto found = blocks.find(std::string(cid.multihash()));
    if (found == blocks.end()) return NotFound("no such block");
    return found->second;
  }
  std::map<std::string, std::string> blocks;
};

void WalkFolder(ipld::DagReader& dag, const ipld::Cid& cid, int depth) {
  Result<ipld::DagReader::Node> node = dag.Open(cid);
  if (!node.ok() || depth > 20) return;
  if (!node->folder) {
    uint64_t bytes = 0;
    auto take = [&](std::string_view part) {
      bytes += part.size();
      return Status::Ok();
    };
    bool whole = dag.Read(cid, take, {}).ok();
    Must(bytes <= kLimits.bytes, "no more bytes than the limit");
    Must(!whole || bytes == node->file_size, "a file has the size that it declares");
    return;
  }
  Result<std::vector<ipld::DagEntry>> entries = dag.Entries(*node);
  if (!entries.ok()) return;
  Must(entries->size() <= size_t(kLimits.entries), "no more entries than the limit");
  for (const ipld::DagEntry& entry : *entries) {
    Must(ipld::CheckEntryName(entry.name).ok(), "a name that does no harm");
    WalkFolder(dag, entry.cid, depth + 1);
  }
}

void Check(std::string_view bytes) {
  size_t at = 0;
  auto read = [&](char* to, size_t most) -> Result<size_t> {
    size_t size = std::min(most, bytes.size() - at);
    bytes.copy(to, size, at);
    at += size;
    return size;
  };
  ipld::CarReader reader(read);
  if (!reader.Open().ok()) return;
  Blocks source;
  for (;;) {
    Result<std::optional<ipld::CarBlock>> block = reader.Next();
    if (!block.ok()) return;
    if (!*block) break;
    Must(size_t((*block)->offset) + (*block)->data.size() <= bytes.size(), "a block lies in it");
    source.blocks[std::string((*block)->cid.multihash())] = (*block)->data;
  }
  for (const ipld::Cid& root : reader.roots()) {
    ipld::DagReader dag(source, kLimits);
    WalkFolder(dag, root, 0);
  }
}

}  // namespace
}  // namespace millrace::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  millrace::fuzz::Check(millrace::fuzz::Text(data, size));
  return 0;
}
