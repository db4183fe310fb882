#include "run/faulty_sink.h"

#include "run/faulty_call.h"

namespace millrace {

namespace {

class FaultySink final : public Sink {
 public:
  FaultySink(std::unique_ptr<Sink> sink, const std::string& connector)
      : sink_(std::move(sink)), room_("sink." + connector) {}

  Status Probe(std::stop_token stop) override { return sink_->Probe(stop); }
  Status Accepts(const Schema& schema, std::stop_token stop) override {
    return sink_->Accepts(schema, stop);
  }
  Result<std::optional<Committed>> LastCommit(std::string_view task,
                                              std::stop_token stop) override {
    return FaultyCall(room_, "LastCommit", [&] { return sink_->LastCommit(task, stop); });
  }
  Status Open(const Schema& schema, const WriteIntent& intent, std::stop_token stop) override {
    return FaultyCall(room_, "Open", [&] { return sink_->Open(schema, intent, stop); });
  }
  Status Write(const Rows& rows, std::stop_token stop) override {
    return FaultyCall(room_, "Write", [&] { return sink_->Write(rows, stop); });
  }
  Result<WriteCount> WriteFrom(Session& session, const Sql& rows, std::stop_token stop) override {
    return FaultyCall(room_, "WriteFrom", [&] { return sink_->WriteFrom(session, rows, stop); });
  }
  Result<WriteCount> TakeFiles(const std::vector<OfferedFile>& files,
                               std::stop_token stop) override {
    return FaultyCall(room_, "TakeFiles", [&] { return sink_->TakeFiles(files, stop); });
  }
  Status Commit(const CommitInfo& commit, std::stop_token stop) override {
    return FaultyCall(room_, "Commit", [&] { return sink_->Commit(commit, stop); });
  }
  Result<std::vector<OutputRecord>> Outputs(const CommitId& commit) override {
    return sink_->Outputs(commit);
  }
  std::string Target() const override { return sink_->Target(); }
  bool TakesRows() const override { return sink_->TakesRows(); }

 private:
  std::unique_ptr<Sink> sink_;
  const std::string room_;
};

}  // namespace

std::unique_ptr<Sink> WithFailpoints(std::unique_ptr<Sink> sink, std::string connector) {
  return std::make_unique<FaultySink>(std::move(sink), connector);
}

}  // namespace millrace
