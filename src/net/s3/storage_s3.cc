#include "net/s3/storage_s3.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <mutex>

#include "base/failpoint.h"
#include "base/hash.h"
#include "base/scratch_folder.h"
#include "base/text.h"

namespace millrace {

namespace {

namespace fs = std::filesystem;

constexpr int kFound = 10;  // objects of a listing that looks for a few

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
        create_bucket_(options.create_bucket),
        locks_(OpenLocalStorage(options.local_folder + "/locks")),
        scratch_(OpenLocalStorage(options.local_folder + "/staging")->Uri(""),
                 "s3-" + Sha256Hex(Uri("")).substr(0, 16) + "-"),
        stop_(std::move(stop)),
        most_copied_(options.copies) {
    scratch_.Sweep();
  }

  std::string Uri(std::string_view path) const override {
    std::string uri = "s3://" + bucket_ + "/" + root_ + std::string(path);
    if (path.empty()) uri.pop_back();
    return uri;
  }

  std::string WriteUri(std::string_view path) const override {
    return path.empty() ? scratch_.path() : scratch_.path() + "/" + std::string(path);
  }

  std::string ReadUri(std::string_view path) const override {
    std::lock_guard lock(mutex_);
    return copies_.contains(path) ? WriteUri(path) : Uri(path);
  }

  Result<std::string> Read(std::string_view path, int64_t max_bytes) override {
    return client_->Get(bucket_, TRY(Key(path)), max_bytes, stop_);
  }

  Status Put(std::string_view path, std::string_view bytes) override {
    std::string key = TRY(Key(path));
    TRY(NeedBucket());
    return client_->Put(bucket_, key, bytes, {}, stop_).status();
  }

  Status PutIfAbsent(std::string_view path, std::string_view bytes) override {
    std::string key = TRY(Key(path));
    TRY(NeedConditions());
    TRY(Failpoint("storage.put_if_absent.staged"));
    return client_->Put(bucket_, key, bytes, {.if_absent = true}, stop_).status();
  }

  Status PutFile(std::string_view path, const std::string& local, const std::string& sha256,
                 std::stop_token stop) override {
    EitherStop either(stop_, std::move(stop));
    TRY(NeedBucket());
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
    TRY(NeedBucket());
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

  // By one listing from just before the first of them.
  Result<std::vector<FileInfo>> Find(const std::vector<std::string>& paths) override {
    std::vector<FileInfo> files;
    if (paths.empty()) return files;
    std::string first = TRY(Key(paths.front())), last = TRY(Key(paths.back()));
    S3Query query{.prefix = first.substr(0, first.rfind('/') + 1),
                  .start_after = first.substr(0, first.size() - 1),
                  .page = kFound};
    auto take = [&](S3Page page) -> Status {
      for (S3Object& object : page.objects) {
        if (object.key > last) return {Code::kExhausted, "past the last"};
        std::string path = object.key.substr(root_.size());
        if (std::ranges::find(paths, path) != paths.end())
          files.push_back({std::move(path), object.size, object.modified, std::move(object.etag)});
      }
      return Status::Ok();
    };
    Status listed = client_->List(bucket_, query, take, stop_);
    if (listed.code() != Code::kExhausted) TRY(IfThere(std::move(listed)));
    return files;
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
    TRY(IfThere(client_->List(bucket_, {.prefix = TRY(FolderPrefix(folder))}, take, stop_)));
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
    TRY(IfThere(client_->List(bucket_, {.prefix = prefix, .delimiter = "/"}, take, stop_)));
    std::ranges::sort(names);
    return names;
  }

  Status Rename(std::string_view from, std::string_view to) override {
    std::string source = TRY(Key(from)), target = TRY(Key(to));
    if (source == target) return Status::Ok();
    RemoveCopy(from);
    S3Info info = TRY(client_->Head(bucket_, source, stop_));
    TRY(client_->Copy(bucket_, info, bucket_, target, stop_));
    return client_->Delete(bucket_, source, stop_);
  }

  Status Remove(std::string_view path) override {
    std::string key = TRY(Key(path));
    RemoveCopy(path);
    return client_->Delete(bucket_, key, stop_);
  }

  Status RemoveEmptyFolders(std::string_view) override { return Status::Ok(); }

  // In the folder from which files are uploaded: an engine asks for it.
  Status MakeFolder(std::string_view path) override {
    TRY(Key(path));
    std::lock_guard lock(mutex_);
    if (!std::exchange(scratch_made_, true)) TRY(scratch_.Make());
    std::error_code error;
    fs::create_directories(WriteUri(path), error);
    return error ? FromErrno("cannot make folder " + WriteUri(path), error.value()) : Status::Ok();
  }

  Status Sync(const std::vector<std::string>& paths) override {
    TRY(NeedBucket());
    auto upload = [&](size_t i, std::stop_token stop) -> Status {
      std::string local = WriteUri(paths[i]);
      TRY(client_->PutFile(bucket_, TRY(Key(paths[i])), local, {}, stop));
      KeepCopy(paths[i], local);
      return Status::Ok();
    };
    return client_->ForEach(paths.size(), upload, stop_);
  }

  Status RemoveUnfinished(std::string_view prefix, Time before) override {
    return client_->AbortMultipartUploads(bucket_, TRY(Key(prefix)), before, stop_)
        .status();
  }

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

  // A bucket that is made with the first write holds nothing before.
  Status IfThere(Status listed) const {
    return create_bucket_ && listed.code() == Code::kNotFound ? Status::Ok() : listed;
  }

  void KeepCopy(const std::string& path, const std::string& local) {
    std::error_code error;
    auto size = static_cast<int64_t>(fs::file_size(local, error));
    std::lock_guard lock(mutex_);
    if (!error && copied_ + size <= most_copied_) {
      copied_ += size;
      copies_[path] = size;
    } else {
      fs::remove(local, error);
    }
  }

  // Whatever of it is here, also before it was uploaded.
  void RemoveCopy(std::string_view path) {
    std::lock_guard lock(mutex_);
    if (auto copy = copies_.find(path); copy != copies_.end()) {
      copied_ -= copy->second;
      copies_.erase(copy);
    }
    std::error_code ignored;  // it goes with the folder
    fs::remove(WriteUri(path), ignored);
  }

  Status NeedBucket() {
    std::lock_guard lock(mutex_);
    return NeedBucketLocked();
  }

  Status NeedBucketLocked() {
    if (bucket_is_there_) return Status::Ok();
    Status status = client_->HeadBucket(bucket_, stop_);
    if (status.code() == Code::kNotFound) {
      status = create_bucket_ ? client_->CreateBucket(bucket_, stop_)
                              : NotFound(status.message(),
                                         "create it, or allow that with `create_buckets: true`");
    }
    // Who may write objects need not have the right to look at the bucket: the write tells.
    bucket_is_there_ = status.ok() || status.code() == Code::kInvalid;
    return bucket_is_there_ ? Status::Ok() : status;
  }

  Status NeedConditions() {
    std::lock_guard lock(mutex_);
    if (conditions_hold_) return Status::Ok();
    TRY(NeedBucketLocked());
    TRY(client_->SupportsConditionalPut(bucket_, root_, stop_));
    conditions_hold_ = true;
    return Status::Ok();
  }

  const std::shared_ptr<S3Client> client_;
  const std::string bucket_, root_;
  const bool create_bucket_;
  const std::unique_ptr<Storage> locks_;
  ScratchFolder scratch_;
  const std::stop_token stop_;
  const int64_t most_copied_;
  mutable std::mutex mutex_;  // of what follows
  std::map<std::string, int64_t, std::less<>> copies_;  // bytes by path
  int64_t copied_ = 0;
  bool scratch_made_ = false, bucket_is_there_ = false, conditions_hold_ = false;
};

}  // namespace

std::unique_ptr<Storage> OpenS3Storage(std::shared_ptr<S3Client> client, S3StorageOptions options,
                                       std::stop_token stop) {
  return std::make_unique<S3Storage>(std::move(client), std::move(options), std::move(stop));
}

}  // namespace millrace
