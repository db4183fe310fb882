#include "connect/rest/fetch.h"

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>

#include "base/text.h"
#include "config/json.h"
#include "connect/rest/requester.h"
#include "net/http/url.h"

namespace millrace::rest {

namespace {

// So many that failed and none that did not: the server is down, and is left alone.
constexpr size_t kHopeless = 16;

// Texts inside a body of any shape.
Json FillBody(const YamlNode& node, const Member& member) {
  if (node.IsMap()) {
    Json json = Json::object();
    for (const auto& [key, value] : node.entries) json[key.scalar] = FillBody(value, member);
    return json;
  }
  if (node.IsList()) {
    Json json = Json::array();
    for (const YamlNode& item : node.items) json.push_back(FillBody(item, member));
    return json;
  }
  if (node.IsNull()) return nullptr;
  if (!node.quoted) {  // numbers and booleans as YAML means them
    Json json = Json::parse(node.scalar, nullptr, /*allow_exceptions=*/false);
    if (json.is_number() || json.is_boolean()) return json;
  }
  return Fill(node.scalar, member);
}

std::string HeaderOf(const http::Response& response, std::string_view name) {
  const std::string* value = http::FindHeader(response.headers, name);
  return value ? *value : "";
}

}  // namespace

Fetch::Fetch(const SourceConfig& config, http::Requester& requester,
             const Paginator& paginator, const PageReader& reader, Stage& stage)
    : config_(config),
      requester_(requester),
      paginator_(paginator),
      reader_(reader),
      stage_(stage),
      most_members_(stage.members().size()),
      most_pages_(config.paginator.max_pages) {
  for (const std::string& status : config.error_handler.ignore)
    ignored_.insert(std::atoi(status.c_str()));
}

void Fetch::Limit(size_t members, int64_t pages) {
  most_members_ = std::min(members, most_members_);
  most_pages_ = -pages;  // an end, not a fault
}

Result<bool> Fetch::Run(const Validators& validators, std::stop_token stop) {
  validators_ = validators;
  progress_.assign(stage_.members().size(), {.next = paginator_.First()});
  for (const StagedPage& page : stage_.pages()) {
    Progress& progress = progress_[page.member];
    progress.next = page.next;
    progress.asked.insert(page.request);
    progress.last_sha256 = page.records > 0 ? page.sha256 : "";
    progress.pages = std::max(progress.pages, page.number + 1);
  }
  std::set<size_t> given_up;
  for (const GivenUp& each : stage_.given_up()) given_up.insert(each.member);
  for (size_t member = 0; member < most_members_; ++member) {
    if (progress_[member].next && !given_up.contains(member)) todo_.push_back(member);
    if (!progress_[member].next) ++succeeded_;
  }
  size_t workers = std::min<size_t>(static_cast<size_t>(config_.parallel), todo_.size());
  std::stop_source enough;  // one fatal failure ends all
  std::stop_callback forward(stop, [&] { enough.request_stop(); });
  {
    std::vector<std::jthread> threads;
    for (size_t i = 0; i < workers; ++i) {
      threads.emplace_back([this, i, &enough] {
        Status status = Work(static_cast<int>(i), enough.get_token());
        if (status.ok()) return;
        std::lock_guard lock(mutex_);
        if (fatal_.ok() && !enough.stop_requested()) fatal_ = status;
        enough.request_stop();
      });
    }
  }
  if (stop.stop_requested()) return Canceled();
  TRY(std::move(fatal_));
  TRY(RetryAlone(stop));
  return unchanged_;
}

Status Fetch::Work(int lane, std::stop_token stop) {
  for (;;) {
    if (stop.stop_requested()) return Canceled();
    size_t index = next_++;
    if (index >= todo_.size()) return Status::Ok();
    size_t member = todo_[index];
    Status status = Walk(member, lane, stop);
    if (status.ok()) {
      ++succeeded_;
      continue;
    }
    if (IsFatal(status)) return status;
    std::lock_guard lock(mutex_);
    failures_.push_back({member, status});
    if (failures_.size() >= kHopeless && succeeded_ == 0) {
      return Status(status.code(),
                    status.message() + "; the first " + std::to_string(failures_.size()) +
                        " members failed, and none did not",
                    status.hint());
    }
  }
}

// Where others would fare no better.
bool Fetch::IsFatal(const Status& status) const {
  return status.code() == Code::kCanceled || status.code() == Code::kInternal || !MayPutAside() ||
         requester_.Hopeless();
}

bool Fetch::MayPutAside() const {
  return config_.for_each.has_value() && !config_.incremental_sync && stage_.members().size() > 1;
}

Status Fetch::RetryAlone(std::stop_token stop) {
  std::sort(failures_.begin(), failures_.end(),
            [](const Failure& a, const Failure& b) { return a.member < b.member; });
  Status last;
  for (const Failure& failure : failures_) {
    Status status = Walk(failure.member, 0, stop);
    if (status.ok()) {
      ++succeeded_;
      continue;
    }
    if (IsFatal(status)) return status;
    last = status;
    Result<http::Request> request = MakeRequest(failure.member, paginator_.First());
    std::string url =
        request.ok() ? requester_.Shown(http::WithQuery(request->url, request->query)) : "";
    TRY(stage_.NoteGivenUp({failure.member, requester_.Masked(status.message()), url}));
  }
  if (succeeded_ > 0 || last.ok()) return Status::Ok();
  return Status(last.code(), last.message() + "; so did all other members", last.hint());
}

Status Fetch::Walk(size_t member, int lane, std::stop_token stop) {
  Progress& progress = progress_[member];
  while (progress.next) {
    if (most_pages_ < 0 && progress.pages >= -most_pages_) return Status::Ok();
    if (most_pages_ >= 0 && progress.pages >= most_pages_) {
      return {Code::kExhausted, "there are more than " + FormatCount(most_pages_) + " pages",
              "raise `paginator.max_pages`, or see why they do not end"};
    }
    TRY(Page(member, progress, lane, stop));
  }
  return Status::Ok();
}

Status Fetch::Page(size_t member, Progress& progress, int lane, std::stop_token stop) {
  http::Request request = TRY(MakeRequest(member, *progress.next));
  bool first = progress.pages == 0 && stage_.members().size() == 1;
  if (first && !validators_.etag.empty())
    request.headers.emplace_back("If-None-Match", validators_.etag);
  if (first && !validators_.modified.empty())
    request.headers.emplace_back("If-Modified-Since", validators_.modified);
  PageBody body;
  bool again = false;
  std::string page = "page " + FormatCount(progress.pages + 1);
  request.on_body = [&](const http::Response& head, http::BodyStream& bytes) -> Status {
    if (std::exchange(again, true)) TRY(stage_.Undo(lane));  // it ended too early
    Result<PageBody> read = ReadBody(head, bytes, member, lane, stop);
    if (!read.ok()) return read.status().In(page);
    body = *std::move(read);
    return Status::Ok();
  };
  std::string where = request.method + " ";
  Result<http::Response> response = requester_.Send(std::move(request), stop, ignored_);
  Status status = response.status();
  if (response.ok() && response->status == 304) {
    unchanged_ = true;
    progress.next.reset();
    return Status::Ok();
  }
  if (response.ok()) {
    where += requester_.Shown(response->url) + ": " + page;
    status = Take(*response, std::move(body), member, progress, lane).In(where);
  }
  if (!status.ok()) TRY(stage_.Undo(lane));
  return status;
}

Result<Fetch::PageBody> Fetch::ReadBody(const http::Response& head, http::BodyStream& bytes,
                                        size_t member, int lane, std::stop_token stop) {
  WriterOptions options{.prefix = stage_.members()[member].prefix,
                        .max_record = config_.max_record.count};
  if (config_.incremental_sync) {
    options.cursor_field = config_.incremental_sync->cursor_field;
    options.order = {config_.incremental_sync->cursor_type,
                     config_.incremental_sync->datetime_format};
  }
  RecordWriter writer(stage_.LaneFile(lane), stage_.LanePath(lane), options, stage_.sample());
  PageBody body;
  body.there = head.status != 204;
  if (body.there) body.beside = TRY(reader_.Read(head, bytes, writer, stop));
  body.summary = TRY(writer.Finish());
  return body;
}

// The page is in its lane: what comes after it, and whether it is one at all.
Status Fetch::Take(const http::Response& response, PageBody body, size_t member,
                   Progress& progress, int lane) {
  const PageSummary& summary = body.summary;
  StagedPage page{.member = member,
                  .number = progress.pages,
                  .request = *progress.next,
                  .lane = lane,
                  .sha256 = summary.sha256,
                  .etag = HeaderOf(response, "ETag"),
                  .modified = HeaderOf(response, "Last-Modified")};
  if (body.there) {
    page.next = Kept(TRY(paginator_.Next(page.request, {.response = &response,
                                                        .beside = &body.beside,
                                                        .last = &summary.last,
                                                        .records = summary.records,
                                                        .number = page.number})));
  }
  progress.asked.insert(page.request);
  TRY(CheckLoop(progress, page, summary.records));
  progress.last_sha256 = summary.records > 0 ? summary.sha256 : "";
  progress.next = page.next;
  ++progress.pages;
  return stage_.Note(std::move(page), summary);
}

// Some servers repeat the key in their next address: it is not staged, and put there anew.
std::optional<std::string> Fetch::Kept(std::optional<std::string> state) const {
  if (!state) return state;
  Json json = Json::parse(*state, nullptr, /*allow_exceptions=*/false);
  if (!json.contains("url")) return state;
  json["url"] = requester_.Kept(json["url"].get<std::string>());
  return json.dump();
}

Status Fetch::CheckLoop(const Progress& progress, const StagedPage& page, int64_t records) const {
  if (records > 0 && page.sha256 == progress.last_sha256) {
    return Invalid("it has the same records as the page before",
                   "the server does not heed the pagination: see the names in `paginator`");
  }
  if (page.next && progress.asked.contains(*page.next)) {
    return Invalid("its next page is one that was asked for before: the pages go round",
                   "see `paginator`");
  }
  return Status::Ok();
}

Result<http::Request> Fetch::MakeRequest(size_t index, const std::string& state) const {
  const Member& member = stage_.members()[index];
  http::Request request{.method = config_.method};
  request.url = TRY(Address(config_, Fill(config_.url, member, /*encode=*/true)));
  request.headers.emplace_back("Accept",
                               "application/json, application/x-ndjson, text/csv, */*;q=0.5");
  for (const auto& [name, value] : config_.headers) {
    std::erase_if(request.headers,
                  [&](const auto& each) { return ToLower(each.first) == ToLower(name); });
    request.headers.emplace_back(name, Fill(value, member));
  }
  for (const auto& [name, value] : config_.params)
    request.query.emplace_back(name, Fill(value, member));
  if (config_.incremental_sync) {
    const IncrementalSync& sync = *config_.incremental_sync;
    auto add = [&](const std::string& name, const char* value) {
      const std::string& text = member.values.at(value);
      if (!name.empty() && !text.empty()) request.query.emplace_back(name, text);
    };
    add(sync.start_param, "window.start");
    add(sync.end_param, "window.end");
  }
  Json body;
  if (!config_.body.IsNull()) body = FillBody(config_.body, member);
  TRY(paginator_.Apply(state, request, body));
  if (!body.is_null()) {
    request.body = body.is_string() ? body.get<std::string>() : body.dump();
    request.content_type = body.is_string() ? "text/plain" : "application/json";
  }
  return request;
}

}  // namespace millrace::rest
