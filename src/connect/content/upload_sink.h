// The sink of storacha, ipfs and decentralized: content is packed into an upload, and stored at its
// targets by Commit, which is ok when enough of them have it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "connect/content/delivery.h"
#include "connect/content/packing.h"
#include "connect/content/upload.h"
#include "connect/content/upload_config.h"
#include "connect/sink.h"

namespace millrace::content {

class UploadSink final : public Sink {
 public:
  UploadSink(std::string connector, UploadConfig config, std::vector<TargetChoice> targets,
             DeliveryOptions options, ConnectContext& context);

  Status Probe(std::stop_token stop) override { return delivery_.Probe(std::move(stop)); }
  Result<std::optional<Committed>> LastCommit(std::string_view task, std::stop_token) override;
  Status Open(const Schema&, const WriteIntent& intent, std::stop_token stop) override;
  Status Write(const Rows&, std::stop_token) override;
  Result<WriteCount> WriteFrom(Session& session, const Sql& rows, std::stop_token stop) override;
  Result<WriteCount> TakeFiles(const std::vector<OfferedFile>& files,
                               std::stop_token stop) override;
  Status Commit(const CommitInfo& commit, std::stop_token stop) override;
  Result<std::vector<OutputRecord>> Outputs(const CommitId& commit) override;
  std::string Target() const override;
  bool TakesRows() const override { return content::TakesRows(config_); }

  // For `millrace uploads`: which uploads are its own, and how they go on.
  const std::string& id() const { return id_; }
  Delivery& delivery() { return delivery_; }

 private:
  Result<std::optional<Upload>> Waiting(const WriteIntent& intent) const;
  Status Pack(int64_t rows, std::stop_token stop);
  Status Store(const CommitInfo& commit, std::stop_token stop);
  Status RemoveSuperseded(const CommitInfo& commit);

  const std::string connector_;
  const UploadConfig config_;
  ConnectContext& context_;
  Delivery delivery_;
  const std::string id_;
  WriteIntent intent_;
  // What Commit stores: what was packed now, or waits since an earlier attempt, or nothing. What is
  // packed becomes an upload, which stays, only when its commit was planned.
  std::unique_ptr<Packing> packing_;
  std::optional<UploadInfo> packed_;
  std::optional<Upload> waiting_;
  bool written_ = false;
};

}  // namespace millrace::content
