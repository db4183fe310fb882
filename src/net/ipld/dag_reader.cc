#include "net/ipld/dag_reader.h"

#include <algorithm>
#include <bit>

namespace millrace::ipld {

namespace {

Status TooDeep(const Cid& cid) {
  return Invalid(cid.Text() + ": nodes too deep in each other", "no ordinary program makes such");
}

// How many hex digits stand before the names of a HAMT.
Result<size_t> PrefixOf(const UnixFs& data) {
  if (!std::has_single_bit(data.fanout) || data.fanout < 8 || data.fanout > 1024)
    return Invalid("a HAMT of fanout " + std::to_string(data.fanout));
  return (static_cast<size_t>(std::bit_width(data.fanout - 1)) + 3) / 4;
}

// The sum of what a node holds and what its links declare.
Status CheckSizes(const DagReader::Node& node) {
  auto wrong = [&](const char* what) { return Invalid(node.cid.Text() + ": " + what); };
  if (node.data.block_sizes.size() != node.links.links.size())
    return wrong("it does not have a size for each link");
  uint64_t sum = node.data.data.size();
  for (uint64_t size : node.data.block_sizes) {
    if (size > INT64_MAX - sum) return wrong("its sizes are beyond 63 bits");
    sum += size;
  }
  // A leaf of some writers says nothing.
  bool silent = node.data.file_size == 0 && node.links.links.empty();
  if (sum != node.data.file_size && !silent) return wrong("its size is not the sum of its parts");
  return Status::Ok();
}

}  // namespace

Status CheckEntryName(std::string_view name) {
  if (name.empty()) return Invalid("an entry of a folder without a name");
  if (name == "." || name == "..")
    return Invalid("an entry of a folder is called '" + std::string(name) + "'");
  if (name.size() > 255) return Invalid("a name of more than 255 bytes");
  if (name.find('/') != name.npos) return Invalid("a name with '/' in it");
  if (name.find('\0') != name.npos) return Invalid("a name with a zero byte in it");
  return Status::Ok();
}

Result<DagReader::Node> DagReader::Open(const Cid& cid) {
  Node node{.cid = cid};
  if (cid.codec() != kRaw && cid.codec() != kDagPb)
    return Invalid(cid.Text() + " is no file or folder", "millrace car ls --blocks shows what is");
  std::string block = TRY(source_.Get(cid));
  if (cid.codec() == kRaw) {
    node.file_size = block.size();
    return node;
  }
  if (block.size() > limits_.node)
    return Invalid(cid.Text() + ": a node of " + std::to_string(block.size()) + " bytes: at most " +
                   std::to_string(limits_.node));
  auto in = [&](const Status& status) { return status.In(cid.Text()); };
  Result<PbNode> links = ReadDagPb(block);
  if (!links.ok()) return in(links.status());
  Result<UnixFs> data = ReadUnixFs(links->data);
  if (!data.ok()) return in(data.status());
  node.links = *std::move(links);
  node.data = *std::move(data);
  if (node.data.type == UnixFsType::kSymlink)
    return Invalid(cid.Text() + " is a symbolic link", "links are not followed and not made");
  if (node.data.type == UnixFsType::kMetadata)
    return Invalid(cid.Text() + " is metadata, no file or folder");
  node.folder = node.data.type == UnixFsType::kFolder || node.data.type == UnixFsType::kHamt;
  if (node.folder) return node;
  TRY(CheckSizes(node));
  node.file_size = std::max<uint64_t>(node.data.file_size, node.data.data.size());
  return node;
}

Status DagReader::AddEntries(const Node& node, int depth, std::vector<DagEntry>& entries) {
  if (depth > limits_.file_depth) return TooDeep(node.cid);
  bool hamt = node.data.type == UnixFsType::kHamt;
  if (depth > 0 && !hamt) return Invalid(node.cid.Text() + " is no part of a HAMT");
  size_t prefix = hamt ? TRY(PrefixOf(node.data)) : 0;
  for (const PbLink& link : node.links.links) {
    if (link.name.size() < prefix) return Invalid(node.cid.Text() + ": a HAMT without prefixes");
    if (++entries_ > limits_.entries)
      return {Code::kExhausted, "more than " + std::to_string(limits_.entries) + " entries",
              "raise the limit, if you trust it"};
    if (hamt && link.name.size() == prefix) {
      TRY(AddEntries(TRY(Open(link.cid)), depth + 1, entries));
      continue;
    }
    std::string name = link.name.substr(prefix);
    TRY(CheckEntryName(name).In(node.cid.Text()));
    entries.push_back({std::move(name), link.cid});
  }
  return Status::Ok();
}

Result<std::vector<DagEntry>> DagReader::Entries(const Node& folder) {
  std::vector<DagEntry> entries;
  TRY(AddEntries(folder, 0, entries));
  std::sort(entries.begin(), entries.end(),
            [](const DagEntry& a, const DagEntry& b) { return a.name < b.name; });
  for (size_t i = 1; i < entries.size(); ++i) {
    if (entries[i].name == entries[i - 1].name)
      return Invalid(folder.cid.Text() + ": two of its entries have one name");
  }
  return entries;
}

// A declared size that is wrong is found before the bytes are handed on.
Status DagReader::Count(const Cid& cid, uint64_t size, const uint64_t* expected) {
  if (expected && *expected != size)
    return Invalid(cid.Text() + " holds " + std::to_string(size) + " bytes of a file; " +
                   std::to_string(*expected) + " were declared");
  return Status::Ok();
}

Status DagReader::ReadPart(const Cid& cid, const uint64_t* expected, int depth, const Take& take,
                           std::stop_token& stop) {
  if (stop.stop_requested()) return Canceled();
  if (depth > limits_.file_depth) return TooDeep(cid);
  if (++parts_ > limits_.parts)
    return {Code::kExhausted, "files of more than " + std::to_string(limits_.parts) + " blocks"};
  auto hand_on = [&](std::string_view bytes) -> Status {
    bytes_ += bytes.size();
    if (bytes_ <= limits_.bytes) return bytes.empty() ? Status::Ok() : take(bytes);
    return {Code::kExhausted,
            "the files take more than " + std::to_string(limits_.bytes) + " bytes",
            "raise the limit, if you trust it"};
  };
  if (cid.codec() == kRaw) {
    std::string block = TRY(source_.Get(cid));
    TRY(Count(cid, block.size(), expected));
    return hand_on(block);
  }
  Node node = TRY(Open(cid));
  if (node.folder) return Invalid(cid.Text() + " is a folder, no part of a file");
  TRY(Count(cid, node.file_size, expected));
  TRY(hand_on(node.data.data));
  for (size_t i = 0; i < node.links.links.size(); ++i) {
    // Nothing is in it: to look would let a few blocks keep us busy for ever.
    if (node.data.block_sizes[i] == 0) continue;
    TRY(ReadPart(node.links.links[i].cid, &node.data.block_sizes[i], depth + 1, take, stop));
  }
  return Status::Ok();
}

Status DagReader::Read(const Cid& file, const Take& take, std::stop_token stop) {
  return ReadPart(file, nullptr, 0, take, stop);
}

}  // namespace millrace::ipld
