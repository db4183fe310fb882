#include "connect/content/content_source.h"

#include <algorithm>
#include <filesystem>

#include "base/file_copy.h"
#include "base/hash.h"
#include "base/scratch_folder.h"
#include "base/text.h"
#include "connect/file/reading.h"
#include "net/ipld/car_files.h"
#include "net/ipld/unpack.h"

namespace millrace::content {

namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMostBlock = uint64_t{8} << 20;  // bytes: what the network's tools refuse, too

// Blocks of a gateway, one by one: https://specs.ipfs.tech/http-gateways/trustless-gateway/.
class GatewayBlocks final : public ipld::BlockSource {
 public:
  GatewayBlocks(http::Requester& gateway, const std::string& address, std::stop_token stop)
      : gateway_(gateway), address_(address), stop_(std::move(stop)) {}

  Result<std::string> Get(const ipld::Cid& cid) override {
    std::string block;
    http::Request request{.url = AtAddress(address_, "/ipfs/" + cid.Text()),
                          .query = {{"format", "raw"}},
                          .headers = {{"Accept", "application/vnd.ipld.raw"}}};
    request.on_body = [&](const http::Response&, http::BodyStream& bytes) -> Status {
      block.clear();
      std::string piece(size_t{64} << 10, '\0');
      while (size_t got = TRY(bytes.Read(piece.data(), piece.size()))) {
        block.append(piece, 0, got);
        if (block.size() > kMostBlock) return Status(Code::kExhausted, "a block is too large");
      }
      return Status::Ok();
    };
    TRY(gateway_.Send(std::move(request), stop_).status());
    Status right = cid.Verify(block);
    if (!right.ok()) return right.In(address_);
    return block;
  }

 private:
  http::Requester& gateway_;
  const std::string& address_;
  const std::stop_token stop_;
};

// Its position is the root: content that never changes, so a range is the same rows for ever.
class ContentSource final : public file::ReadingSource {
 public:
  ContentSource(ContentSourceConfig config, ConnectContext& context)
      : ReadingSource(config, context.state_folder, IdOf(config, context)),
        config_(std::move(config)),
        context_(context),
        scratch_(context.state_folder + "/staging",
                 "content-" + Sha256Hex(IdOf(config_, context)).substr(0, 12) + "-") {}

  Status Probe(std::stop_token stop) override {
    TRY(Root(stop).status());
    if (!config_.car.empty()) return Status::Ok();
    auto server = TRY(MakeRequester(config_, context_));
    if (config_.gateway.empty()) {
      http::Request request{.method = "POST", .url = AtAddress(config_.api, "/api/v0/version")};
      return server->Send(std::move(request), stop).status();
    }
    GatewayBlocks blocks(*server, config_.gateway, stop);
    return blocks.Get(TRY(Root(stop))).status();
  }

  Result<Position> Latest(const std::optional<Position>&, std::stop_token stop) override {
    return Position{TRY(Root(stop)).Text()};
  }

  Status Open(const Range& range, std::stop_token stop) override {
    Position end = range.end ? *range.end : TRY(Latest(range.begin, stop));
    ipld::Cid root = TRY(ipld::Cid::Parse(end.token));
    if (range.begin) TRY(ipld::Cid::Parse(range.begin->token).status());
    scratch_.Remove();
    local_.clear();
    TRY(scratch_.Make());
    // Also one that is not named any more: it is the same content as long as somebody has it.
    Status unpacked = Unpack(root, stop);
    if (unpacked.code() == Code::kNotFound)
      return Invalid(root.Text() + " is not there: " + unpacked.message(), unpacked.hint());
    TRY(std::move(unpacked));
    std::vector<file::FoundFile> found = TRY(Files(root, stop));
    bool same = range.begin && *range.begin == end;
    std::vector<file::ToRead> todo;
    for (const file::FoundFile& file : found) {
      local_[file.uri] = file.absolute;
      if (same) continue;
      std::string sha256 = TRY(CopyFile(file.absolute, "", stop)).sha256;
      todo.push_back({.file = file, .sha256 = std::move(sha256)});
    }
    return reading_.Open(std::move(todo), std::move(found), stop);
  }

  Result<LocalFile> FetchFile(const SourceFile& file, std::stop_token) override {
    auto found = local_.find(file.path);
    if (found == local_.end()) return NotFound(file.path + " is not of this range");
    return LocalFile(found->second);
  }

  Status Acknowledge(const Position& position) override {
    TRY(ReadingSource::Acknowledge(position));
    scratch_.Remove();
    return Status::Ok();
  }

  // Validation works offline.
  Result<std::optional<Schema>> Describe(Session&, std::stop_token) override {
    return std::optional<Schema>();
  }

  bool CanResume() const override { return false; }  // another root is read whole

 protected:
  Result<std::vector<file::FoundFile>> Telling(std::stop_token) override {
    return std::vector<file::FoundFile>();
  }

 private:
  static std::string IdOf(const ContentSourceConfig& config, const ConnectContext& context) {
    return context.task + "\n" + config.cid + "\n" + Join(config.car, "\n") + "\n" +
           Join(config.path, "\n");
  }

  std::vector<std::string> Cars() const {
    std::vector<std::string> paths;
    for (const std::string& path : config_.car)
      paths.push_back((fs::path(context_.folder) / path).lexically_normal().string());
    return paths;
  }

  // Configured, or the one that the CAR files name.
  Result<ipld::Cid> Root(std::stop_token) {
    std::string text = config_.cid;
    if (text.starts_with("ipfs://")) text = text.substr(7);
    if (!text.empty()) return ipld::Cid::Parse(text);
    std::vector<ipld::Cid> roots;
    for (const std::string& path : Cars()) {
      Descriptor file = TRY(ipld::OpenCar(path));
      ipld::CarReader reader(ipld::ReadFrom(file.get(), path));
      TRY(reader.Open().In(path));
      roots.insert(roots.end(), reader.roots().begin(), reader.roots().end());
    }
    if (roots.size() == 1) return roots.front();
    return Invalid(std::string(roots.empty() ? "no" : "more than one") + " root is named in " +
                       Join(config_.car, ", "),
                   roots.empty() ? "of several shards the last one names it: name all of them"
                                 : "say which one: `cid: …`");
  }

  // Every block is verified before anything is read from it.
  Status Unpack(const ipld::Cid& root, std::stop_token stop) {
    std::unique_ptr<http::Requester> server;
    std::vector<std::string> cars = Cars();
    bool raw = config_.gateway_format == GatewayForm::kRaw && !config_.gateway.empty();
    if (cars.empty()) {
      server = TRY(MakeRequester(config_, context_));
      cars = {scratch_.path() + "/content.car"};
      Status fetched = raw ? Status::Ok() : Fetch(*server, root, cars.front(), stop);
      bool may_be_raw =
          !config_.gateway.empty() && config_.gateway_format == GatewayForm::kAuto &&
          (fetched.code() == Code::kInvalid || fetched.code() == Code::kNotFound);
      if (!fetched.ok() && !may_be_raw) return fetched;
      raw = raw || !fetched.ok();
    }
    ipld::UnpackOptions options;
    options.limits.bytes = static_cast<uint64_t>(config_.max_size.count);
    options.limits.entries = config_.max_files;
    std::string folder = scratch_.path() + "/files";
    if (raw) {
      GatewayBlocks blocks(*server, config_.gateway, stop);
      return ipld::Unpack(blocks, root, folder, options, stop).status();
    }
    auto files = TRY(ipld::CarFiles::Open(cars, {.verify = !config_.car.empty()}, stop));
    Status status = ipld::Unpack(files, root, folder, options, stop).status();
    if (config_.car.empty()) fs::remove(cars.front());
    return status;
  }

  Status Fetch(http::Requester& server, const ipld::Cid& root, const std::string& to,
               std::stop_token stop) {
    bool node = config_.gateway.empty();
    http::Request request{.method = node ? "POST" : "GET",
                          .url = node ? AtAddress(config_.api, "/api/v0/dag/export")
                                      : AtAddress(config_.gateway, "/ipfs/" + root.Text())};
    if (node) {
      request.query = {{"arg", root.Text()}};
    } else {
      request.query = {{"format", "car"}};
      request.headers = {{"Accept", "application/vnd.ipld.car"}};
    }
    int64_t most = config_.max_size.count + config_.max_size.count / 50 + (64 << 20);
    request.on_body = SaveCar(to, most, stop, [this](int64_t done) {
      if (context_.progress) context_.progress("fetching", done, -1);
    });
    return server.Send(std::move(request), stop).status();
  }

  // Sorted; named <root>/<path below it>.
  Result<std::vector<file::FoundFile>> Files(const ipld::Cid& root, std::stop_token stop) {
    std::vector<file::FoundFile> found;
    fs::path folder = fs::path(scratch_.path()) / "files";
    std::error_code error;
    for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end;
         it.increment(error)) {
      if (stop.stop_requested()) return Canceled();
      if (!it->is_regular_file()) continue;
      std::string below = it->path().lexically_relative(folder).string();
      // A root that is a file has its CID as name.
      std::string name = below == root.Text() ? below : root.Text() + "/" + below;
      bool meant = config_.path.empty() || std::ranges::any_of(config_.path, [&](const auto& each) {
        return GlobMatch(each, below) || below.starts_with(each + "/");
      });
      if (meant)
        found.push_back({name, it->path().string(), static_cast<int64_t>(it->file_size()), Time(),
                         "ipfs://" + name});
    }
    if (error) return FromErrno("cannot read " + folder.string(), error.value());
    std::ranges::sort(found, {}, &file::FoundFile::path);
    if (found.empty())
      return NotFound("no file of " + root.Text() +
                          (config_.path.empty() ? "" : " matches " + Join(config_.path, ", ")),
                      "`millrace car ls` lists what a CAR file holds");
    return found;
  }

  const ContentSourceConfig config_;
  ConnectContext& context_;
  ScratchFolder scratch_;
  std::map<std::string, std::string> local_;  // of the opened range, by URI
};

}  // namespace

Spec<ContentSourceConfig> ContentSourceSpec() {
  Spec<ContentSourceConfig> spec(
      "ipfs source",
      "Files by their CID: from a Kubo node, from a gateway, or from CAR files. Whoever gives "
      "them, every block is held against its hash.");
  spec.Field("cid", &ContentSourceConfig::cid,
             "Of a folder or a file. Without it, with `car`: the root that the CAR file names.",
             {.example = "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi"})
      .Field("path", &ContentSourceConfig::path,
             "Which of its files: paths, folders or globs (* ? [..] and ** across folders). "
             "Default: all.",
             {.example = "\"data/*.csv\""})
      .Field("car", &ContentSourceConfig::car,
             "CAR files of this machine, all shards of the content, instead of a node; relative to "
             "the pipeline's folder.",
             {.example = "archive/results.car"});
  AddFormatFields(spec);
  spec.Field("connection",
             static_cast<std::string ContentSourceConfig::*>(&IpfsConfig::connection),
             kConnectionHelp)
      .Field("gateway_format", &ContentSourceConfig::gateway_format,
             "With `gateway`, which is asked instead of the node: car: all in one answer; raw: "
             "block by block; auto: raw where the gateway gives no CAR.")
      .Field("max_size", &ContentSourceConfig::max_size,
             "Of all files together: more is not fetched.", {.min = 1})
      .Field("max_files", &ContentSourceConfig::max_files, "More are not fetched.", {.min = 1});
  AddIpfsFields(spec);
  spec.Short("cid")
      .Example("From a gateway, verified",
               "from: {ipfs: {cid: bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi, "
               "gateway: \"https://ipfs.io\", path: \"*.csv\"}}")
      .Example("From an archive", "from: {ipfs: {car: archive/results.car, path: words.parquet}}")
      .Check([](const ContentSourceConfig& config) -> Status {
        std::string_view text = config.cid;
        if (text.starts_with("ipfs://")) text.remove_prefix(7);
        if (!text.empty()) return ipld::Cid::Parse(text).status();
        if (!config.car.empty()) return Status::Ok();
        return Invalid("'cid' or 'car' is missing", "say what is to be read");
      });
  return spec;
}

SourceTraits TraitsOfSource(const ContentSourceConfig&) {
  return {.pause = std::chrono::minutes(1)};
}

Result<std::unique_ptr<Source>> MakeContentSource(const ContentSourceConfig& config,
                                                  ConnectContext& context) {
  return std::unique_ptr<Source>(std::make_unique<ContentSource>(config, context));
}

}  // namespace millrace::content
