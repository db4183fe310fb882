// Ends of the world for tests of the protocol: a source of numbers, and a sink that fails when
// told.
#pragma once

#include <atomic>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>

#include "connect/registry.h"
#include "run/rows_builder.h"

namespace millrace::testing_ends {

// What the test says of the world while a run looks at it.
struct World {
  std::atomic<int64_t> upto = 3;         // numbers 1..upto are there
  std::atomic<int64_t> gone_before = 0;  // smaller ones cannot be read any more
  std::atomic<bool> hangs = false;       // reading waits until it is stopped
  std::atomic<int> away = 0;             // so many openings fail
  std::atomic<bool> refuses = false;  // the sink's commits fail, but those of the one called first

  void Reset() {
    upto = 3;
    gone_before = 0;
    hangs = refuses = false;
    away = 0;
  }
};
inline World world;

struct NumbersConfig {
  bool incremental = true;
};

// Numbers 1 to wherever the world is, each in a batch of its own; a position is the last number.
class Numbers final : public Source {
 public:
  Status Probe(std::stop_token) override { return Status::Ok(); }
  Result<Position> Latest(const std::optional<Position>&, std::stop_token) override {
    return Position{std::to_string(world.upto)};
  }
  Status Open(const Range& range, std::stop_token stop) override {
    if (world.away > 0 && world.away-- > 0) return {Code::kUnavailable, "the numbers are away"};
    begin_ = range.begin ? std::stoll(range.begin->token) : 0;
    end_ = range.end ? std::stoll(range.end->token) : world.upto.load();
    next_ = begin_ + 1;
    if (begin_ < world.gone_before && end_ < world.upto) return Invalid("old numbers are gone");
    while (world.hangs && !stop.stop_requested())
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return stop.stop_requested() ? Canceled() : Status::Ok();
  }
  Result<std::optional<Batch>> Read(std::stop_token) override {
    if (read_ && next_ > end_) return std::optional<Batch>();
    read_ = true;
    Schema schema{.columns = {{.name = "n", .type = {.kind = TypeKind::kBigInt}}}};
    RowsBuilder builder(schema);
    if (next_ <= end_) builder.Int(next_++);
    auto reader = TRY(builder.Finish());
    std::optional<Rows> rows = TRY(reader->Next({}));
    return std::optional(Batch{*rows, {std::to_string(end_)}});
  }
  Result<std::optional<Schema>> Describe(Session&, std::stop_token) override {
    return std::optional(Schema{.columns = {{.name = "n", .type = {.kind = TypeKind::kBigInt}}}});
  }

 private:
  int64_t begin_ = 0, end_ = 0, next_ = 1;
  bool read_ = false;
};

struct MoodyConfig {
  std::string path;
};

// Keeps rows in a file, a line each, and its last commit in another; refuses to commit when the
// world says so.
class Moody final : public Sink {
 public:
  explicit Moody(std::string path) : path_(std::move(path)) {}
  Status Probe(std::stop_token) override { return Status::Ok(); }
  Result<std::optional<Committed>> LastCommit(std::string_view, std::stop_token) override {
    Committed committed;
    std::ifstream file(path_ + ".commit");
    if (!(file >> committed.sequence)) return std::optional<Committed>();
    std::getline(file >> std::ws, committed.position);
    return std::optional(committed);
  }
  Status Open(const Schema&, const WriteIntent& intent, std::stop_token) override {
    if (intent.refresh) std::filesystem::remove(path_);
    return Status::Ok();
  }
  Status Write(const Rows&, std::stop_token) override { return Internal("not used"); }
  Result<WriteCount> WriteFrom(Session& session, const Sql& rows, std::stop_token stop) override {
    auto all =
        TRY(session.Collect({"SELECT CAST(r AS VARCHAR) FROM (" + rows.text + "\n) r"}, stop));
    for (const auto& row : all) staged_ += row[0].value_or("") + "\n";
    return WriteCount{.rows = static_cast<int64_t>(all.size())};
  }
  Status Commit(const CommitInfo& commit, std::stop_token) override {
    if (world.refuses && !path_.ends_with("/first"))
      return Status(Code::kUnavailable, "the sink is moody");
    std::ofstream(path_, std::ios::app) << staged_;
    std::ofstream(path_ + ".commit") << commit.id.sequence << "\n" << commit.position << "\n";
    return Status::Ok();
  }
  std::string Target() const override { return "moody"; }

 private:
  const std::string path_;
  std::string staged_;
};

inline Result<std::unique_ptr<Source>> MakeNumbers(const NumbersConfig&, ConnectContext&) {
  return std::unique_ptr<Source>(std::make_unique<Numbers>());
}
inline SourceTraits NumbersTraits(const NumbersConfig& config) {
  return {.incremental = config.incremental, .can_be_incremental = true};
}
inline Result<std::unique_ptr<Sink>> MakeMoody(const MoodyConfig& config, ConnectContext& context) {
  return std::unique_ptr<Sink>(std::make_unique<Moody>(context.folder + "/" + config.path));
}

inline void Register(Registry& registry) {
  registry.AddSource<NumbersConfig>(
      "numbers",
      Spec<NumbersConfig>("numbers source", "For tests.")
          .Field("incremental", &NumbersConfig::incremental, "Only new ones."),
      MakeNumbers, NumbersTraits);
  registry.AddSink<MoodyConfig>(
      "moody",
      Spec<MoodyConfig>("moody sink", "For tests.").Field("path", &MoodyConfig::path, "File."),
      MakeMoody);
}

}  // namespace millrace::testing_ends
