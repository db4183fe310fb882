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
#include "net/http/url.h"

namespace millrace::http {

namespace {

constexpr long kConnectionsKept = 256;
constexpr int kPollMs = 1000;
constexpr int64_t kMostQueued = 4 << 20;  // bytes of a stream that nobody has read yet

// One exchange; the caller waits for `done`, the event thread does all else.
struct Transfer {
  Request request;
  std::string url, host;
  curl_slist* headers = nullptr;
  int64_t max_body = 0, max_headers = 0;
  char words[CURL_ERROR_SIZE] = "";

  CURL* easy = nullptr;
  Response response;
  int64_t header_bytes = 0, received = 0, body_memory = 0;
  bool may_stream = false;
  Status failure;  // of ours: a limit, a full disk

  std::mutex mutex;
  std::condition_variable_any changed;
  bool done = false;
  Status status;
  // Of a long body: on its way from the event thread to the caller.
  bool streaming = false, paused = false, abandoned = false;
  Response head;
  std::deque<std::string> pieces;
  int64_t queued = 0;

  ~Transfer() { curl_slist_free_all(headers); }
};

// From here on the caller takes the body.
void BeginStream(Transfer& transfer) {
  long status = 0;
  curl_easy_getinfo(transfer.easy, CURLINFO_RESPONSE_CODE, &status);
  if (status < 200 || status > 299) {
    transfer.may_stream = false;
    return;
  }
  std::lock_guard lock(transfer.mutex);
  transfer.streaming = true;
  transfer.head.status = static_cast<int>(status);
  transfer.head.headers = transfer.response.headers;
  transfer.queued = transfer.response.body.size();
  transfer.pieces.push_back(transfer.response.body.text());
  transfer.response.body.Clear();
  transfer.changed.notify_all();
}

size_t Queue(Transfer& transfer, std::string_view bytes) {
  std::lock_guard lock(transfer.mutex);
  if (transfer.abandoned) return 0;
  if (transfer.queued > kMostQueued) {
    transfer.paused = true;
    return CURL_WRITEFUNC_PAUSE;  // the same bytes come again
  }
  transfer.pieces.emplace_back(bytes);
  transfer.queued += static_cast<int64_t>(bytes.size());
  transfer.received += static_cast<int64_t>(bytes.size());
  transfer.changed.notify_all();
  return bytes.size();
}

size_t OnBody(char* bytes, size_t, size_t size, void* data) {
  auto& transfer = *static_cast<Transfer*>(data);
  Body& body = transfer.response.body;
  int64_t length = transfer.received + static_cast<int64_t>(size);
  if (length > transfer.max_body) {
    transfer.failure = {Code::kExhausted,
                        "the answer is longer than " + FormatBytes(transfer.max_body),
                        "ask for smaller pages, or raise `max_body`"};
    return 0;
  }
  if (transfer.may_stream && !transfer.streaming && length > transfer.body_memory)
    BeginStream(transfer);
  if (transfer.streaming) return Queue(transfer, {bytes, size});
  transfer.received = length;
  transfer.failure = body.Append({bytes, size});
  return transfer.failure.ok() ? size : 0;
}

size_t OnHeader(char* bytes, size_t, size_t size, void* data) {
  auto& transfer = *static_cast<Transfer*>(data);
  std::string_view line(bytes, size);
  transfer.header_bytes += static_cast<int64_t>(size);
  if (transfer.header_bytes > transfer.max_headers) {
    transfer.failure = {Code::kExhausted,
                        "its headers are longer than " + FormatBytes(transfer.max_headers),
                        "raise `max_headers`"};
    return 0;
  }
  // What came before a status line was of a proxy, or of `100 Continue`.
  if (line.starts_with("HTTP/")) transfer.response.headers.clear();
  size_t colon = line.find(':');
  if (colon != line.npos) {
    transfer.response.headers.emplace_back(Trim(line.substr(0, colon)),
                                           Trim(line.substr(colon + 1)));
  }
  return size;
}

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

  Result<Response> Send(const Request& request, std::stop_token stop,
                        const LongBody& on_long) override;
  void Resume(const std::shared_ptr<Transfer>& transfer);

 private:
  using Handed = std::shared_ptr<Transfer>;

  Status Prepare(Transfer& transfer) const;
  void Loop(std::stop_token stop);
  void TakeIn();
  void Begin(const Handed& transfer);
  void Configure(CURL* easy, Transfer& transfer) const;
  void Finish(CURL* easy, CURLcode code);
  void Drop(const Handed& transfer);
  Status GiveUp(const Handed& transfer, Status status);

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
  transfer.max_body = options_.max_body;
  transfer.max_headers = options_.max_headers;
  transfer.body_memory = options_.body_memory;
  transfer.response.body = Body(options_.body_folder, options_.body_memory);
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

// What the event thread queued, in order.
class Stream final : public BodyStream {
 public:
  Stream(std::shared_ptr<Transfer> transfer, MultiClient& client, std::stop_token stop)
      : transfer_(std::move(transfer)), client_(client), stop_(std::move(stop)) {}

  Result<size_t> Read(char* out, size_t size) override {
    std::unique_lock lock(transfer_->mutex);
    auto ready = [&] { return !transfer_->pieces.empty() || transfer_->done; };
    if (!transfer_->changed.wait(lock, stop_, ready)) return Canceled();
    if (transfer_->pieces.empty()) {
      if (!transfer_->status.ok()) return transfer_->status;
      return size_t{0};
    }
    std::string& piece = transfer_->pieces.front();
    size_t got = std::min(size, piece.size() - taken_);
    piece.copy(out, got, taken_);
    taken_ += got;
    if (taken_ == piece.size()) {
      transfer_->queued -= static_cast<int64_t>(taken_);
      transfer_->pieces.pop_front();
      taken_ = 0;
    }
    bool resume = transfer_->paused && transfer_->queued < kMostQueued / 2;
    if (resume) transfer_->paused = false;
    lock.unlock();
    if (resume) client_.Resume(transfer_);
    return got;
  }

 private:
  const std::shared_ptr<Transfer> transfer_;
  MultiClient& client_;
  const std::stop_token stop_;
  size_t taken_ = 0;  // of the first piece
};

void MultiClient::Resume(const Handed& transfer) {
  {
    std::lock_guard lock(mutex_);
    resumed_.push_back(transfer);
  }
  curl_multi_wakeup(multi_);
}

Status MultiClient::GiveUp(const Handed& transfer, Status status) {
  {
    std::lock_guard lock(transfer->mutex);
    transfer->abandoned = true;
    transfer->pieces.clear();
  }
  {
    std::lock_guard lock(mutex_);
    unwanted_.push_back(transfer);
  }
  curl_multi_wakeup(multi_);
  return status;
}

Result<Response> MultiClient::Send(const Request& request, std::stop_token stop,
                                   const LongBody& on_long) {
  auto transfer = std::make_shared<Transfer>();
  transfer->request = request;
  transfer->may_stream = static_cast<bool>(on_long);
  TRY(Prepare(*transfer));
  {
    std::unique_lock lock(mutex_);
    if (!room_.wait(lock, stop, [&] { return in_flight_ < options_.max_in_flight; }))
      return Canceled();
    ++in_flight_;
    incoming_.push_back(transfer);
  }
  curl_multi_wakeup(multi_);
  std::unique_lock lock(transfer->mutex);
  auto begun = [&] { return transfer->done || transfer->streaming; };
  auto done = [&] { return transfer->done; };
  bool on_its_way = transfer->changed.wait(lock, stop, begun);
  if (on_its_way && transfer->streaming) {
    lock.unlock();
    Stream stream(transfer, *this, stop);
    Status taken = on_long(transfer->head, stream);
    if (!taken.ok()) return GiveUp(transfer, std::move(taken));
    transfer->response.streamed = true;
    lock.lock();
    on_its_way = transfer->changed.wait(lock, stop, done);
  }
  if (!on_its_way) {
    lock.unlock();
    return GiveUp(transfer, Canceled());
  }
  if (!transfer->status.ok()) return transfer->status;
  return std::move(transfer->response);
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
  set(CURLOPT_WRITEFUNCTION, &OnBody);
  set(CURLOPT_WRITEDATA, static_cast<void*>(&transfer));
  set(CURLOPT_HEADERFUNCTION, &OnHeader);
  set(CURLOPT_HEADERDATA, static_cast<void*>(&transfer));
  set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  set(CURLOPT_BUFFERSIZE, 128L * 1024L);
  set(CURLOPT_CONNECTTIMEOUT_MS, Ms(options_.connect_timeout));
  set(CURLOPT_TIMEOUT_MS, Ms(options_.timeout));
  set(CURLOPT_LOW_SPEED_LIMIT, 1L);
  set(CURLOPT_LOW_SPEED_TIME, Seconds(options_.read_timeout));
  if (!options_.ca_file.empty()) set(CURLOPT_CAINFO, options_.ca_file.c_str());
  if (options_.proxy) set(CURLOPT_PROXY, options_.proxy->c_str());
  if (request.method == "HEAD") {
    set(CURLOPT_NOBODY, 1L);
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
  response.status = static_cast<int>(status);
  response.wire_bytes = wire;
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
