#include <utility>

#include "connect/table/config.h"

namespace millrace::table {

namespace {

class TableSink final : public Sink {
 public:
  TableSink(const SinkConfig& config, TableName name, ConnectContext& context)
      : config_(config),
        name_(std::move(name)),
        run_(context.run),
        table_(context.lake.Open(name_)) {}

  Status Probe(std::stop_token) override {
    Result<Snapshot> snapshot = table_->Load();
    bool writable =
        snapshot.ok() || snapshot.code() == Code::kNotFound;  // the first write makes it
    return writable ? Status::Ok() : snapshot.status();
  }

  Result<std::optional<Committed>> LastCommit(std::string_view task, std::stop_token) override {
    if (!TRY(table_->Exists())) return std::optional<Committed>();
    std::optional<Transaction> last = TRY(table_->LastTransaction(std::string(task)));
    if (!last) return std::optional<Committed>();
    return std::optional<Committed>({last->version, last->position});
  }

  Status Open(const Schema&, const WriteIntent& intent, std::stop_token) override {
    write_ = TRY(table_->Write(Options(intent)));
    return Status::Ok();
  }

  Status Write(const Rows&, std::stop_token) override {
    return Internal("rows for a lake table are written by the engine, through WriteFrom");
  }

  Result<WriteCount> WriteFrom(Session& session, const Sql& rows, std::stop_token stop) override {
    if (!write_) return Internal("WriteFrom before Open");
    WriteResult staged = TRY(write_->Stage(session, rows, stop));
    return WriteCount{.rows = staged.rows,
                      .bytes = staged.bytes,
                      .discarded = write_->Discarded(),
                      .rows_discarded = staged.rows_discarded};
  }

  Status Commit(const CommitInfo& commit, std::stop_token stop) override {
    if (!write_) {  // a sink made only to see a commit through that the table has already
      std::optional<Committed> last = TRY(LastCommit(commit.id.task, stop));
      if (last && last->sequence >= commit.id.sequence) return Status::Ok();
      return Internal("Commit before Open");
    }
    Result<int64_t> version = write_->Commit(commit.id, commit.position, commit.now, stop);
    return version.ok() ? Status::Ok() : version.status();
  }

  std::string Target() const override { return name_.ToString(); }

 private:
  WriteOptions Options(const WriteIntent& intent) const {
    WriteOptions options;
    options.mode = intent.refresh ? Mode::kReplace : config_.mode.value_or(Mode::kAppend);
    options.key = config_.key;
    options.order_by = config_.order_by;
    options.delete_when = config_.delete_when;
    options.exclude = config_.exclude;
    options.partition_by = config_.partition_by;
    options.contract = config_.contract;
    options.compression = config_.compression;
    options.properties = config_.properties;
    if (config_.retention) {
      auto seconds = std::chrono::duration_cast<std::chrono::seconds>(*config_.retention);
      // emplace: what `properties` says of it goes first.
      options.properties.emplace("delta.deletedFileRetentionDuration",
                                 "interval " + std::to_string(seconds.count()) + " seconds");
    }
    options.replaced_files = intent.replaced_files;
    options.run = run_;
    return options;
  }

  const SinkConfig config_;
  const TableName name_;
  const std::string run_;
  const std::unique_ptr<Table> table_;
  std::unique_ptr<TableWrite> write_;
};

}  // namespace

Result<std::unique_ptr<Sink>> MakeSink(const SinkConfig& config, ConnectContext& context) {
  TableName name = TRY(ParseTableName(config.name));
  return std::unique_ptr<Sink>(std::make_unique<TableSink>(config, std::move(name), context));
}

}  // namespace millrace::table
