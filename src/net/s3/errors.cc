#include <aws/auth/auth.h>
#include <aws/http/http.h>
#include <aws/io/io.h>
#include <aws/s3/s3.h>

#include <algorithm>
#include <array>
#include <ctime>

#include "net/s3/request.h"
#include "net/s3/xml.h"

namespace millrace::s3 {

namespace {

constexpr char kNoTls[] =
    "does the server speak TLS on this port? Without it the endpoint is http://";

bool IsTls(int error) {
  return error == AWS_IO_TLS_ERROR_NEGOTIATION_FAILURE ||
         error == AWS_IO_TLS_ERROR_ALERT_RECEIVED || error == AWS_IO_TLS_HOST_NAME_MISMATCH ||
         error == AWS_IO_TLS_UNKNOWN_ROOT_CERTIFICATE || error == AWS_IO_TLS_BAD_PEER_CERTIFICATE ||
         error == AWS_IO_TLS_PEER_CERTIFICATE_EXPIRED ||
         error == AWS_IO_TLS_PEER_CERTIFICATE_UNKNOWN ||
         error == AWS_IO_TLS_INVALID_CERTIFICATE_CHAIN || error == AWS_IO_TLS_NEGOTIATION_TIMEOUT ||
         error == AWS_IO_TLS_CERTIFICATE_EXPIRED;
}

// The library could not sign: it found no keys, or was refused those it asked for.
bool IsSigning(int error) {
  return (error >= AWS_AUTH_SIGNING_UNSUPPORTED_ALGORITHM && error < AWS_AUTH_ERROR_END_RANGE);
}

bool OneOf(const std::string& word, std::initializer_list<const char*> words) {
  return std::ranges::any_of(words, [&](const char* each) { return word == each; });
}

std::string Object(const Request& request) {
  if (request.bucket.empty()) return "";
  return " s3://" + request.bucket + (request.key.empty() ? "" : "/" + request.key);
}

std::string Skew(const Failure& failure) {
  std::optional<Time> theirs = ParseHttpDate(failure.response.Header("date"));
  if (!theirs) return "this machine's clock and the server's differ too much";
  Micros ahead = std::chrono::duration_cast<Micros>(std::chrono::system_clock::now() - *theirs);
  return "this machine's clock is " + FormatDuration(std::chrono::abs(ahead)) +
         (ahead > Micros(0) ? " ahead of" : " behind") + " the server's";
}

std::string RegionOf(const Failure& failure) {
  std::string region = failure.response.Header("x-amz-bucket-region");
  Result<Xml> xml = ParseXml(failure.response.body);
  if (region.empty() && xml.ok()) region = xml->Text("Region");
  return region;
}

// What the name of an error says; nullopt: go by the HTTP status.
std::optional<Status> ByName(const Core& core, const Request& request, const Failure& failure) {
  const std::string& code = failure.code;
  if (OneOf(code, {"InvalidAccessKeyId", "XAdminUserNotFound"})) {
    return Invalid(
        "the server does not know the access key" +
            (core.options.access_key.empty() ? "" : " '" + core.options.access_key + "'"),
        "check access_key, and whether it belongs to this endpoint");
  }
  if (code == "SignatureDoesNotMatch") {
    return Invalid("the server computes another signature: the secret key is wrong",
                   "check secret_key; a proxy that rewrites host or path breaks signatures, too");
  }
  if (OneOf(code,
            {"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "InvalidToken"})) {
    return Invalid("the session token has expired or is not valid", "get fresh credentials");
  }
  if (code == "RequestTimeTooSkewed") {
    return Invalid(Skew(failure), "set the clock, for example by NTP");
  }
  if (OneOf(code, {"AccessDenied", "AllAccessDisabled", "AccountProblem"})) {
    return Invalid("access is denied",
                   "the key needs the right to " + request.operation + " there");
  }
  if (code == "NoSuchBucket") {
    return NotFound("bucket '" + request.bucket + "' does not exist", "create it or name another");
  }
  if (code == "NoSuchKey") return NotFound("it does not exist");
  if (OneOf(code, {"PermanentRedirect", "AuthorizationHeaderMalformed", "TemporaryRedirect",
                   "IllegalLocationConstraintException"})) {
    std::string region = RegionOf(failure);
    if (!region.empty() && region != core.options.region) {
      return Invalid("the region is '" + region + "', not '" + core.options.region + "'",
                     "set region: " + region);
    }
    return Invalid("the bucket is in another region than '" + core.options.region + "'");
  }
  if (OneOf(code, {"QuotaExceeded", "XMinioAdminBucketQuotaExceeded", "XMinioStorageFull",
                   "StorageFull", "InsufficientStorage", "NotEnoughSpace", "EntityTooLarge"})) {
    return Status(Code::kExhausted, "the bucket or the server's disk is full: " + code,
                  "free space or raise the quota");
  }
  if (OneOf(code, {"BadDigest", "XAmzContentSHA256Mismatch", "InvalidDigest"})) {
    return Status(Code::kUnavailable, "the server got other bytes than were sent: " + code);
  }
  if (OneOf(code, {"SlowDown", "InternalError", "RequestTimeout"})) {
    std::string said = failure.message.empty() ? "" : ": " + failure.message;
    return Status(Code::kUnavailable, "the server is busy or failed: " + code + said);
  }
  if (code == "NotImplemented") {
    return Invalid("the server does not support this: " + failure.message);
  }
  return std::nullopt;
}

Status ByStatus(const Core& core, const Request& request, const Failure& failure) {
  int status = failure.response.status;
  std::string said = failure.code + (failure.message.empty() ? "" : ": " + failure.message);
  if (said.empty()) said = "HTTP " + std::to_string(status);
  switch (status) {
    case 301:
    case 307: {
      std::string region = RegionOf(failure);
      return Invalid("the bucket is in region '" + (region.empty() ? "another" : region) +
                         "', not '" + core.options.region + "'",
                     region.empty() ? "" : "set region: " + region);
    }
    case 401:
    case 403:
      return Invalid("access is denied" + (failure.code.empty() ? "" : " (" + said + ")"),
                     "check the keys and the right to " + request.operation + " there");
    case 404:
      return NotFound("it does not exist" + (failure.code.empty() ? "" : " (" + said + ")"));
    case 409: return Status(Code::kConflict, said);
    case 412: return Status(Code::kConflict, "the condition of the request does not hold");
    case 507: return Status(Code::kExhausted, "the server's disk is full", "free space there");
    case 408:
    case 429: return Status(Code::kUnavailable, "the server asks to slow down: " + said);
    case 503: return Status(Code::kUnavailable, "the server is busy or not ready: " + said);
  }
  if (status >= 500) return Status(Code::kUnavailable, "the server failed: " + said);
  return Invalid(said);
}

// Nothing was answered: what the way to the server was like.
Status ByError(const Core& core, const Request& request, int error) {
  std::string host = core.HostOf(request.bucket);
  if (error == AWS_IO_DNS_INVALID_NAME || error == AWS_IO_DNS_NO_ADDRESS_FOR_HOST) {
    return Invalid("the name '" + host.substr(0, host.rfind(':')) + "' is not known",
                   "check endpoint" + std::string(host == core.host ? "" : ", or set path_style"));
  }
  if (error == AWS_IO_DNS_QUERY_FAILED || error == AWS_IO_DNS_QUERY_AGAIN) {
    return Status(Code::kUnavailable, "the name '" + host + "' cannot be looked up",
                  "check this machine's DNS");
  }
  if (error == AWS_IO_SOCKET_CONNECTION_REFUSED) {
    return Status(Code::kUnavailable, "the connection is refused: nothing listens there",
                  "start the server, or check host and port of endpoint");
  }
  if (error == AWS_IO_SOCKET_TIMEOUT) {
    return Status(Code::kUnavailable,
                  "no connection within " + FormatDuration(core.options.connect_timeout),
                  "a firewall, or the wrong host; connect_timeout is the limit");
  }
  if (error == AWS_IO_SOCKET_NO_ROUTE_TO_HOST || error == AWS_IO_SOCKET_NETWORK_DOWN) {
    return Status(Code::kUnavailable, "there is no route to it", "check this machine's network");
  }
  if (error == AWS_ERROR_HTTP_CHANNEL_THROUGHPUT_FAILURE) {
    return Status(Code::kUnavailable,
                  "it sent nothing for " + FormatDuration(core.options.read_timeout),
                  "read_timeout is the limit");
  }
  if (IsTls(error)) {
    std::string fault = CertificateFault(host, core.options.ca_file);
    if (!fault.empty()) return BadCertificate(fault);
    return Status(Code::kUnavailable, "the TLS handshake failed", kNoTls);
  }
  if (IsSigning(error)) {
    return Invalid(
        std::string("no credentials: ") + aws_error_str(error),
        "give access_key and secret_key, a profile, or the environment's AWS_… variables");
  }
  if (error == AWS_ERROR_SHORT_BUFFER) {
    return Status(Code::kExhausted, "the answer is longer than was asked for");
  }
  return Status(Code::kUnavailable, std::string("the connection broke: ") + aws_error_str(error),
                core.https() && !core.answered ? kNoTls : "");
}

}  // namespace

std::optional<Time> ParseHttpDate(const std::string& text) {
  std::tm tm{};
  if (!::strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S", &tm)) return std::nullopt;
  return Time(std::chrono::seconds(::timegm(&tm)));
}

Status BadCertificate(const std::string& fault) {
  return Invalid(fault,
                 "ca_file names the authority's certificate; the endpoint must have the name "
                 "in the server's certificate");
}

bool MayHeal(const Core& core, const Request& request, const Failure& failure) {
  int status = failure.response.status;
  if (OneOf(failure.code,
            {"OperationAborted", "ConditionalRequestConflict", "RequestTimeout", "SlowDown",
             "InternalError", "BadDigest", "XAmzContentSHA256Mismatch"})) {
    return true;
  }
  if (status >= 300) {
    if (ByName(core, request, failure)) return false;
    return status == 408 || status == 429 || (status >= 500 && status != 501 && status != 507);
  }
  if (IsTls(failure.error)) {
    return CertificateFault(core.HostOf(request.bucket), core.options.ca_file).empty();
  }
  return ByError(core, request, failure.error).code() == Code::kUnavailable;
}

Status Explain(const Core& core, const Request& request, const Failure& failure) {
  // An answer of 200 may hold an error: that of a copy or of a multipart upload.
  bool answered = failure.response.status >= 300 || !failure.code.empty();
  std::optional<Status> named = answered ? ByName(core, request, failure) : std::nullopt;
  Status status = named      ? *named
                  : answered ? ByStatus(core, request, failure)
                             : ByError(core, request, failure.error);
  return status.In(request.operation + Object(request) + " at " + core.endpoint);
}

}  // namespace millrace::s3
