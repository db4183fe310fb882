#include "net/http/client.h"

#include <curl/curl.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/text.h"
#include "net/http/curl_errors.h"
#include "net/http/transfer.h"
#include "net/http/url.h"

namespace millrace::http {

namespace {

constexpr long kConnectionsKept = 256;
constexpr int kPollMs = 1000;

long Ms(Micros duration) {
  return std::max<long>(
      1,
      static_cast<long>(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count()));
}

// libcurl's time-out for silence counts whole seconds.
long Seconds(Micros duration) {
  return std::max<long>(1, static_cast<long>((duration.count() + 999'999) / 1'000'000));
}

class MultiClient final : public Client {
 public:
  explicit MultiClient(ClientOptions options) : options_(std::move(options)) {
    multi_ = curl_multi_init();
    curl_multi_setopt(multi_, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
    curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, kConnectionsKept);
    loop_ = std::jthread([this](std::stop_token stop) { Loop(stop); });
  }

  ~MultiClient() override {
    loop_.request_stop();
    curl_multi_wakeup(multi_);
    loop_.join();
    for (CURL* easy : idle_) curl_easy_cleanup(easy);
    curl_multi_cleanup(multi_);
  }

  Result<Response> Send(const Request& request, std::stop_token stop) override;

 private:
  using Handed = std::shared_ptr<Transfer>;

  Status Prepare(Transfer& transfer) const;
  void Loop(std::stop_token stop);
  void TakeIn();
  void Begin(const Handed& transfer);
  void Configure(CURL* easy, Transfer& transfer) const;
  void Finish(CURL* easy, CURLcode code);
  void Drop(const Handed& transfer);
  class Stream;
  Status HandOver(const Handed& transfer, std::stop_token stop);
  void Tell(std::deque<Handed>& queue, const Handed& transfer);

  const ClientOptions options_;
  CURLM* multi_;

  std::mutex mutex_;  // over what the callers and the event thread share
  std::condition_variable_any room_;
  int in_flight_ = 0;
  std::deque<Handed> incoming_, unwanted_, resumed_;

  // Of the event thread alone.
  std::map<CURL*, Handed> running_;
  std::vector<CURL*> idle_;
  std::jthread loop_;
};

Status MultiClient::Prepare(Transfer& transfer) const {
  const Request& request = transfer.request;
  Query query = request.query;
  for (const auto& [name, value] : request.credentials.query)
    query.emplace_back(name, value.Reveal());
  transfer.url = WithQuery(request.url, query);
  transfer.host = TRY(ParseUrl(request.url)).host;
  if (request.file_body) TRY(transfer.body.Open(*request.file_body));
  transfer.max_body = options_.max_body;
  transfer.max_headers = options_.max_headers;
  auto add = [&](const std::string& name, const std::string& value) -> Status {
    std::string line = name + (value.empty() ? ";" : ": " + value);
    if (line.find_first_of(std::string_view("\r\n\0", 3)) != line.npos)
      return Invalid("header '" + CutText(name, 50) + "' has a line end in it");
    transfer.headers = curl_slist_append(transfer.headers, line.c_str());
    return Status::Ok();
  };
  for (const auto& [name, value] : request.headers) TRY(add(name, value));
  for (const auto& [name, value] : request.credentials.headers) TRY(add(name, value.Reveal()));
  if (!request.content_type.empty()) TRY(add("Content-Type", request.content_type));
  if (!FindHeader(request.headers, "User-Agent")) TRY(add("User-Agent", "millrace"));
  transfer.headers = curl_slist_append(transfer.headers, "Expect:");  // one trip less
  return Status::Ok();
}

// Takes all that came at once, so that the two threads seldom meet.
class MultiClient::Stream final : public BodyStream {
 public:
  Stream(Handed transfer, MultiClient& client, std::stop_token stop)
      : transfer_(std::move(transfer)), client_(client), stop_(std::move(stop)) {}

  Result<size_t> Read(char* out, size_t size) override {
    if (at_ == taken_.size()) TRY(TakeMore());
    size_t got = taken_.copy(out, size, at_);
    at_ += got;
    return got;
  }

 private:
  Status TakeMore() {
    std::unique_lock lock(transfer_->mutex);
    if (!transfer_->Wait(lock, stop_)) return Canceled();
    if (transfer_->coming.empty()) TRY(transfer_->status);
    taken_.clear();
    taken_.swap(transfer_->coming);
    at_ = 0;
    bool resume = std::exchange(transfer_->paused, false);
    lock.unlock();
    if (resume) client_.Tell(client_.resumed_, transfer_);
    return Status::Ok();
  }

  const Handed transfer_;
  MultiClient& client_;
  const std::stop_token stop_;
  std::string taken_;
  size_t at_ = 0;
};

void MultiClient::Tell(std::deque<Handed>& queue, const Handed& transfer) {
  {
    std::lock_guard lock(mutex_);
    queue.push_back(transfer);
  }
  curl_multi_wakeup(multi_);
}

Result<Response> MultiClient::Send(const Request& request, std::stop_token stop) {
  auto transfer = std::make_shared<Transfer>();
  transfer->request = request;
  TRY(Prepare(*transfer));
  {
    std::unique_lock lock(mutex_);
    if (!room_.wait(lock, stop, [&] { return in_flight_ < options_.max_in_flight; }))
      return Canceled();
    ++in_flight_;
  }
  Tell(incoming_, transfer);
  Status status = HandOver(transfer, stop);
  std::unique_lock lock(transfer->mutex);
  Response response;
  if (status.ok()) response = std::move(transfer->response);
  transfer->abandoned = !transfer->done;
  lock.unlock();
  if (transfer->abandoned) Tell(unwanted_, transfer);
  TRY(std::move(status));
  return response;
}

// Until the exchange is done, or whoever takes its body has enough.
Status MultiClient::HandOver(const Handed& transfer, std::stop_token stop) {
  std::unique_lock lock(transfer->mutex);
  if (!transfer->Wait(lock, stop)) return Canceled();
  if (transfer->done) TRY(transfer->status);
  int status = transfer->response.status;
  lock.unlock();
  if (!transfer->request.on_body || status < 200 || status > 299) return Status::Ok();
  Stream stream(transfer, *this, stop);
  return transfer->request.on_body(transfer->response, stream);
}

void MultiClient::Loop(std::stop_token stop) {
  while (!stop.stop_requested()) {
    TakeIn();
    int running = 0, left = 0;
    curl_multi_perform(multi_, &running);
    while (CURLMsg* message = curl_multi_info_read(multi_, &left)) {
      if (message->msg == CURLMSG_DONE) Finish(message->easy_handle, message->data.result);
    }
    curl_multi_poll(multi_, nullptr, 0, kPollMs, nullptr);
  }
  std::vector<Handed> all;
  for (const auto& [easy, transfer] : running_) all.push_back(transfer);
  for (const Handed& transfer : all) Drop(transfer);
}

void MultiClient::TakeIn() {
  std::deque<Handed> incoming, unwanted, resumed;
  {
    std::lock_guard lock(mutex_);
    incoming.swap(incoming_);
    unwanted.swap(unwanted_);
    resumed.swap(resumed_);
  }
  for (const Handed& transfer : incoming) Begin(transfer);
  for (const Handed& transfer : resumed) {
    auto running = running_.find(transfer->easy);
    if (running != running_.end() && running->second == transfer)
      curl_easy_pause(transfer->easy, CURLPAUSE_CONT);
  }
  for (const Handed& transfer : unwanted) Drop(transfer);
}

void MultiClient::Begin(const Handed& transfer) {
  CURL* easy = nullptr;
  if (idle_.empty()) {
    easy = curl_easy_init();
  } else {
    easy = idle_.back();
    idle_.pop_back();
  }
  transfer->easy = easy;
  Configure(easy, *transfer);
  running_[easy] = transfer;
  curl_multi_add_handle(multi_, easy);
}

void MultiClient::Configure(CURL* easy, Transfer& transfer) const {
  auto set = [easy](CURLoption option, auto value) { curl_easy_setopt(easy, option, value); };
  const Request& request = transfer.request;
  set(CURLOPT_URL, transfer.url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_QUICK_EXIT, 1L);  // a stop does not wait for a slow name server
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
  set(CURLOPT_ACCEPT_ENCODING, "");  // all that libcurl can take off
  set(CURLOPT_HTTPHEADER, transfer.headers);
  set(CURLOPT_ERRORBUFFER, transfer.words);
  set(CURLOPT_WRITEFUNCTION, &OnBytes);
  set(CURLOPT_WRITEDATA, static_cast<void*>(&transfer));
  set(CURLOPT_HEADERFUNCTION, &OnHeader);
  set(CURLOPT_HEADERDATA, static_cast<void*>(&transfer));
  set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  // What one piece is unpacked to must fit where libcurl keeps it while a reader is slow: 64 MB.
  set(CURLOPT_BUFFERSIZE, 32L * 1024L);
  set(CURLOPT_CONNECTTIMEOUT_MS, Ms(options_.connect_timeout));
  set(CURLOPT_TIMEOUT_MS, Ms(options_.timeout));
  set(CURLOPT_LOW_SPEED_LIMIT, 1L);
  set(CURLOPT_LOW_SPEED_TIME, Seconds(options_.read_timeout));
  if (!options_.ca_file.empty()) set(CURLOPT_CAINFO, options_.ca_file.c_str());
  if (options_.proxy) set(CURLOPT_PROXY, options_.proxy->c_str());
  if (request.method == "HEAD") {
    set(CURLOPT_NOBODY, 1L);
  } else if (request.file_body) {
    set(CURLOPT_POST, 1L);
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(transfer.body.size()));
    set(CURLOPT_READFUNCTION, &OnBodyWanted);
    set(CURLOPT_READDATA, static_cast<void*>(&transfer));
    set(CURLOPT_SEEKFUNCTION, &OnBodySeek);
    set(CURLOPT_SEEKDATA, static_cast<void*>(&transfer));
    set(CURLOPT_UPLOAD_BUFFERSIZE, 256L * 1024L);
  } else if (!request.body.empty() || request.method == "POST") {
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    set(CURLOPT_POSTFIELDS, request.body.c_str());
  }
  if (request.method != "GET" && request.method != "HEAD" && request.method != "POST")
    set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
  if (request.method == "GET" && !request.body.empty()) set(CURLOPT_CUSTOMREQUEST, "GET");
}

void MultiClient::Finish(CURL* easy, CURLcode code) {
  auto found = running_.find(easy);
  Handed transfer = found->second;
  running_.erase(found);
  Response& response = transfer->response;
  long status = 0, verify = 0;
  curl_off_t wire = 0, expected = -1;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(easy, CURLINFO_SIZE_DOWNLOAD_T, &wire);
  curl_easy_getinfo(easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &expected);
  curl_easy_getinfo(easy, CURLINFO_SSL_VERIFYRESULT, &verify);
  curl_multi_remove_handle(multi_, easy);
  curl_easy_reset(easy);
  idle_.push_back(easy);
  Status end = transfer->failure;
  if (end.ok() && code != CURLE_OK) {
    end = ExplainCurl({.code = code,
                       .words = transfer->words,
                       .verify_result = verify,
                       .got = wire,
                       .expected = expected,
                       .had_headers = status != 0},
                      transfer->host, options_);
  }
  {
    std::lock_guard lock(mutex_);
    --in_flight_;
  }
  room_.notify_one();
  std::lock_guard lock(transfer->mutex);
  if (transfer->received == 0) response.status = static_cast<int>(status);
  response.wire_bytes = wire;
  transfer->status = std::move(end);
  transfer->done = true;
  transfer->changed.notify_all();
}

void MultiClient::Drop(const Handed& transfer) {
  for (auto it = running_.begin(); it != running_.end(); ++it) {
    if (it->second != transfer) continue;
    curl_multi_remove_handle(multi_, it->first);
    curl_easy_cleanup(it->first);
    running_.erase(it);
    {
      std::lock_guard lock(mutex_);
      --in_flight_;
    }
    room_.notify_one();
    return;
  }
}

}  // namespace

Result<std::unique_ptr<Client>> Client::Create(ClientOptions options) {
  static std::once_flag once;
  static CURLcode started = CURLE_OK;
  std::call_once(once, [] { started = curl_global_init(CURL_GLOBAL_ALL); });
  if (started != CURLE_OK) return Internal("libcurl does not start");
  return std::unique_ptr<Client>(new MultiClient(std::move(options)));
}

}  // namespace millrace::http
