#include "net/s3/storage_s3.h"

#include <algorithm>

#include "base/failpoint.h"
#include "base/text.h"

namespace millrace {

namespace {

// Stopped when one of the two is.
class EitherStop {
 public:
  EitherStop(std::stop_token one, std::stop_token other)
      : one_(std::move(one), Stop{source_}), other_(std::move(other), Stop{source_}) {}
  std::stop_token token() const { return source_.get_token(); }

 private:
  struct Stop {
    std::stop_source source;
    void operator()() { source.request_stop(); }
  };
  std::stop_source source_;
  std::stop_callback<Stop> one_, other_;
};

class S3Storage final : public Storage {
 public:
  S3Storage(std::shared_ptr<S3Client> client, S3StorageOptions options, std::stop_token stop)
      : client_(std::move(client)),
        bucket_(std::move(options.bucket)),
        root_(options.prefix.empty() ? "" : options.prefix + "/"),
        locks_(OpenLocalStorage(options.lock_folder)),
        stop_(std::move(stop)) {}

  std::string Uri(std::string_view path) const override {
    std::string uri = "s3://" + bucket_ + "/" + root_ + std::string(path);
    if (path.empty()) uri.pop_back();
    return uri;
  }

  Result<std::string> Read(std::string_view path, int64_t max_bytes) override {
    return client_->Get(bucket_, TRY(Key(path)), max_bytes, stop_);
  }

  Status Put(std::string_view path, std::string_view bytes) override {
    return client_->Put(bucket_, TRY(Key(path)), bytes, {}, stop_).status();
  }

  Status PutIfAbsent(std::string_view path, std::string_view bytes) override {
    std::string key = TRY(Key(path));
    TRY(Failpoint("storage.put_if_absent.staged"));
    return client_->Put(bucket_, key, bytes, {.if_absent = true}, stop_).status();
  }

  Status PutFile(std::string_view path, const std::string& local, const std::string& sha256,
                 std::stop_token stop) override {
    EitherStop either(stop_, std::move(stop));
    return client_->PutFile(bucket_, TRY(Key(path)), local, {.sha256 = sha256}, either.token())
        .status();
  }

  Status GetFile(std::string_view path, const std::string& local, const std::string& sha256,
                 std::stop_token stop) override {
    EitherStop either(stop_, std::move(stop));
    return client_->GetToFile(bucket_, TRY(Key(path)), local, {.sha256 = sha256}, either.token())
        .status();
  }

  Status Copy(std::string_view from, std::string_view to, std::stop_token stop) override {
    EitherStop either(stop_, std::move(stop));
    std::string source = TRY(Key(from)), target = TRY(Key(to));
    S3Info info = TRY(client_->Head(bucket_, source, either.token()));
    return client_->Copy(bucket_, info, bucket_, target, either.token());
  }

  Result<bool> CopyFrom(const ServerFile& from, std::string_view to,
                        std::stop_token stop) override {
    if (from.server != client_->endpoint()) return false;
    EitherStop either(stop_, std::move(stop));
    std::string target = TRY(Key(to));
    S3Object source{from.key, from.size, from.etag};
    TRY(client_->Copy(from.bucket, source, bucket_, target, either.token()));
    S3Info copy = TRY(client_->Head(bucket_, target, either.token()));
    if (copy.Sha256().empty()) return false;  // the server did not take it along
    if (copy.size == from.size && copy.Sha256() == from.sha256) return true;
    return Status(Code::kUnavailable, Uri(to) + " is not what the server was to copy from s3://" +
                                          from.bucket + "/" + from.key);
  }

  size_t AtOnce() const override { return static_cast<size_t>(client_->options().connections); }

  Result<FileInfo> Stat(std::string_view path) override {
    S3Info info = TRY(client_->Head(bucket_, TRY(Key(path)), stop_));
    return FileInfo{std::string(path), info.size, info.modified, info.etag, info.Sha256()};
  }

  Result<std::vector<FileInfo>> List(std::string_view folder) override {
    std::vector<FileInfo> files;
    auto take = [&](S3Page page) -> Status {
      for (const S3Object& object : page.objects) {
        if (object.key.ends_with('/')) continue;  // a folder, as some programs mark them
        files.push_back(
            {object.key.substr(root_.size()), object.size, object.modified, object.etag});
      }
      return Status::Ok();
    };
    TRY(client_->List(bucket_, {.prefix = TRY(FolderPrefix(folder))}, take, stop_));
    std::ranges::sort(files, {}, &FileInfo::path);
    return files;
  }

  Result<std::vector<std::string>> Folders(std::string_view folder) override {
    std::string prefix = TRY(FolderPrefix(folder));
    std::vector<std::string> names;
    auto take = [&](const S3Page& page) -> Status {
      for (const std::string& each : page.prefixes) {
        names.push_back(each.substr(prefix.size(), each.size() - prefix.size() - 1));
      }
      return Status::Ok();
    };
    TRY(client_->List(bucket_, {.prefix = prefix, .delimiter = "/"}, take, stop_));
    std::ranges::sort(names);
    return names;
  }

  Status Rename(std::string_view from, std::string_view to) override {
    std::string source = TRY(Key(from)), target = TRY(Key(to));
    if (source == target) return Status::Ok();
    S3Info info = TRY(client_->Head(bucket_, source, stop_));
    TRY(client_->Copy(bucket_, info, bucket_, target, stop_));
    return client_->Delete(bucket_, source, stop_);
  }

  Status Remove(std::string_view path) override {
    return client_->Delete(bucket_, TRY(Key(path)), stop_);
  }

  Status RemoveEmptyFolders(std::string_view) override { return Status::Ok(); }
  Status MakeFolder(std::string_view path) override { return Key(path).status(); }
  Status Sync(const std::vector<std::string>&) override { return Status::Ok(); }

  Result<std::unique_ptr<StorageLock>> TryLock(std::string_view path, bool shared) override {
    return locks_->TryLock(bucket_ + "/" + TRY(Key(path)), shared);
  }

 private:
  Result<std::string> Key(std::string_view path) const {
    bool outside = path.starts_with('/') || path.find('\0') != path.npos;
    for (const std::string& part : Split(path, '/')) outside = outside || part == "..";
    if (!outside) return root_ + std::string(path);
    return Invalid("the path '" + std::string(path) + "' leads out of " + Uri(""));
  }

  Result<std::string> FolderPrefix(std::string_view folder) const {
    return folder.empty() ? root_ : TRY(Key(folder)) + "/";
  }

  const std::shared_ptr<S3Client> client_;
  const std::string bucket_, root_;
  const std::unique_ptr<Storage> locks_;
  const std::stop_token stop_;
};

}  // namespace

std::unique_ptr<Storage> OpenS3Storage(std::shared_ptr<S3Client> client, S3StorageOptions options,
                                       std::stop_token stop) {
  return std::make_unique<S3Storage>(std::move(client), std::move(options), std::move(stop));
}

}  // namespace millrace
