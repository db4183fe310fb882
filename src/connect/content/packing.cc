#include "connect/content/packing.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <set>

#include "base/text.h"
#include "net/ipld/pack.h"

namespace millrace::content {

namespace {

namespace fs = std::filesystem;

// Tells how far packing is, by the blocks that come out.
class CountingBlocks : public ipld::BlockSink {
 public:
  CountingBlocks(ipld::BlockSink& sink, int64_t total, ConnectContext& context)
      : sink_(sink), total_(total), context_(context) {}
  Status Put(const ipld::Cid& cid, std::string_view block) override {
    TRY(sink_.Put(cid, block));
    done_ += static_cast<int64_t>(block.size());
    if (context_.progress) context_.progress("packing", std::min(done_, total_), total_);
    return Status::Ok();
  }

 private:
  ipld::BlockSink& sink_;
  const int64_t total_;
  ConnectContext& context_;
  int64_t done_ = 0;
};

}  // namespace

Result<std::vector<std::string>> NamesBelowRoot(const std::vector<std::string>& paths) {
  size_t common = std::string::npos;  // bytes of the folder that all have, with its slash
  for (const std::string& path : paths) {
    size_t slash = path.rfind('/');
    size_t folder = slash == path.npos ? 0 : slash + 1;
    if (common == std::string::npos) common = folder;
    std::string_view first(paths.front());
    size_t same = 0;
    while (same < std::min(common, folder) && first[same] == path[same]) ++same;
    size_t end = std::string_view(path).substr(0, same).rfind('/');
    common = end == std::string_view::npos ? 0 : end + 1;
  }
  std::vector<std::string> names;
  std::set<std::string> taken;
  for (const std::string& path : paths) {
    names.push_back(path.substr(common));
    if (names.back().empty()) return Invalid("'" + path + "' names no file");
    if (!taken.insert(names.back()).second)
      return Invalid("two files are named " + names.back() + ", one of them " + path);
  }
  return names;
}

Packing::Packing(const UploadConfig& config, const std::string& sink, ConnectContext& context)
    : config_(config),
      context_(context),
      folder_(Upload::FolderOfAll(context.state_folder), ".packing-" + sink + "-") {}

Status Packing::Make() {
  TRY(OpenLocalStorage(context_.state_folder)->MakeFolder("uploads"));
  return folder_.Make();
}

Result<std::string> Packing::PathOf(const std::string& name) {
  fs::path path = fs::path(folder_.path()) / "tree" / name;
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  if (error) return FromErrno("cannot make " + path.parent_path().string(), error.value());
  return path.string();
}

Status Packing::Place(const std::vector<OfferedFile>& files, std::stop_token stop) {
  std::vector<std::string> paths;
  for (const OfferedFile& offered : files) paths.push_back(offered.file.path);
  std::vector<std::string> names = TRY(NamesBelowRoot(paths));
  fetched_.reserve(files.size());
  for (size_t i = 0; i < files.size(); ++i) {
    const OfferedFile& offered = files[i];
    fetched_.push_back(offered.source ? TRY(offered.source->FetchFile(offered.file, stop))
                                      : LocalFile(offered.file.path));
    bool known = offered.file.size > 0 || offered.file.modified != Time();
    if (known && fetched_.back().path() == offered.file.path) here_.push_back(offered.file);
    std::error_code error;
    fs::create_symlink(fs::absolute(fetched_.back().path()), TRY(PathOf(names[i])), error);
    if (error) return FromErrno("cannot write into " + folder_.path(), error.value());
  }
  return Status::Ok();
}

// Each file becomes NAME.age; what is there by a link stays as it is.
Status Packing::Seal(const std::string& tree, std::stop_token stop) {
  const std::vector<age::Recipient> recipients = TRY(RecipientsOf(*config_.encrypt));
  std::vector<std::string> files;
  std::error_code error;
  for (fs::recursive_directory_iterator it(tree, error), end; !error && it != end;
       it.increment(error)) {
    if (!it->is_directory()) files.push_back(it->path().string());
  }
  // From the back: "a.age" goes out of the way before "a" takes its name.
  std::sort(files.rbegin(), files.rend());
  int64_t done = 0;
  for (const std::string& file : files) {
    if (context_.progress)
      context_.progress("encrypting", done++, static_cast<int64_t>(files.size()));
    TRY(age::EncryptFile(file, file + ".age", recipients, false, stop));
    fs::remove(file, error);
  }
  return error ? FromErrno("cannot write into " + tree, error.value()) : Status::Ok();
}

Result<PackedContent> Packing::Pack(std::stop_token stop) {
  std::string tree = folder_.path() + "/tree";
  if (config_.encrypt) {
    Status sealed = Seal(tree, stop);
    if (!sealed.ok()) return Full(sealed);
  }
  std::error_code error;
  for (fs::recursive_directory_iterator it(tree, error), end; !error && it != end;
       it.increment(error)) {
    if (it->is_regular_file()) bytes_ += static_cast<int64_t>(it->file_size());
  }
  ipld::ShardWriter writer(folder_.path() + "/data.car",
                           {.size = static_cast<uint64_t>(config_.shard_size.count), .sync = true});
  CountingBlocks counted(writer, bytes_, context_);
  ipld::PackOptions options;
  options.walk = {.wrap = config_.wrap, .hidden = true};
  Result<ipld::Packed> packed = ipld::Pack({tree}, options, counted, stop);
  if (!packed.ok()) return Full(packed.status());
  Result<ipld::Shards> content = writer.Finish(packed->root);
  if (!content.ok()) return Full(content.status());
  TRY(CheckUnchanged());
  fs::remove_all(tree, error);
  fetched_.clear();
  return PackedContent{*std::move(content), packed->files, packed->bytes};
}

// What is stored is what the commit's position says was taken.
Status Packing::CheckUnchanged() const {
  for (const SourceFile& file : here_) {
    struct stat now;
    if (::stat(file.path.c_str(), &now) != 0) return FromErrno("cannot read " + file.path, errno);
    Time modified(std::chrono::seconds(now.st_mtim.tv_sec) + Micros(now.st_mtim.tv_nsec / 1000));
    if (now.st_size == file.size && modified == file.modified) continue;
    return {Code::kUnavailable, file.path + " changed while it was packed",
            "it is taken again with the next attempt"};
  }
  return Status::Ok();
}

Status Packing::Full(const Status& status) const {
  if (status.code() != Code::kExhausted) return status;
  return Status(status.code(), status.message() + ": no room to pack " + FormatBytes(bytes_),
                "an upload takes as much room in " + Upload::FolderOfAll(context_.state_folder) +
                    " as its content, until it is safe: free some, and run again");
}

}  // namespace millrace::content
