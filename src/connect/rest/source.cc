#include <signal.h>
#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/hash.h"
#include "base/storage.h"
#include "base/text.h"
#include "connect/rest/fetch.h"
#include "connect/rest/position.h"
#include "connect/rest/requester.h"
#include "connect/rest/rows.h"
#include "connect/rest/stage.h"
#include "net/http/url.h"

namespace millrace::rest {

namespace {

namespace fs = std::filesystem;

constexpr const char* kUnknown = "?";  // the position of what was not fetched
constexpr int64_t kMostMemory = 4 << 20;

bool IsAlive(int64_t process) {
  return ::kill(static_cast<pid_t>(process), 0) == 0 || errno != ESRCH;
}

// What is kept from one run to the next, beside positions.
struct Memory {
  std::string run, definition, position;  // of the last commit
  std::string members;                    // …their digest; "" when some were put aside
  Validators validators;
  std::map<std::string, std::string> columns;
};

// Its position is what the records are (and where their cursor stands): an API has no other. The
// answers of a range are staged until it is committed.
class RestSource final : public Source {
 public:
  RestSource(SourceConfig config, ConnectContext& context)
      : config_(std::move(config)), context_(context) {
    id_ = Sha256Hex(context.task + "\n" + config_.url_base + "\n" + config_.url).substr(0, 16);
    folder_ = context.state_folder + "/staging/rest-" + id_;
    definition_ = DefinitionOf(config_);
  }
  ~RestSource() override {
    if (!preview_.empty()) (void)Stage::Remove(preview_);
    if (!offered_.empty()) PassOver();
  }

  Status Probe(std::stop_token stop) override {
    std::unique_ptr<http::Requester> requester = TRY(Connect());
    // One request, as the first one will be, without taking what it answers.
    std::string url = TRY(Address(config_, config_.url));
    if (!NamesIn(config_.url).empty()) url = TRY(Address(config_, ""));
    http::Request request{.method = config_.method == "GET" ? "GET" : "HEAD", .url = url};
    request.on_body = [](const http::Response&, http::BodyStream&) { return Status::Ok(); };
    for (const auto& each : config_.headers) request.headers.push_back(each);
    for (const auto& each : config_.params) request.query.push_back(each);
    Result<http::Response> response = requester->Send(std::move(request), stop, {405});
    return response.ok() ? Status::Ok() : response.status();
  }

  // Of a continuous task, which asks again and again within one run.
  void SetLimit(const RangeLimit&) override { asks_again_ = true; }

  Result<Position> Latest(const std::optional<Position>& begin, std::stop_token stop) override {
    if (stop.stop_requested()) return Canceled();
    bool had_no_news = asks_again_ && !offered_.empty() && begin && latest_ == *begin;
    if (had_no_news) TRY(Stage::Remove(std::exchange(offered_, "")));
    std::string from = begin && config_.incremental_sync ? begin->token : "";
    if (!from.empty()) TRY(FetchPosition::Parse(*begin));
    if (context_.planning) return LookOnly(from);
    Memory memory = Remember();
    bool asked = !asks_again_ && !context_.run.empty() && memory.run == context_.run &&
                 memory.definition == definition_ && (from.empty() || from == memory.position);
    // A run asks once: after it completed what was killed, nothing is new to it.
    bool known = asked || TRY(HasMembersOf(memory, stop));
    latest_ =
        known ? Position{memory.position} : TRY(Take(from, /*ask_whether_changed=*/true, stop));
    return latest_;
  }

  Status Open(const Range& range, std::stop_token stop) override {
    std::string from;
    if (range.begin) {
      TRY(FetchPosition::Parse(*range.begin));
      if (config_.incremental_sync) from = range.begin->token;
    }
    stage_.reset();
    Position end = range.end ? *range.end : TRY(Latest(range.begin, stop));
    if (end.token == kUnknown) return Status::Ok();
    TRY(FetchPosition::Parse(end));
    if (!from.empty() && end.token == from) return Status::Ok();  // a range without records
    stage_ = TRY(Find(end, from));
    if (stage_) offered_.clear();
    if (stage_) return Status::Ok();
    if (end != latest_) {
      return Invalid("what " + Shown() + " answered for this commit is not staged any more",
                     "it is asked for anew");
    }
    // It said that nothing changed, and the rows are wanted all the same.
    Position again = TRY(Take(from, /*ask_whether_changed=*/false, stop));
    stage_ = TRY(Find(again, from));
    if (stage_) offered_.clear();
    if (again == end && stage_) return Status::Ok();
    return {Code::kUnavailable, Shown() + " changed since it was looked at",
            "it is taken again with the next attempt"};
  }

  Result<std::optional<Batch>> Read(std::stop_token) override {
    return Internal("staged records are read by the engine, through NativeScan");
  }

  Result<std::optional<Sql>> NativeScan(Session& session) override {
    RowsOptions options = Options();
    Memory memory = Remember();
    options.remembered = memory.columns;
    rows_ = TRY(ReadStaged(session, stage_.get(), options, {}));
    if (stage_ && preview_.empty() && memory.columns != rows_->columns) {
      memory.columns = rows_->columns;
      TRY(Keep(memory));
    }
    return std::optional<Sql>(rows_->rows);
  }

  Result<std::optional<Sql>> DecodeRejects(Session& session) override {
    std::optional<Sql> rejects;
    if (rows_ && rows_->misfits) {
      auto some =
          TRY(session.Collect({"SELECT 1 FROM (" + rows_->misfits->text + ") LIMIT 1"}, {}));
      if (!some.empty()) rejects = rows_->misfits;
    }
    std::optional<Sql> given_up = stage_ ? GivenUpRows(*stage_) : std::nullopt;
    if (given_up && rejects) rejects->text += " UNION ALL " + given_up->text;
    return rejects ? rejects : given_up;
  }

  Status Acknowledge(const Position& position) override {
    // Nobody opened it when nothing was new, or when the targets had it before a process ended.
    if (!stage_) stage_ = TRY(Find(position, ""));
    Memory memory = Remember();
    bool known = memory.position == position.token && memory.definition == definition_;
    if (stage_ || !known) {
      memory.members = stage_ ? MembersOf(*stage_) : "";
      memory.validators = {};
    }
    bool one_document = stage_ && stage_->pages().size() == 1 && stage_->given_up().empty();
    if (one_document && !config_.incremental_sync)
      memory.validators = {stage_->pages()[0].etag, stage_->pages()[0].modified};
    memory.run = context_.run;
    memory.definition = definition_;
    memory.position = position.token;
    TRY(Keep(memory));
    stage_.reset();
    offered_.clear();
    std::error_code ignored;
    for (const std::string& each : Stages()) TRY(Stage::Remove(each));
    fs::remove_all(folder_, ignored);
    return Status::Ok();
  }

  SourceInfo Info() const override {
    if (!stage_) return {};
    return {.bytes = stage_->head().bytes,
            .rows = config_.explode.empty() ? stage_->head().records : -1};
  }

  Result<std::optional<Schema>> Describe(Session& session, std::stop_token) override {
    return DeclaredSchema(session, Options());
  }

  bool CanResume() const override { return config_.incremental_sync.has_value(); }

 private:
  RowsOptions Options() const {
    std::string url = config_.url;
    Result<std::string> address = Address(config_, url);
    return {.columns = config_.columns,
            .explode = config_.explode,
            .source_file = http::ShownUrl(address.ok() ? *address : url),
            .max_record = config_.max_record.count,
            .for_each_columns = config_.for_each && config_.for_each->add.value_or(true)};
  }

  std::string Shown() const { return Options().source_file; }

  Result<std::unique_ptr<http::Requester>> Connect() {
    RequesterContext context{.clock = context_.env.clock,
                             .folder = context_.folder,
                             .parallel = config_.parallel};
    if (context_.log_requests) context.log = context_.log;
    return MakeRequester(config_, context);
  }

  std::vector<std::string> Stages() const {
    std::vector<std::string> folders;
    std::error_code error;
    for (fs::directory_iterator it(folder_, error), end; !error && it != end; it.increment(error)) {
      if (it->is_directory(error)) folders.push_back(it->path().string());
    }
    return folders;
  }

  // The complete fetch that ends there; null: there is none.
  Result<std::unique_ptr<Stage>> Find(const Position& end, const std::string& from) const {
    std::vector<std::string> folders = Stages();
    if (!preview_.empty()) folders.push_back(preview_);
    for (const std::string& folder : folders) {
      Result<FetchHead> head = Stage::Look(folder);
      bool fits = head.ok() && head->complete && head->position == end.token &&
                  (head->begin == from || from.empty());
      if (fits) return Stage::Resume(folder, 0);
    }
    return std::unique_ptr<Stage>();
  }

  // A fetch of this run is this run's. One of another run, whose process ended, is gone on with or
  // taken as it is; not one that was committed, which a crash just before the end may have left.
  bool MayTake(const FetchHead& head, const std::string& from) const {
    if (head.definition != definition_ || head.begin != from) return false;
    if (head.run == context_.run) return true;
    bool recent = context_.env.clock.Now() - head.began <= config_.resume_within;
    bool committed = head.complete && head.position == Remember().position;
    return !IsAlive(head.process) && recent && !head.passed_over && !committed;
  }

  // `plan` sends no request: whether there is news is known by asking.
  Result<Position> LookOnly(const std::string& from) const {
    for (const std::string& folder : Stages()) {
      Result<FetchHead> head = Stage::Look(folder);
      if (head.ok() && head->complete && MayTake(*head, from)) return Position{head->position};
    }
    return Position{kUnknown};
  }

  static std::string MembersOf(const Stage& stage) {
    return stage.given_up().empty() ? DigestOf(stage.members()) : "";
  }

  // Whether the members are still those of the last commit, and that is all there is to know.
  Result<bool> HasMembersOf(const Memory& memory, std::stop_token stop) const {
    bool asks = !config_.for_each || !config_.for_each->when_changed || context_.run.empty();
    if (asks || memory.members.empty() || memory.definition != definition_) return false;
    if (TRY(LookOnly("")).token != kUnknown) return false;  // asked all the same: by --force
    Time now = context_.env.clock.Now();
    std::vector<Member> members = TRY(FindMembers(config_, context_, std::nullopt, now, stop));
    if (DigestOf(members) != memory.members) return false;
    Tell(Options().source_file + ": nothing is asked, " + config_.for_each->table +
         " is what it was");
    return true;
  }

  // Begins a fetch, or completes one that was begun, and returns where it ends.
  Result<Position> Take(const std::string& from, bool ask_whether_changed, std::stop_token stop) {
    bool preview = context_.run.empty();
    std::unique_ptr<Stage> stage;
    for (const std::string& folder : preview ? std::vector<std::string>() : Stages()) {
      Result<FetchHead> head = Stage::Look(folder);
      bool mine = head.ok() && MayTake(*head, from);
      if (mine && !stage) {
        Result<std::unique_ptr<Stage>> resumed = Stage::Resume(folder, config_.parallel);
        if (resumed.ok()) {
          stage = *std::move(resumed);
          continue;
        }
        if (resumed.code() != Code::kNotFound) return resumed.status();
      }
      // What is complete may have been planned; what is not is of no use to anyone.
      bool of_use = head.ok() && (head->complete || IsAlive(head->process));
      if (!of_use) TRY(Stage::Remove(folder));
    }
    if (stage) {
      if (stage->head().run != context_.run)
        Tell("going on with what run " + stage->head().run + " fetched");
      TRY(stage->Own(context_.run, ::getpid()));
      if (stage->head().complete) return EndOf(*stage);
    } else {
      stage = TRY(Begin(from, stop));
    }
    return Complete(*stage, from, ask_whether_changed && !preview, stop);
  }

  Result<std::unique_ptr<Stage>> Begin(const std::string& from, std::stop_token stop) {
    std::optional<std::string> cursor;
    if (!from.empty()) cursor = TRY(FetchPosition::Parse({from})).cursor;
    Time now = context_.env.clock.Now();
    std::vector<Member> members = TRY(FindMembers(config_, context_, cursor, now, stop));
    FetchHead head{.run = context_.run,
                   .definition = definition_,
                   .begin = from,
                   .process = ::getpid(),
                   .began = now};
    std::string folder = folder_ + "/" + NewUuid();
    if (context_.run.empty()) preview_ = folder = folder_ + "-preview-" + NewUuid();
    return Stage::Create(folder, std::move(head), std::move(members), config_.parallel);
  }

  Result<Position> Complete(Stage& stage, const std::string& from, bool ask_whether_changed,
                            std::stop_token stop) {
    std::unique_ptr<http::Requester> requester = TRY(Connect());
    Paginator paginator = TRY(Paginator::Make(config_.paginator));
    std::unique_ptr<PageReader> reader = TRY(PageReader::Make(config_, context_, stage.folder()));
    Fetch fetch(config_, *requester, paginator, *reader, stage);
    if (!preview_.empty()) fetch.Limit(1, 1);
    Memory memory = Remember();
    bool conditional = ask_whether_changed && memory.definition == definition_;
    Result<bool> unchanged = fetch.Run(conditional ? memory.validators : Validators(), stop);
    http::Traffic traffic = requester->traffic();
    Tell(Options().source_file + ": " + FormatCount(traffic.requests) + " requests, " +
         FormatCount(traffic.repeated) + " of them repetitions, " + FormatBytes(traffic.bytes) +
         (stage.given_up().empty()
              ? ""
              : ", " + FormatCount(static_cast<int64_t>(stage.given_up().size())) +
                    " members put aside"));
    if (!unchanged.ok()) return unchanged.status();
    if (*unchanged) {
      TRY(Stage::Remove(stage.folder()));
      return Position{memory.position};
    }
    CursorOrder order;
    if (config_.incremental_sync) {
      order = {config_.incremental_sync->cursor_type, config_.incremental_sync->datetime_format};
    }
    FetchPosition position = TRY(PositionOf(stage, config_, order, from));
    TRY(stage.Complete(position.ToPosition().token));
    return EndOf(stage);
  }

  Position EndOf(const Stage& stage) {
    offered_ = stage.folder();
    return {stage.head().position};
  }

  // Nothing was new, and nobody opened it: the next run must ask again. Who is killed does not come
  // here: then it is gone on with.
  void PassOver() const {
    Result<std::unique_ptr<Stage>> stage = Stage::Resume(offered_, 0);
    if (!stage.ok()) return;
    bool committed = (*stage)->head().position == Remember().position;
    (void)(committed ? Stage::Remove(offered_) : (*stage)->PassOver());
  }

  void Tell(const std::string& line) const {
    if (context_.log) context_.log(line);
  }

  Memory Remember() const {
    Memory memory;
    Result<std::string> text =
        OpenLocalStorage(context_.state_folder)->Read("rest/" + id_ + ".json", kMostMemory);
    Json json = text.ok() ? Json::parse(*text, nullptr, /*allow_exceptions=*/false) : Json();
    if (!json.is_object()) return memory;
    try {
      memory = {.run = json.value("run", ""),
                .definition = json.value("definition", ""),
                .position = json.value("position", ""),
                .members = json.value("members", ""),
                .validators = {json.value("etag", ""), json.value("modified", "")},
                .columns = json.value("columns", std::map<std::string, std::string>())};
    } catch (const Json::exception&) {
      return {};  // it only saves a request
    }
    return memory;
  }

  Status Keep(const Memory& memory) const {
    Json json = {{"run", memory.run},
                 {"definition", memory.definition},
                 {"position", memory.position},
                 {"members", memory.members},
                 {"etag", memory.validators.etag},
                 {"modified", memory.validators.modified},
                 {"columns", memory.columns}};
    return OpenLocalStorage(context_.state_folder)
        ->Put("rest/" + id_ + ".json", json.dump(-1, ' ', false, Json::error_handler_t::replace));
  }

  const SourceConfig config_;
  ConnectContext& context_;
  std::string id_, folder_, definition_;
  std::string preview_;           // the folder of a stage that goes with this
  bool asks_again_ = false;
  std::string offered_;           // the folder of a stage that Latest told of and nobody opened
  Position latest_;               // what Latest said last
  std::unique_ptr<Stage> stage_;  // of the opened range; null: it has no records
  std::optional<StagedRows> rows_;
};

}  // namespace

Result<std::unique_ptr<Source>> MakeSource(const SourceConfig& config, ConnectContext& context) {
  return std::unique_ptr<Source>(std::make_unique<RestSource>(config, context));
}

}  // namespace millrace::rest
