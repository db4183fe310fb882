#include "net/s3/request.h"

#include <aws/auth/signing_config.h>
#include <aws/http/request_response.h>
#include <aws/io/uri.h>
#include <aws/s3/s3_client.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <random>

#include "base/text.h"
#include "net/s3/xml.h"

namespace millrace::s3 {

namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kPatience = std::chrono::milliseconds(500);  // with the first TLS handshake
constexpr size_t kMaxAnswer = size_t{64} << 20;             // bytes of XML or of a small object

aws_byte_cursor Cursor(std::string_view text) {
  return aws_byte_cursor_from_array(text.data(), text.size());
}

std::string_view View(aws_byte_cursor cursor) {
  return {reinterpret_cast<const char*>(cursor.ptr), cursor.len};
}

void TakeHeaders(const aws_http_headers* headers, Response& response) {
  for (size_t i = 0; headers && i < aws_http_headers_count(headers); ++i) {
    aws_http_header header;
    if (aws_http_headers_get_index(headers, i, &header)) continue;
    response.headers[ToLower(View(header.name))] = View(header.value);
  }
}

std::string PathAndQuery(const Core& core, const Request& request) {
  std::string path = core.PathOf(request.bucket, request.key);
  char separator = '?';
  for (const auto& [name, value] : request.query) {
    path += separator + UriEncode(name, false) + "=" + UriEncode(value, false);
    separator = '&';
  }
  return path;
}

aws_http_message* MakeMessage(const Core& core, const Request& request) {
  aws_http_message* message = aws_http_message_new_request(aws_default_allocator());
  aws_http_message_set_request_method(message, Cursor(request.method));
  aws_http_message_set_request_path(message, Cursor(PathAndQuery(core, request)));
  auto add = [&](std::string_view name, std::string_view value) {
    aws_http_message_add_header(message, {.name = Cursor(name), .value = Cursor(value)});
  };
  add("host", core.HostOf(request.bucket));
  add("user-agent", "millrace");
  for (const auto& [name, value] : request.headers) add(name, value);
  if (request.method == "PUT" || request.method == "POST") {
    add("content-length", std::to_string(request.body.size()));
  }
  return message;
}

}  // namespace

std::string Response::Header(const std::string& name) const {
  auto found = headers.find(name);
  return found == headers.end() ? "" : found->second;
}

// Shared by the call and the library's threads: it may outlive the call.
class Call::Attempt {
 public:
  static std::shared_ptr<Attempt> Start(Core& core, const Request& request);

  void Cancel() {
    if (meta_) aws_s3_meta_request_cancel(meta_);
  }
  // The library holds the attempt until it is through with it, and that begins when the caller
  // lets go of the library's handle.
  void LetGo() { meta_ = aws_s3_meta_request_release(meta_); }
  // False when the time is over or stop was requested before.
  bool WaitUntil(Clock::time_point end, std::stop_token stop) {
    std::unique_lock lock(mutex_);
    return changed_.wait_until(lock, stop, end, [&] { return done_; });
  }
  Failure& outcome() { return outcome_; }  // when done

 private:
  explicit Attempt(const Request& request) : body_owner_(request.body_owner), into_(request.into) {}

  static Attempt& Of(void* hold) { return **static_cast<std::shared_ptr<Attempt>*>(hold); }
  static int OnHeaders(aws_s3_meta_request*, const aws_http_headers* headers, int status,
                       void* hold);
  static int OnBody(aws_s3_meta_request*, const aws_byte_cursor* body, uint64_t, void* hold);
  static void OnTelemetry(aws_s3_meta_request*, aws_s3_request_metrics* metrics, void* hold);
  static void OnFinish(aws_s3_meta_request*, const aws_s3_meta_request_result* result, void* hold);
  static void Gone(void* hold) { delete static_cast<std::shared_ptr<Attempt>*>(hold); }
  void Finish(int error);

  const std::shared_ptr<const void> body_owner_;
  const std::shared_ptr<Buffer> into_;
  aws_byte_buf received_{};
  aws_s3_meta_request* meta_ = nullptr;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool done_ = false;
  Failure outcome_;
};

int Call::Attempt::OnHeaders(aws_s3_meta_request*, const aws_http_headers* headers, int status,
                             void* hold) {
  Response& response = Of(hold).outcome_.response;
  response.status = status;
  TakeHeaders(headers, response);
  return AWS_OP_SUCCESS;
}

int Call::Attempt::OnBody(aws_s3_meta_request*, const aws_byte_cursor* body, uint64_t, void* hold) {
  std::string& text = Of(hold).outcome_.response.body;
  if (text.size() + body->len > kMaxAnswer) return aws_raise_error(AWS_ERROR_SHORT_BUFFER);
  text.append(View(*body));
  return AWS_OP_SUCCESS;
}

// The one way to status and headers where the library makes an error code of its own of the answer.
void Call::Attempt::OnTelemetry(aws_s3_meta_request*, aws_s3_request_metrics* metrics, void* hold) {
  Response& response = Of(hold).outcome_.response;
  aws_http_headers* headers = nullptr;
  if (aws_s3_request_metrics_get_response_headers(metrics, &headers) == AWS_OP_SUCCESS) {
    TakeHeaders(headers, response);
  }
  aws_s3_request_metrics_get_response_status_code(metrics, &response.status);
}

void Call::Attempt::OnFinish(aws_s3_meta_request*, const aws_s3_meta_request_result* result,
                             void* hold) {
  Attempt& attempt = Of(hold);
  Response& response = attempt.outcome_.response;
  if (result->response_status) response.status = result->response_status;
  TakeHeaders(result->error_response_headers, response);
  if (const aws_byte_buf* body = result->error_response_body) {
    response.body = View(aws_byte_cursor_from_buf(body));
  }
  if (attempt.into_ && result->error_code == 0) attempt.into_->size = attempt.received_.len;
  attempt.Finish(result->error_code);
}

void Call::Attempt::Finish(int error) {
  std::lock_guard lock(mutex_);
  outcome_.error = error;
  done_ = true;
  changed_.notify_all();
}

std::shared_ptr<Call::Attempt> Call::Attempt::Start(Core& core, const Request& request) {
  std::shared_ptr<Attempt> attempt(new Attempt(request));
  aws_http_message* message = MakeMessage(core, request);
  aws_uri endpoint;
  std::string address = core.scheme + "://" + core.HostOf(request.bucket);
  aws_byte_cursor address_cursor = Cursor(address);
  aws_uri_init_parse(&endpoint, aws_default_allocator(), &address_cursor);

  aws_signing_config_aws signing;
  aws_s3_init_default_signing_config(&signing, Cursor(core.options.region), core.credentials());
  if (!request.body_sha256.empty()) signing.signed_body_value = Cursor(request.body_sha256);

  auto* hold = new std::shared_ptr<Attempt>(attempt);
  aws_s3_meta_request_options options{};
  options.type = AWS_S3_META_REQUEST_TYPE_DEFAULT;
  options.operation_name = Cursor(request.operation);
  options.signing_config = &signing;
  options.message = message;
  options.endpoint = &endpoint;
  options.request_body = Cursor(request.body);
  options.user_data = hold;
  options.headers_callback = OnHeaders;
  options.telemetry_callback = OnTelemetry;
  options.finish_callback = OnFinish;
  options.shutdown_callback = Gone;
  if (request.into) {
    attempt->received_ = {.len = 0,
                          .buffer = reinterpret_cast<uint8_t*>(request.into->data()),
                          .capacity = request.into->size};
    options.type = AWS_S3_META_REQUEST_TYPE_GET_OBJECT;
    options.part_size = request.into->size;
    options.recv_buffer = &attempt->received_;
  } else {
    options.body_callback = OnBody;
  }
  attempt->meta_ = aws_s3_client_make_meta_request(core.client(), &options);
  if (!attempt->meta_) {
    attempt->Finish(aws_last_error());
    Gone(hold);
  }
  aws_uri_clean_up(&endpoint);
  aws_http_message_release(message);
  return attempt;
}

Call::Call(Core& core, Request request)
    : core_(core), request_(std::move(request)), deadline_(Clock::now() + Limit()) {
  Send();
}

Micros Call::Limit() const {
  return request_.time_limit > Micros(0) ? request_.time_limit : core_.options.request_timeout;
}

Call::~Call() {
  if (!attempt_) return;
  attempt_->Cancel();
  attempt_->LetGo();
}

void Call::Send() {
  ++attempts_;
  attempt_ = Attempt::Start(core_, request_);
}

Status Call::WaitForAttempt(std::stop_token stop) {
  if (core_.https() && !core_.answered) {
    if (attempt_->WaitUntil(Clock::now() + kPatience, stop)) return Status::Ok();
    // After a handshake that fails the library is silent for up to 30 s, on purpose.
    std::string fault;
    if (!stop.stop_requested()) {
      fault = CertificateFault(core_.HostOf(request_.bucket), core_.options.ca_file);
    }
    if (!fault.empty()) {
      attempt_->Cancel();
      return BadCertificate(fault).In(request_.operation + " at " + core_.endpoint);
    }
  }
  if (attempt_->WaitUntil(deadline_, stop)) return Status::Ok();
  if (stop.stop_requested()) return Canceled();
  return {Code::kUnavailable,
          request_.operation + " at " + core_.endpoint + " was not done within " +
              FormatDuration(Limit()),
          "request_timeout of the S3 connection is the limit"};
}

Status Call::BackOff(std::stop_token stop) {
  thread_local std::minstd_rand random(std::random_device{}());
  Micros most = core_.options.backoff_base;
  for (int i = 1; i < attempts_ && most < core_.options.backoff_cap; ++i) most *= 2;
  most = std::min(most, core_.options.backoff_cap);
  // Not below half: attempts that all come at once would wait for nothing.
  std::uniform_int_distribution<int64_t> between(most.count() / 2, most.count());
  auto end = std::min(deadline_, Clock::now() + Micros(between(random)));
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_until(lock, stop, end, [] { return false; });
  return stop.stop_requested() ? Canceled() : Status::Ok();
}

namespace {

// The name and text of the server's error, where it sent them.
void ReadError(Failure& failure) {
  if (Result<Xml> xml = ParseXml(failure.response.body); xml.ok()) {
    failure.code = xml->Text("Code");
    failure.message = xml->Text("Message");
  }
  if (!failure.code.empty()) return;
  if (failure.error == AWS_ERROR_S3_REQUEST_TIME_TOO_SKEWED) failure.code = "RequestTimeTooSkewed";
  if (failure.error == AWS_ERROR_S3_SLOW_DOWN) failure.code = "SlowDown";
  if (failure.error == AWS_ERROR_S3_INTERNAL_ERROR) failure.code = "InternalError";
  if (failure.error == AWS_ERROR_S3_REQUEST_TIMEOUT) failure.code = "RequestTimeout";
}

}  // namespace

Result<Response> Call::Wait(std::stop_token stop) {
  int most = request_.attempts ? request_.attempts : core_.options.attempts;
  while (true) {
    if (stop.stop_requested()) return Canceled();
    TRY(WaitForAttempt(stop));
    Failure failure = std::move(attempt_->outcome());
    attempt_->LetGo();
    attempt_.reset();
    if (failure.response.status > 0) core_.answered = true;
    bool fine = request_.fine != 0 && failure.response.status == request_.fine;
    if (failure.error == 0 || fine) return std::move(failure.response);
    ReadError(failure);
    bool again = MayHeal(core_, request_, failure) && attempts_ < most && Clock::now() < deadline_;
    if (!again) {
      Status status = Explain(core_, request_, failure);
      if (attempts_ == 1) return status;
      return Status(status.code(),
                    status.message() + " (" + std::to_string(attempts_) + " attempts)",
                    status.hint());
    }
    TRY(BackOff(stop));
    Send();
  }
}

Result<Response> Send(Core& core, Request request, std::stop_token stop) {
  if (stop.stop_requested()) return Canceled();
  return Call(core, std::move(request)).Wait(stop);
}

std::string Unquoted(std::string etag) {
  std::erase(etag, '"');
  return etag;
}

}  // namespace millrace::s3
