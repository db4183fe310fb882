#include "net/ipld/unpack.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "base/descriptor.h"

namespace millrace::ipld {

namespace {

// Removed when it is destroyed before it got its name.
class UnnamedFile {
 public:
  UnnamedFile(int folder, std::string part) : folder_(folder), part_(std::move(part)) {}
  ~UnnamedFile() {
    if (made_) unlinkat(folder_, part_.c_str(), 0);
  }

  Status Make(const std::string& path) {
    int fd =
        openat(folder_, part_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd < 0) return FromErrno("cannot write " + path, errno);
    file_ = Descriptor(fd);
    made_ = true;
    return Status::Ok();
  }

  Status Write(std::string_view bytes, const std::string& path) {
    return WriteAll(file_.get(), bytes, path);
  }

  Status Name(const std::string& name, bool overwrite, const std::string& path) {
    if (int error = file_.Close()) return FromErrno("cannot write " + path, error);
    int flags = overwrite ? 0 : RENAME_NOREPLACE;
    if (renameat2(folder_, part_.c_str(), folder_, name.c_str(), flags) != 0) {
      if (errno == EEXIST)
        return {Code::kConflict, path + " is there already", "--force replaces files"};
      return FromErrno("cannot write " + path, errno);
    }
    made_ = false;
    return Status::Ok();
  }

 private:
  const int folder_;
  const std::string part_;
  Descriptor file_;
  bool made_ = false;
};

class Unpacker {
 public:
  Unpacker(BlockSource& blocks, const UnpackOptions& options, std::stop_token stop)
      : dag_(blocks, options.limits), options_(options), stop_(std::move(stop)) {}

  Status File(const Cid& cid, int folder, const std::string& name, const std::string& path) {
    // One that is there is told of before its bytes are read.
    struct stat info;
    if (!options_.overwrite && fstatat(folder, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0)
      return {Code::kConflict, path + " is there already", "--force replaces files"};
    UnnamedFile file(folder, ".unpack-" + std::to_string(getpid()) + ".part");
    TRY(file.Make(path));
    auto take = [&](std::string_view bytes) -> Status {
      TRY(file.Write(bytes, path));
      done.bytes += static_cast<int64_t>(bytes.size());
      if (options_.bytes) *options_.bytes = done.bytes;
      return Status::Ok();
    };
    TRY(dag_.Read(cid, take, stop_));
    TRY(file.Name(name, options_.overwrite, path));
    ++done.files;
    return Status::Ok();
  }

  Status Folder(const DagReader::Node& node, int folder, const std::string& path, int depth) {
    if (stop_.stop_requested()) return Canceled();
    if (depth > dag_.limits().folder_depth)
      return Invalid(path + ": folders too deep in each other");
    for (const DagEntry& entry : TRY(dag_.Entries(node))) {
      std::string below = path + "/" + entry.name;
      if (entry.cid.codec() == kRaw) {
        TRY(File(entry.cid, folder, entry.name, below));
        continue;
      }
      Result<DagReader::Node> child = dag_.Open(entry.cid);
      if (!child.ok()) return child.status().In(below);
      if (!child->folder) {
        TRY(File(entry.cid, folder, entry.name, below));
      } else {
        Descriptor made = TRY(MakeFolder(folder, entry.name, below));
        TRY(Folder(*child, made.get(), below, depth + 1));
      }
    }
    return Status::Ok();
  }

  DagReader& dag() { return dag_; }
  Unpacked done;

 private:
  // A link of that name is not followed.
  Result<Descriptor> MakeFolder(int folder, const std::string& name, const std::string& path) {
    if (mkdirat(folder, name.c_str(), 0777) != 0 && errno != EEXIST)
      return FromErrno("cannot make " + path, errno);
    int fd = openat(folder, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
      return Status(Code::kConflict, path + " is there already, and no folder");
    if (fd < 0) return FromErrno("cannot make " + path, errno);
    ++done.folders;
    return Descriptor(fd);
  }

  DagReader dag_;
  const UnpackOptions& options_;
  const std::stop_token stop_;
};

}  // namespace

Result<Unpacked> Unpack(BlockSource& blocks, const Cid& root, const std::string& folder,
                        const UnpackOptions& options, std::stop_token stop) {
  Unpacker unpacker(blocks, options, stop);
  // Before anything is made: what cannot be unpacked leaves no trace.
  DagReader::Node node = TRY(unpacker.dag().Open(root));
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  Descriptor target(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (target.get() < 0) return FromErrno("cannot write into " + folder, errno);
  Status status = node.folder
                      ? unpacker.Folder(node, target.get(), folder, 0)
                      : unpacker.File(root, target.get(), root.Text(), folder + "/" + root.Text());
  TRY(std::move(status));
  return unpacker.done;
}

}  // namespace millrace::ipld
