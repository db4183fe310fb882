#include "net/postgres/errors.h"

#include <libpq-fe.h>

#include <algorithm>
#include <initializer_list>

#include "base/text.h"

namespace millrace::pg {

namespace {

struct Meaning {
  const char* state;  // SQLSTATE, or its class: the first that fits
  Code code;
  const char* hint;
};
constexpr Meaning kMeanings[] = {
    {"08", Code::kUnavailable, ""},
    {"0A", Code::kInvalid, ""},
    {"22", Code::kRejected,
     "correct the values in the task's SQL, or put such rows aside by a check"},
    {"23", Code::kRejected,
     "correct the rows in the task's SQL, or put such rows aside by a check"},
    {"25006", Code::kInvalid, "it is a standby or read-only: name the primary server"},
    {"28", Code::kInvalid, "see user, password and the server's pg_hba.conf"},
    {"3D000", Code::kNotFound, "see `database`"},
    {"3F000", Code::kNotFound, "create the schema, or name another one"},
    {"40", Code::kUnavailable, ""},
    {"42501", Code::kInvalid, "grant it to the user, or connect as another one"},
    {"42P01", Code::kNotFound, "see the name, and the schema before it"},
    {"42704", Code::kNotFound, ""},
    {"42P07", Code::kConflict, ""},
    {"53100", Code::kExhausted, "the server's disk is full"},
    {"53200", Code::kExhausted, "the server has no memory left"},
    {"53300", Code::kUnavailable, "raise max_connections of the server, or use fewer at once"},
    {"53", Code::kExhausted, ""},
    {"55006", Code::kUnavailable, ""},
    {"55P03", Code::kUnavailable,
     "somebody else holds a lock on it; `lock_timeout` says how long to wait"},
    {"55", Code::kInvalid, ""},
    {"57014", Code::kUnavailable, "somebody canceled it, or the server's statement_timeout did"},
    {"57", Code::kUnavailable, ""},
    {"58", Code::kUnavailable, ""},
    {"XX", Code::kUnavailable, "the server's log says more"},
};

std::string Field(const pg_result* result, int field) {
  const char* text = PQresultErrorField(result, field);
  return text ? text : "";
}

bool Has(const std::string& words, std::initializer_list<const char*> any) {
  return std::any_of(any.begin(), any.end(),
                     [&](const char* each) { return words.find(each) != words.npos; });
}

// libpq's words are several lines, which begin with what was tried: the last says why.
std::string Reason(std::string words) {
  for (const char* lead : {"FATAL:  ", "ERROR:  ", "failed: "}) {
    if (size_t at = words.rfind(lead); at != words.npos)
      words = words.substr(at + std::string(lead).size());
  }
  std::string line;
  for (const std::string& each : Split(words, '\n')) {
    std::string_view text = Trim(each);
    if (!text.empty()) line += (line.empty() ? "" : "; ") + std::string(text);
  }
  return line;
}

Status ExplainTls(const std::string& why, const std::string& place) {
  const char* own = "when it is your own authority, name its file: `ca_file: ca.pem`";
  if (Has(why, {"does not support SSL"}))
    return Invalid(place + " does not speak TLS", "switch it on there, or write `sslmode: prefer`");
  if (Has(why, {"does not match host name"}))
    return Invalid("the certificate of " + place + " is for another host name: " + why,
                   "connect by the name that the certificate has");
  if (Has(why, {"certificate has expired"}))
    return Invalid("the certificate of " + place + " has expired", "its owner must renew it");
  if (Has(why, {"root certificate file"}))
    return Invalid(
        "there is no file of authorities to hold the certificate of " + place + " against",
        "name one: `ca_file: ca.pem`");
  if (Has(why, {"certificate verify failed", "self-signed", "self signed"}))
    return Invalid(
        "the certificate of " + place + " is signed by an authority that is not known here", own);
  return Invalid("no TLS with " + place + ": " + why,
                 "see sslmode, ca_file, cert_file and key_file");
}

}  // namespace

Status ExplainConnect(std::string words, const std::string& place, const Options& options) {
  std::string why = Reason(words);
  if (const std::string& secret = options.password.Reveal(); !secret.empty()) {
    for (size_t at; (at = why.find(secret)) != why.npos;) why.replace(at, secret.size(), "***");
  }
  if (Has(words, {"could not translate host name", "Name or service not known"}))
    return {Code::kUnavailable, "there is no host " + place, "see that the name is right"};
  if (Has(words, {"Connection refused", "No such file or directory"}) &&
      !Has(words, {"certificate"}))
    return {Code::kUnavailable, "nothing takes connections at " + place,
            "see that the server runs, and that host and port are right"};
  if (Has(words, {"password authentication failed"}))
    return Invalid(place + " does not take the password: " + why, "see `user` and `password`");
  if (Has(words, {"no password supplied"}))
    return Invalid(place + " wants a password", "write `password: \"${secret:NAME}\"`");
  if (Has(words, {"no pg_hba.conf entry"}))
    return Invalid(place + " does not let this user in from here: " + why,
                   "add a line to its pg_hba.conf, or see user, database and sslmode");
  if (Has(words, {"database \""}) && Has(words, {"does not exist"}))
    return {Code::kNotFound, place + ": " + why, "see `database`"};
  if (Has(words, {"role \""}) && Has(words, {"does not exist"}))
    return Invalid(place + ": " + why, "see `user`");
  if (Has(words, {"too many clients", "remaining connection slots", "too many connections"}))
    return {Code::kUnavailable, place + ": " + why,
            "raise max_connections of the server, or use fewer at once"};
  if (Has(words, {"SSL", "certificate", "TLS"})) return ExplainTls(why, place);
  return {Code::kUnavailable, "no connection to " + place + ": " + why};
}

Status ExplainSql(const pg_result* result, const std::string& place) {
  std::string state = Field(result, PG_DIAG_SQLSTATE);
  std::string message = Field(result, PG_DIAG_MESSAGE_PRIMARY);
  if (std::string detail = Field(result, PG_DIAG_MESSAGE_DETAIL); !detail.empty())
    message += ": " + CutText(detail, 300);
  if (std::string at = Field(result, PG_DIAG_CONTEXT); at.starts_with("COPY "))
    message += " (" + CutText(Split(at, '\n')[0], 200) + ")";
  std::string hint = Field(result, PG_DIAG_MESSAGE_HINT);
  message = place + ": " + message + " [" + state + "]";
  for (const Meaning& each : kMeanings) {
    if (!state.starts_with(each.state)) continue;
    return {each.code, message, hint.empty() ? each.hint : hint};
  }
  return Invalid(message, hint);
}

}  // namespace millrace::pg
