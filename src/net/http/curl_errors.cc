#include "net/http/curl_errors.h"

#include <curl/curl.h>
#include <openssl/x509_vfy.h>

#include "base/text.h"

namespace millrace::http {

namespace {

Status Unavailable(std::string message, std::string hint = "") {
  return {Code::kUnavailable, std::move(message), std::move(hint)};
}

// Which check of the certificate said no: that decides who must act.
Status BadCertificate(const CurlFailure& failure, const std::string& host) {
  std::string of = "the certificate of " + host + " ";
  const char* own_ca = "when it is your own authority, name its file: `ca_file: ca.pem`";
  bool other_name = failure.verify_result == X509_V_ERR_HOSTNAME_MISMATCH ||
                    failure.words.find("subject name") != std::string::npos ||
                    failure.words.find("host name") != std::string::npos;
  if (other_name) {
    return Invalid(of + "is for another host name",
                   "ask for the name that the certificate has, or have it made for this one");
  }
  switch (failure.verify_result) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return Invalid(of + "has expired",
                     "its owner must renew it; also check this machine's clock");
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return Invalid(of + "is not valid yet", "check this machine's clock");
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      return Invalid(of + "is self-signed, by an authority that is not known here", own_ca);
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return Invalid(of + "was signed by an authority that is not known here", own_ca);
    case X509_V_ERR_CERT_REVOKED: return Invalid(of + "was revoked", "its owner must renew it");
    default: break;
  }
  std::string why = failure.words;
  if (why.empty()) why = X509_verify_cert_error_string(failure.verify_result);
  return Invalid(of + "is not accepted: " + why, own_ca);
}

Status TimedOut(const CurlFailure& failure, const std::string& host, const ClientOptions& options) {
  if (failure.words.find("onnection time") != std::string::npos ||
      failure.words.find("esolving timed out") != std::string::npos) {
    return Unavailable(
        host + " did not take the connection within " + FormatDuration(options.connect_timeout),
        "see that it can be reached from here, and that http or https is right, or raise "
        "`connect_timeout`");
  }
  if (failure.words.find("too slow") != std::string::npos) {
    return Unavailable("no byte came for " + FormatDuration(options.read_timeout) + ", after " +
                           FormatBytes(failure.got),
                       "raise `read_timeout` if the server needs that long");
  }
  return Unavailable("it took longer than " + FormatDuration(options.timeout) + "; " +
                         FormatBytes(failure.got) + " had come",
                     "raise `timeout`");
}

Status HalfABody(const CurlFailure& failure) {
  if (!failure.had_headers) return Unavailable("the connection was closed before an answer came");
  std::string of = failure.expected >= 0 ? " of " + FormatCount(failure.expected) : "";
  return Unavailable("the answer ended too early: " + FormatCount(failure.got) + of +
                     " bytes came");
}

}  // namespace

Status ExplainCurl(const CurlFailure& failure, const std::string& host,
                   const ClientOptions& options) {
  auto code = static_cast<CURLcode>(failure.code);
  std::string words = failure.words.empty() ? curl_easy_strerror(code) : failure.words;
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
      return Unavailable("there is no host " + host, "see that the name is right");
    case CURLE_COULDNT_RESOLVE_PROXY:
      return Unavailable("the proxy's name is not known", "see `proxy` and the environment");
    case CURLE_COULDNT_CONNECT:
      return Unavailable("nothing takes connections at " + host,
                         "see that the server runs and can be reached from here");
    case CURLE_OPERATION_TIMEDOUT: return TimedOut(failure, host, options);
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_HTTP2_STREAM: return HalfABody(failure);
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
      if (words.find("reset") != std::string::npos)
        return Unavailable("the connection was reset, after " + FormatBytes(failure.got));
      return HalfABody(failure);
    case CURLE_PEER_FAILED_VERIFICATION: return BadCertificate(failure, host);
    case CURLE_SSL_CACERT_BADFILE:
      return Invalid("cannot read the authorities in '" + options.ca_file + "'",
                     "`ca_file` must be a PEM file");
    case CURLE_SSL_CONNECT_ERROR:
      return Unavailable("no TLS with " + host + ": " + words,
                         "see that it speaks https at this port");
    case CURLE_BAD_CONTENT_ENCODING:
      return Unavailable("the compressed answer is damaged, after " + FormatBytes(failure.got));
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT: return Invalid("it is no address of http or https");
    case CURLE_OUT_OF_MEMORY: return {Code::kExhausted, "no memory for a request"};
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_HTTP2:
      return Unavailable(host + " does not answer in HTTP: " + words, "see that the port is right");
    default: return Unavailable(words);
  }
}

}  // namespace millrace::http
