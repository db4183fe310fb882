#include "net/s3/storage_s3.h"

#include <algorithm>

#include "base/failpoint.h"
#include "base/text.h"

namespace millrace {

namespace {

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

  Result<FileInfo> Stat(std::string_view path) override {
    S3Info info = TRY(client_->Head(bucket_, TRY(Key(path)), stop_));
    return FileInfo{std::string(path), info.size, info.modified};
  }

  Result<std::vector<FileInfo>> List(std::string_view folder) override {
    std::vector<FileInfo> files;
    auto take = [&](S3Page page) -> Status {
      for (const S3Object& object : page.objects) {
        if (object.key.ends_with('/')) continue;  // a folder, as some programs mark them
        files.push_back({object.key.substr(root_.size()), object.size, object.modified});
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
