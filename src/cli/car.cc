// millrace car pack | ls | verify | unpack
#include <atomic>
#include <memory>

#include "cli/command.h"
#include "cli/work_line.h"
#include "cli/words.h"
#include "net/ipld/car_files.h"
#include "net/ipld/car_writer.h"
#include "net/ipld/dag_reader.h"
#include "net/ipld/pack.h"
#include "net/ipld/unpack.h"

namespace millrace {

namespace {

using ipld::Cid;

struct CarArguments {
  std::vector<std::string> paths;
  std::string output, shard_size, max_size;
  int max_entries = 0;
  bool keep_duplicates = false, no_wrap = false, hidden = false, blocks = false, force = false;
};

// --- pack

// For the root alone.
class NoBlocks : public ipld::BlockSink {
 public:
  Status Put(const Cid&, std::string_view) override { return Status::Ok(); }
};

Result<ipld::Packed> PackInto(Invocation& invocation, const CarArguments& arguments,
                              ipld::BlockSink& sink) {
  ipld::PackProgress progress;
  WorkLine line(invocation, "packing", progress.bytes);
  ipld::PackOptions options{.deduplicate = !arguments.keep_duplicates};
  options.walk = {.wrap = !arguments.no_wrap, .hidden = arguments.hidden};
  return ipld::Pack(arguments.paths, options, sink, invocation.signals.stop(), &progress);
}

std::string Summary(const ipld::Packed& packed) {
  return "  " + Counted(packed.files, "file") + ", " + FormatBytes(packed.bytes) + ", " +
         Counted(packed.blocks, "block") + "\n";
}

Result<int> PackShards(Invocation& invocation, const CarArguments& arguments) {
  Result<int64_t> size = ParseBytes(arguments.shard_size);
  if (!size.ok()) return size.status().In("--shard-size");
  if (*size < static_cast<int64_t>(ipld::kMinShardSize))
    return Invalid("--shard-size: at least " + BytesText(ipld::kMinShardSize));
  ipld::ShardWriter writer(arguments.output, {.size = static_cast<uint64_t>(*size)});
  ipld::Packed packed = TRY(PackInto(invocation, arguments, writer));
  ipld::Shards done = TRY(writer.Finish(packed.root));
  std::string text = packed.root.Text() + "\n" + Summary(packed);
  for (const ipld::ShardFile& shard : done.shards)
    text += "  " + shard.path + "  " + shard.cid.Text() + "  " + FormatCount(shard.size) + " B\n";
  text += "  " + done.index.path + "  " + done.index.cid.Text() + "  " +
          FormatCount(done.index.size) + " B\n";
  invocation.terminal.Print(text);
  return kExitDone;
}

Result<int> PackCar(Invocation& invocation, const CarArguments& arguments) {
  if (arguments.output.empty()) {
    if (!arguments.shard_size.empty()) return Invalid("--shard-size needs -o FILE.car");
    NoBlocks nowhere;
    ipld::Packed packed = TRY(PackInto(invocation, arguments, nowhere));
    invocation.terminal.Print(packed.root.Text() + "\n" + Summary(packed));
    return kExitDone;
  }
  if (!arguments.shard_size.empty()) return PackShards(invocation, arguments);
  ipld::CarWriter writer(arguments.output);
  ipld::Packed packed = TRY(PackInto(invocation, arguments, writer));
  int64_t size = TRY(writer.Finish(packed.root));
  invocation.terminal.Print(packed.root.Text() + "\n" + Summary(packed) + "  " + arguments.output +
                            "  " + FormatCount(size) + " B\n");
  return kExitDone;
}

// --- the readers

Result<ipld::CarFiles> OpenFiles(Invocation& invocation, const std::vector<std::string>& paths,
                                 bool verify) {
  if (paths.empty()) return Invalid("name a CAR file");
  std::atomic<int64_t> bytes = 0;
  WorkLine line(invocation, "reading", bytes);
  return ipld::CarFiles::Open(paths, {.verify = verify, .bytes = &bytes},
                              invocation.signals.stop());
}

Result<ipld::CarFiles> OpenRooted(Invocation& invocation, const std::vector<std::string>& paths) {
  ipld::CarFiles files = TRY(OpenFiles(invocation, paths, false));
  if (files.roots().empty())
    return Invalid("no root is named in " + paths.front(),
                   "of several shards the last one names it: name all of them");
  return files;
}

// An archive of a few bytes does not fill the disk, though its blocks may be used many times: 100
// times the archive and a gigabyte, and ten times the entries that find room in it.
Result<ipld::DagLimits> LimitsOf(const CarArguments& arguments, int64_t archive) {
  ipld::DagLimits limits;
  limits.bytes = static_cast<uint64_t>(archive) * 100 + 1'000'000'000;
  limits.entries = arguments.max_entries > 0 ? arguments.max_entries : 10'000 + archive / 4;
  if (arguments.max_size.empty()) return limits;
  Result<int64_t> size = ParseBytes(arguments.max_size);
  if (!size.ok()) return size.status().In("--max-size");
  limits.bytes = static_cast<uint64_t>(*size);
  return limits;
}

Status ListFolder(Invocation& invocation, ipld::DagReader& dag, const Cid& cid,
                  const std::string& path, int depth) {
  if (invocation.signals.stop().stop_requested()) return Canceled();
  if (depth > dag.limits().folder_depth) return Invalid(path + ": folders too deep in each other");
  Result<ipld::DagReader::Node> node = dag.Open(cid);
  if (!node.ok()) return node.status().In(path.empty() ? "the root" : Printable(path));
  std::string size = node->folder ? "-" : std::to_string(node->file_size);
  std::string name = path.empty() ? "." : Printable(path);
  invocation.terminal.Print(cid.Text() + "\t" + size + "\t" + name + (node->folder ? "/" : "") +
                            "\n");
  if (!node->folder) return Status::Ok();
  for (const ipld::DagEntry& entry : TRY(dag.Entries(*node))) {
    TRY(ListFolder(invocation, dag, entry.cid, path.empty() ? entry.name : path + "/" + entry.name,
                   depth + 1));
  }
  return Status::Ok();
}

Status ListBlocks(Invocation& invocation, const std::string& path) {
  Descriptor file = TRY(ipld::OpenCar(path));
  ipld::CarReader reader(ipld::ReadFrom(file.get(), path));
  TRY(reader.Open().In(path));
  for (const Cid& root : reader.roots()) invocation.terminal.Print(root.Text() + "\troot\n");
  for (;;) {
    if (invocation.signals.stop().stop_requested()) return Canceled();
    Result<std::optional<ipld::CarBlock>> block = reader.Next();
    if (!block.ok()) return block.status().In(path);
    if (!*block) return Status::Ok();
    invocation.terminal.Print((*block)->cid.Text() + "\t" + std::to_string((*block)->offset) +
                              "\t" + std::to_string((*block)->data.size()) + "\n");
  }
}

Result<int> ListCar(Invocation& invocation, const CarArguments& arguments) {
  if (arguments.blocks) {
    if (arguments.paths.empty()) return Invalid("name a CAR file");
    for (const std::string& path : arguments.paths) TRY(ListBlocks(invocation, path));
    return kExitDone;
  }
  ipld::CarFiles files = TRY(OpenRooted(invocation, arguments.paths));
  ipld::DagReader dag(files, TRY(LimitsOf(arguments, files.bytes())));
  for (const Cid& root : files.roots()) TRY(ListFolder(invocation, dag, root, "", 0));
  return kExitDone;
}

Result<int> VerifyCar(Invocation& invocation, const CarArguments& arguments) {
  ipld::CarFiles files = TRY(OpenFiles(invocation, arguments.paths, true));
  ipld::DagCheck check = TRY(ipld::CheckDag(files, files.roots(), invocation.signals.stop()));
  std::string text;
  for (const Cid& root : files.roots()) text += root.Text() + "  root\n";
  text += "  " + Counted(static_cast<int64_t>(files.blocks()), "block") + ", " +
          FormatBytes(files.bytes()) + ": every hash is right\n";
  if (check.not_followed > 0)
    text += "  " + Counted(check.not_followed, "block") + " of a codec that is not followed\n";
  invocation.terminal.Print(text);
  if (files.roots().empty())
    return Status(Code::kRejected, "no root is named",
                  "of several shards the last one names it: name all of them");
  if (check.missing == 0) {
    invocation.terminal.Print("  complete: all that the roots lead to is there\n");
    return kExitDone;
  }
  std::string missing;
  for (const Cid& cid : check.some_missing) missing += "\n  " + cid.Text();
  return Status(Code::kRejected,
                Counted(check.missing, "block") + " that the roots lead to are missing:" + missing,
                "name all shards of it");
}

Result<int> UnpackCar(Invocation& invocation, const CarArguments& arguments) {
  if (arguments.output.empty()) return Invalid("say where to: -o FOLDER");
  ipld::CarFiles files = TRY(OpenRooted(invocation, arguments.paths));
  std::atomic<int64_t> bytes = 0;
  ipld::UnpackOptions options{.overwrite = arguments.force, .bytes = &bytes};
  options.limits = TRY(LimitsOf(arguments, files.bytes()));
  ipld::Unpacked sum;
  {
    WorkLine line(invocation, "unpacking", bytes);
    for (const Cid& root : files.roots()) {
      // Several roots: each is a folder of its own.
      std::string folder = arguments.output;
      if (files.roots().size() > 1 && root.codec() != ipld::kRaw) folder += "/" + root.Text();
      ipld::Unpacked done =
          TRY(ipld::Unpack(files, root, folder, options, invocation.signals.stop()));
      sum.files += done.files;
      sum.bytes += done.bytes;
    }
  }
  invocation.terminal.Print(arguments.output + ": " + Counted(sum.files, "file") + ", " +
                            FormatBytes(sum.bytes) + "\n");
  return kExitDone;
}

Action Calling(std::shared_ptr<CarArguments> given,
               Result<int> (*call)(Invocation&, const CarArguments&)) {
  return [given, call](Invocation& invocation) { return call(invocation, *given); };
}

}  // namespace

Action DeclareCar(Options& options) {
  options.Note(
      "A CAR holds blocks that are named by their hashes: files and folders as IPFS has them.");
  options.Example("millrace car pack results/ -o results.car", "a folder as one archive");
  options.Example("millrace car unpack results.car -o copy", "and back");
  return [](Invocation&) -> Result<int> {
    return Invalid("car needs a subcommand", "pack, ls, verify or unpack");
  };
}

Action DeclarePackCar(Options& options) {
  auto given = std::make_shared<CarArguments>();
  options.Arguments("PATH", &given->paths, "Files and folders; of one folder, what is in it");
  options.Value("-o,--output", "FILE.car", &given->output,
                "The archive, which is replaced; without it only the root CID is told");
  options.Value("--shard-size", "SIZE", &given->shard_size,
                "Archives of at most this size, FILE.1.car …, and FILE.index.car that says where "
                "in them each block is");
  options.Flag("--no-wrap", &given->no_wrap, "A single file is the root itself, not in a folder");
  options.Flag("--keep-duplicates", &given->keep_duplicates,
               "Equal blocks are written as often as they occur, as ipfs-car does; same root");
  options.Flag("--hidden", &given->hidden, "Names that begin with '.', too");
  options.Note(
      "The root CID is the one that ipfs-car and Storacha's client give: chunks of 1 MiB, raw\n"
      "leaves, nodes of 1024 links, a HAMT above 1000 entries. Folders without files are left "
      "out.");
  options.Example("millrace car pack results/ -o results.car", "a folder as one archive");
  options.Example("millrace car pack big.parquet --shard-size 127MiB -o big.car",
                  "shards for an upload");
  options.Example("millrace car pack report.pdf --no-wrap", "which CID a file has");
  return Calling(given, PackCar);
}

Action DeclareListCar(Options& options) {
  auto given = std::make_shared<CarArguments>();
  options.Arguments("FILE", &given->paths, "CAR files; several are shards of one");
  options.Flag("--blocks", &given->blocks, "Every block: CID, offset, size");
  options.Value("--max-entries", "N", &given->max_entries,
                "Stop at more files and folders. Default: 10,000, and one for each 4 bytes of it");
  options.Example("millrace car ls results.car", "CID, size and path of each file");
  return Calling(given, ListCar);
}

Action DeclareVerifyCar(Options& options) {
  auto given = std::make_shared<CarArguments>();
  options.Arguments("FILE", &given->paths, "CAR files; several are shards of one");
  options.Note("Every block has its hash, and all that the roots lead to is there.");
  options.Example("millrace car verify big.1.car big.2.car", "two shards of one upload");
  return Calling(given, VerifyCar);
}

Action DeclareUnpackCar(Options& options) {
  auto given = std::make_shared<CarArguments>();
  options.Arguments("FILE", &given->paths, "CAR files; several are shards of one");
  options.Value("-o,--output", "FOLDER", &given->output, "Where to; made when it is missing");
  options.Flag("--force", &given->force, "Replace files that are there already");
  options.Value("--max-size", "SIZE", &given->max_size,
                "Stop when files take more. Default: 100 times the archive and 1 GB");
  options.Value("--max-entries", "N", &given->max_entries,
                "Stop at more files and folders. Default: 10,000, and one for each 4 bytes of it");
  options.Note(
      "Every hash is checked; nothing is written outside FOLDER. A file without a folder\n"
      "gets its CID as name.");
  options.Example("millrace car unpack results.car -o results", "the files of an archive");
  return Calling(given, UnpackCar);
}

}  // namespace millrace
