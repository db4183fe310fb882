#include "net/registry/schema_registry.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/text.h"
#include "config/json.h"
#include "net/http/url.h"

namespace millrace {

namespace {

constexpr const char* kMediaType = "application/vnd.schemaregistry.v1+json";
constexpr int kDeepestReference = 16;
constexpr size_t kMostReferences = 100;
constexpr Micros kForgetMissing = std::chrono::seconds(30);
constexpr int kSchemaNotFound = 40403, kSubjectNotFound = 40401, kVersionNotFound = 40402;

std::string Quoted(const std::string& subject) { return http::PercentEncode(subject); }

std::string SubjectPath(const std::string& subject) { return "/subjects/" + Quoted(subject); }

std::string Body(std::string_view type, const std::string& text) {
  Json body = {{"schema", text}};
  if (type != "AVRO") body["schemaType"] = type;
  return body.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string TextOf(const Json& json, const char* name) {
  auto found = json.find(name);
  return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

int64_t NumberOf(const Json& json, const char* name) {
  auto found = json.find(name);
  return found != json.end() && found->is_number_integer() ? found->get<int64_t>() : 0;
}

// What the registry says, on one line.
std::string Words(const Json& json, const std::string& body) {
  std::string words = json.is_object() ? TextOf(json, "message") : "";
  if (words.empty()) words = body;
  for (char& c : words) {
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  }
  return CutText(words, 1000);
}

Spec<SchemaRegistryConfig> MakeSpec() {
  using C = SchemaRegistryConfig;
  Spec<C> spec("schema registry", "A schema registry with Confluent's API.");
  spec.Field("url", &C::url, "With the path that the API lies below.",
             {.required = true, .example = "\"https://registry.example.com:8081\""})
      .Field("username", &C::username, "For basic authentication.")
      .Field("password", &C::password, "For basic authentication.",
             {.example = "\"${secret:registry}\""})
      .Field("token", &C::token, "Sent as a bearer token.")
      .Field("ca_file", &C::ca_file,
             "Certificates (PEM) to trust instead of the system's: for a server with a certificate "
             "of your own.")
      .Field("connect_timeout", &C::connect_timeout, "Longest wait for a connection.")
      .Field("timeout", &C::timeout, "Longest wait for an answer.")
      .Field("attempts", &C::attempts,
             "Of a request that fails for a reason that may pass, with growing pauses between "
             "them.",
             {.min = 1, .max = 100})
      .Field("max_delay", &C::max_delay, "Longest pause between two attempts.")
      .Field("cache", &C::cache, "Schemas that are kept in memory.", {.min = 1, .max = 1'000'000})
      .Short("url")
      .Require([](const C& c) { return http::ParseUrl(c.url).ok(); }, "'url' is not an address",
               "write it like https://registry.example.com:8081; user and password are fields of "
               "their own")
      .Require([](const C& c) { return c.token.empty() || c.username.empty(); },
               "'token' and 'username' exclude each other");
  return spec;
}

}  // namespace

const Spec<SchemaRegistryConfig>& SchemaRegistrySpec() {
  static const Spec<SchemaRegistryConfig> spec = MakeSpec();
  return spec;
}

struct SchemaRegistry::Answer {
  int status = 0;
  Json json;
  std::string words;  // of an error
  bool ok() const { return status >= 200 && status < 300; }
  int64_t error_code() const { return json.is_object() ? NumberOf(json, "error_code") : 0; }
  bool missing() const { return status == 404; }
};

SchemaRegistry::SchemaRegistry(const SchemaRegistryConfig& config, Clock& clock,
                               std::unique_ptr<http::Requester> requester)
    : url_(config.url.substr(0, config.url.find_last_not_of('/') + 1)),
      most_kept_(static_cast<size_t>(config.cache)),
      clock_(clock),
      requester_(std::move(requester)) {}

Result<std::unique_ptr<SchemaRegistry>> SchemaRegistry::Create(const SchemaRegistryConfig& config,
                                                               Clock& clock, Log log) {
  TRY(http::ParseUrl(config.url));
  auto requester = std::make_unique<http::Requester>(
      TRY(http::Client::Create({.connect_timeout = config.connect_timeout,
                                .read_timeout = config.timeout,
                                .timeout = config.timeout,
                                .max_body = int64_t{16} << 20,
                                .ca_file = config.ca_file})),
      clock,
      http::RequesterOptions{
          .retry = {.max_attempts = config.attempts, .max_delay = config.max_delay}},
      std::move(log));
  if (!config.username.empty()) {
    requester->SignWith(http::BasicAuthenticator(config.username, config.password));
  } else if (!config.token.empty()) {
    requester->SignWith(http::HeaderAuthenticator("Authorization", config.token, "Bearer "));
  }
  return std::unique_ptr<SchemaRegistry>(new SchemaRegistry(config, clock, std::move(requester)));
}

// An answer of the registry itself, good or bad. `what` is what was asked for, for messages.
Result<SchemaRegistry::Answer> SchemaRegistry::Ask(const std::string& method,
                                                   const std::string& path, const std::string& body,
                                                   const std::string& what, std::stop_token stop) {
  http::Request request{.method = method, .url = url_ + path, .headers = {{"Accept", kMediaType}}};
  if (!body.empty()) {
    request.body = body;
    request.content_type = kMediaType;
  }
  // Schemas may be longer than what a Response keeps.
  std::string whole;
  request.on_body = [&whole](const http::Response&, http::BodyStream& bytes) -> Status {
    whole.clear();
    std::string piece(64 << 10, '\0');
    for (;;) {
      size_t got = TRY(bytes.Read(piece.data(), piece.size()));
      if (got == 0) return Status::Ok();
      whole.append(piece, 0, got);
    }
  };
  Result<http::Response> response = requester_->Send(std::move(request), stop, {404, 409, 422});
  if (!response.ok()) {
    const Status& status = response.status();
    if (status.code() == Code::kCanceled) return status;
    std::string hint = status.hint();
    if (hint.find("authenticator") != hint.npos)
      hint = "see that `username`, `password` or `token` of the registry are right";
    return Status(status.code(), what + ": " + status.message(), hint);
  }
  Answer answer{.status = response->status};
  const std::string& text = answer.ok() ? whole : response->body;
  answer.json = Json::parse(text, nullptr, false);
  answer.words = Words(answer.json, text);
  bool ours = answer.ok() ? !answer.json.is_discarded() : answer.error_code() != 0;
  if (!ours) {
    return Invalid(what + ": " + requester_->Shown(url_ + path) +
                       " gives no answer of a schema "
                       "registry: status " +
                       std::to_string(answer.status) + ", " + CutText(answer.words, 200),
                   "see that `url` of the registry has the path of Confluent's API");
  }
  return answer;
}

Result<RegisteredSchema> SchemaRegistry::Read(const Answer& answer, const std::string& what,
                                              std::stop_token stop) {
  RegisteredSchema schema{.id = static_cast<int32_t>(NumberOf(answer.json, "id")),
                          .type = TextOf(answer.json, "schemaType"),
                          .text = TextOf(answer.json, "schema"),
                          .version = NumberOf(answer.json, "version")};
  if (schema.type.empty()) schema.type = "AVRO";
  if (schema.text.empty()) return Invalid(what + ": the registry's answer has no schema");
  std::map<std::string, int> seen;
  Status collected = Collect(answer, 0, seen, schema.references, stop);
  if (!collected.ok()) return collected.In(what);
  return schema;
}

// Texts of all that the answer's schema refers to, the deepest first.
Status SchemaRegistry::Collect(const Answer& answer, int depth, std::map<std::string, int>& seen,
                               std::vector<std::string>& texts, std::stop_token stop) {
  auto references = answer.json.find("references");
  if (references == answer.json.end() || !references->is_array()) return Status::Ok();
  if (depth >= kDeepestReference) return Invalid("its references are nested too deeply");
  for (const Json& reference : *references) {
    if (!reference.is_object()) return Invalid("it has a reference that is none");
    std::string subject = TextOf(reference, "subject");
    std::string version = std::to_string(NumberOf(reference, "version"));
    if (seen.size() >= kMostReferences) return Invalid("it refers to too many schemas");
    if (seen[subject + "\n" + version]++ > 0) continue;
    std::string what = "subject '" + subject + "' version " + version;
    Answer referred =
        TRY(Ask("GET", SubjectPath(subject) + "/versions/" + version, "", what, stop));
    if (!referred.ok()) return Invalid(what + ": " + referred.words);
    TRY(Collect(referred, depth + 1, seen, texts, stop));
    texts.push_back(TextOf(referred.json, "schema"));
  }
  return Status::Ok();
}

void SchemaRegistry::Keep(int32_t id, std::shared_ptr<const RegisteredSchema> schema) {
  std::lock_guard lock(mutex_);
  if (kept_.size() >= most_kept_) {
    auto oldest =
        std::ranges::min_element(kept_, {}, [](const auto& each) { return each.second.at; });
    kept_.erase(oldest);
  }
  kept_[id] = {std::move(schema), clock_.Now()};
}

Result<std::shared_ptr<const RegisteredSchema>> SchemaRegistry::ById(int32_t id,
                                                                     std::stop_token stop) {
  std::string what = "schema " + std::to_string(id);
  Status missing = NotFound(what + ": the registry has no schema of this id",
                            "see that the record was written with this registry");
  {
    std::lock_guard lock(mutex_);
    auto found = kept_.find(id);
    if (found != kept_.end() && found->second.schema) return found->second.schema;
    if (found != kept_.end() && clock_.Now() - found->second.at < kForgetMissing) return missing;
  }
  Answer answer = TRY(Ask("GET", "/schemas/ids/" + std::to_string(id), "", what, stop));
  if (answer.missing()) Keep(id, nullptr);
  if (answer.missing()) return missing;
  if (!answer.ok()) return Invalid(what + ": " + answer.words);
  auto schema = std::make_shared<RegisteredSchema>(TRY(Read(answer, what, stop)));
  schema->id = id;
  Keep(id, schema);
  return std::shared_ptr<const RegisteredSchema>(std::move(schema));
}

Result<RegisteredSchema> SchemaRegistry::Version(const std::string& subject, int64_t version,
                                                 std::stop_token stop) {
  std::string number = version == 0 ? "latest" : std::to_string(version);
  std::string what = "subject '" + subject + "'" + (version == 0 ? "" : " version " + number);
  Answer answer = TRY(Ask("GET", SubjectPath(subject) + "/versions/" + number, "", what, stop));
  if (answer.missing())
    return NotFound(what + ": " + answer.words,
                    "register a schema, or name the `subject` or `schema` to read by");
  if (!answer.ok()) return Invalid(what + ": " + answer.words);
  return Read(answer, what, stop);
}

Result<int32_t> SchemaRegistry::Register(const std::string& subject, std::string_view type,
                                         const std::string& text, std::stop_token stop) {
  std::string what = "subject '" + subject + "'";
  Answer answer =
      TRY(Ask("POST", SubjectPath(subject) + "/versions", Body(type, text), what, stop));
  if (answer.status == 409) {
    return Invalid(
        what + " does not take the schema, it is incompatible with earlier ones: " + answer.words,
        "change the columns so that they fit, or the subject's compatibility");
  }
  if (!answer.ok()) return Invalid(what + ": " + answer.words);
  int64_t id = NumberOf(answer.json, "id");
  if (id <= 0) return Invalid(what + ": the registry's answer has no id");
  return static_cast<int32_t>(id);
}

Result<int32_t> SchemaRegistry::Find(const std::string& subject, std::string_view type,
                                     const std::string& text, std::stop_token stop) {
  std::string what = "subject '" + subject + "'";
  Answer answer = TRY(Ask("POST", SubjectPath(subject), Body(type, text), what, stop));
  if (answer.missing())
    return NotFound(what + " does not have this schema: " + answer.words,
                    "register it, or let it be done by `register: true`");
  if (!answer.ok()) return Invalid(what + ": " + answer.words);
  return static_cast<int32_t>(NumberOf(answer.json, "id"));
}

Result<Compatibility> SchemaRegistry::Check(const std::string& subject, std::string_view type,
                                            const std::string& text, std::stop_token stop) {
  std::string what = "subject '" + subject + "'";
  Answer answer =
      TRY(Ask("POST", "/compatibility" + SubjectPath(subject) + "/versions/latest?verbose=true",
              Body(type, text), what, stop));
  int64_t code = answer.error_code();
  if (code == kSubjectNotFound || code == kVersionNotFound || code == kSchemaNotFound)
    return Compatibility{};
  if (!answer.ok()) return Invalid(what + ": " + answer.words);
  Compatibility found;
  auto compatible = answer.json.find("is_compatible");
  found.compatible =
      compatible != answer.json.end() && compatible->is_boolean() && compatible->get<bool>();
  auto messages = answer.json.find("messages");
  if (messages != answer.json.end() && messages->is_array()) {
    for (const Json& message : *messages) {
      if (!message.is_string()) continue;
      found.why += (found.why.empty() ? "" : "; ") + message.get<std::string>();
    }
  }
  found.why = CutText(found.why, 1000);
  return found;
}

Result<std::string> SchemaRegistry::Probe(std::stop_token stop) {
  Answer answer = TRY(Ask("GET", "/subjects", "", "schema registry", stop));
  if (!answer.ok() || !answer.json.is_array())
    return Invalid("schema registry: " + requester_->Shown(url_) +
                   " lists no subjects: " + CutText(answer.words, 200));
  size_t count = answer.json.size();
  return "the schema registry has " + FormatCount(static_cast<int64_t>(count)) +
         (count == 1 ? " subject" : " subjects");
}

Result<std::string> TestSchemaRegistry(const SchemaRegistryConfig& config, std::stop_token stop) {
  SchemaRegistryConfig once = config;
  once.attempts = 1;
  std::unique_ptr<SchemaRegistry> registry = TRY(SchemaRegistry::Create(once, SystemClock(), {}));
  return registry->Probe(std::move(stop));
}

}  // namespace millrace
