#include "connect/rest/config.h"

#include <algorithm>
#include <set>

#include "base/text.h"
#include "config/json_path.h"
#include "connect/rest/cursor.h"
#include "connect/rest/members.h"
#include "connect/rest/requester.h"
#include "connect/rest/rest.h"

namespace millrace::rest {

namespace {

Spec<Login> LoginSpec() {
  return Spec<Login>("login", "The request that signs in.")
      .Field("url", &Login::url, "Absolute, or seen from `url_base`.", {.required = true})
      .Field("method", &Login::method, "", {.choices = {"POST", "GET", "PUT"}})
      .Field("body", &Login::body, "What is sent: names and values.",
             {.example = "{user: me, password: \"${secret:school_password}\"}"})
      .Field("form", &Login::form, "Sent as a form rather than as JSON.");
}

bool Has(const AuthConfig& config, AuthType type, bool enough) {
  return config.type != type || enough;
}

Spec<AuthConfig> AuthSpec() {
  using A = AuthConfig;
  Spec<A> spec("authenticator", "How requests prove who asks.");
  spec.Field("type", &A::type, "none is for open APIs.")
      .Field("api_token", &A::api_token, "The key or token, of api_key and bearer.",
             {.example = "\"${secret:api_token}\""})
      .Field("inject_into", &A::inject_into, "Where an api_key goes: header or request_parameter.")
      .Field("field_name", &A::field_name,
             "The name of that header or parameter, or of a session token's header. Default: "
             "X-Api-Key, api_key, Authorization.")
      .Field("prefix", &A::prefix, "Before the key or session token: \"Token \".")
      .Field("username", &A::username, "Of basic.")
      .Field("password", &A::password, "Of basic.")
      .Field("consumer_key", &A::consumer_key, "Of oauth1.")
      .Field("consumer_secret", &A::consumer_secret, "Of oauth1.")
      .Field("token", &A::token, "Of oauth1; none when the consumer asks for itself.")
      .Field("token_secret", &A::token_secret, "Of oauth1.")
      .Field("signature_method", &A::signature, "Of oauth1.")
      .Field("realm", &A::realm, "Of oauth1.")
      .Field("token_refresh_endpoint", &A::token_refresh_endpoint,
             "Of oauth2: where tokens are given; absolute, or seen from `url_base`.")
      .Field("client_id", &A::client_id, "Of oauth2.")
      .Field("client_secret", &A::client_secret, "Of oauth2.")
      .Field("refresh_token", &A::refresh_token,
             "Of oauth2: with it that grant is used, without it client_credentials.")
      .Field("scopes", &A::scopes, "Of oauth2, joined by blanks.")
      .Field("client_in_header", &A::client_in_header,
             "Of oauth2: id and secret go by basic authentication rather than in the form.")
      .Field("refresh_request_body", &A::refresh_request_body,
             "Of oauth2: what the token's form has beside.", {.example = "{audience: api}"})
      .Field("access_token_name", &A::access_token_name, "Of oauth2, in the token's answer.")
      .Field("expires_in_name", &A::expires_in_name, "Of oauth2, in the token's answer.")
      .Group("login", &A::login, LoginSpec(), "Of session_token: how it is asked for.")
      .Field("session_token_path", &A::session_token_path,
             "Of session_token: where the token is in the answer.", {.example = "data.token"})
      .Field("expiration_duration", &A::expiration_duration,
             "Of session_token: how long one is good for; else until it is refused.");
  spec.Require([](const A& a) { return Has(a, AuthType::kApiKey, !a.api_token.empty()); },
               "type api_key needs an 'api_token'")
      .Require([](const A& a) { return Has(a, AuthType::kBearer, !a.api_token.empty()); },
               "type bearer needs an 'api_token'")
      .Require([](const A& a) { return Has(a, AuthType::kBasic, !a.username.empty()); },
               "type basic needs 'username' and 'password'")
      .Require(
          [](const A& a) {
            return Has(a, AuthType::kOAuth1, !a.consumer_key.empty() && !a.consumer_secret.empty());
          },
          "type oauth1 needs 'consumer_key' and 'consumer_secret'")
      .Require(
          [](const A& a) {
            return Has(a, AuthType::kOAuth2,
                       !a.token_refresh_endpoint.empty() && !a.client_id.empty());
          },
          "type oauth2 needs 'token_refresh_endpoint' and 'client_id'")
      .Require(
          [](const A& a) {
            return Has(a, AuthType::kSessionToken, a.login && !a.session_token_path.empty());
          },
          "type session_token needs 'login' and 'session_token_path'")
      .Require([](const A& a) { return JsonPath::Parse(a.session_token_path).ok(); },
               "'session_token_path' is not a path", "write it like data.token")
      .Require([](const A& a) { return a.inject_into != Inject::kBody; },
               "'inject_into' is header or request_parameter");
  return spec;
}

bool AreStatuses(const std::vector<std::string>& texts) {
  return std::all_of(texts.begin(), texts.end(), [](const std::string& text) {
    return text.size() == 3 && text[0] >= '1' && text[0] <= '5' &&
           text.find_first_not_of("0123456789") == text.npos;
  });
}

Spec<ErrorHandler> ErrorHandlerSpec() {
  using E = ErrorHandler;
  return Spec<E>("error_handler", "What is done when a request fails.")
      .Field("max_attempts", &E::max_attempts, "Of each request, in all.", {.min = 1, .max = 100})
      .Field("first_delay", &E::first_delay,
             "Before the second attempt; doubled each time, less a random part.")
      .Field("max_delay", &E::max_delay, "The longest of these.")
      .Field("max_wait", &E::max_wait,
             "The longest `Retry-After` that is waited for; while it lasts, nothing is sent.")
      .Field("retry", &E::retry, "Statuses after which a request is sent again.")
      .Field("ignore", &E::ignore, "Statuses that mean: no records here.", {.example = "[404]"})
      .Require([](const E& e) { return AreStatuses(e.retry) && AreStatuses(e.ignore); },
               "'retry' and 'ignore' are lists of HTTP statuses", "write them like [429, 503]");
}

Spec<ApiBudget> ApiBudgetSpec() {
  return Spec<ApiBudget>("api_budget", "How often and how much may be asked.")
      .Field("requests", &ApiBudget::requests, "Within any span of `per`; 0: no limit.",
             {.min = 0, .max = 100000})
      .Field("per", &ApiBudget::per, "")
      .Field("max_requests", &ApiBudget::max_requests,
             "In one attempt of the task, repetitions too; 0: no limit. What was answered is kept, "
             "and the next one goes on from there.",
             {.min = 0});
}

template <class Config>
void AddRequesterFields(Spec<Config>& spec) {
  using R = RequesterConfig;
  spec.Field("url_base", static_cast<std::string Config::*>(&R::url_base),
             "What addresses begin with that are not absolute.",
             {.example = "\"https://school.example.com/api/v1\""});
  spec.Field("test_url", static_cast<std::string Config::*>(&R::test_url),
             "What `millrace connections test` asks for; absolute, or seen from `url_base`. Name "
             "one that only who is signed in may see. Default: `url_base` itself.",
             {.example = "/me"});
  spec.Group("authenticator", static_cast<AuthConfig Config::*>(&R::authenticator), AuthSpec(),
             "How requests prove who asks.");
  spec.Field("headers", static_cast<std::map<std::string, std::string> Config::*>(&R::headers),
             "Of every request. Not sent along when another host is redirected to.");
  spec.Group("error_handler", static_cast<ErrorHandler Config::*>(&R::error_handler),
             ErrorHandlerSpec(), "What is done when a request fails.");
  spec.Group("api_budget", static_cast<ApiBudget Config::*>(&R::api_budget), ApiBudgetSpec(),
             "How often and how much may be asked.");
  spec.Field("connect_timeout", static_cast<Micros Config::*>(&R::connect_timeout),
             "Until the connection is there, TLS included.", {.min = 0.001});
  spec.Field("read_timeout", static_cast<Micros Config::*>(&R::read_timeout),
             "Without a single byte; whole seconds.", {.min = 1});
  spec.Field("timeout", static_cast<Micros Config::*>(&R::timeout), "Of a whole request.",
             {.min = 0.001});
  spec.Field("max_body", static_cast<Bytes Config::*>(&R::max_body),
             "Longer answers are refused. Memory does not grow with them.", {.min = 1});
  spec.Field("max_headers", static_cast<Bytes Config::*>(&R::max_headers),
             "Of an answer; longer ones are refused.", {.min = 1});
  spec.Field("max_redirects", static_cast<int Config::*>(&R::max_redirects),
             "To another host, or away from https, nothing of the sign-in is sent along.",
             {.min = 0, .max = 50});
  spec.Field("ca_file", static_cast<std::string Config::*>(&R::ca_file),
             "Authorities (PEM) instead of the system's; relative to the pipeline's folder.");
  spec.Field("proxy", static_cast<std::optional<std::string> Config::*>(&R::proxy),
             "Its address; \"\" for none. Default: as http_proxy and its kin in the environment "
             "say.");
}

Spec<PaginatorConfig> PaginatorSpec() {
  using P = PaginatorConfig;
  return Spec<P>("paginator", "How one page leads to the next.")
      .Field("type", &P::type,
             "auto follows a `Link` header or a next address in the document, where there is one. "
             "page and offset count; cursor sends a token of the last answer; link and next_url "
             "follow addresses.")
      .Field("param", &P::param,
             "The parameter that says which page. Default: page, offset, cursor.")
      .Field("size_param", &P::size_param,
             "…and the one that says how long a page is. Default: per_page, limit.")
      .Field("page_size", &P::page_size,
             "Records a page. A shorter page is the last one. Default of offset: 100.", {.min = 1})
      .Field("start", &P::start, "Of page and offset. Default: 1 and 0 (written -1 here).",
             {.min = -1})
      .Field("cursor", &P::cursor,
             "Where the token or next address is in the answer, as a path; headers.X is a header, "
             "last_record.x a field of the page's last record. Default: next_cursor, next.",
             {.example = "meta.next_token"})
      .Field("total", &P::total,
             "Where the answer says how many pages (of page) or records (of offset) there are. "
             "Without it the first empty page is the end.",
             {.example = "meta.total_pages"})
      .Field("inject_into", &P::inject_into, "Where `param` goes.")
      .Field("max_pages", &P::max_pages, "More are an error.", {.min = 1})
      .Short("type")
      .Require([](const P& p) { return JsonPath::Parse(p.total).ok(); }, "'total' is not a path",
               "write it like meta.total")
      .Require([](const P& p) { return JsonPath::Parse(p.cursor).ok(); }, "'cursor' is not a path",
               "write it like meta.next");
}

Spec<ForEach> ForEachSpec() {
  using F = ForEach;
  return Spec<F>("for_each",
                 "Asks once for each row of a table, or item of a list: {each.COLUMN} in `url`, "
                 "`params`, `headers` and `body` is its value.")
      .Field("table", &F::table, "A lake table, of this pipeline or another one.",
             {.example = "silver.assessments"})
      .Field("column", &F::column, "Its columns that are used; each combination counts once.",
             {.example = "assessment_id"})
      .Field("where", &F::where, "An SQL condition on its rows.")
      .Field("when_changed", &F::when_changed,
             "Asks nothing while the columns' values are what they were at the last commit: where "
             "one of them tells when there is news. Not while members are put aside.")
      .Field("values", &F::values, "A list instead: {each.value}.", {.example = "[math, reading]"})
      .Field("add", &F::add, "Whether rows get the values as columns each_COLUMN. Default: yes.")
      .Short("values")
      .Require([](const F& f) { return f.table.empty() != f.values.empty(); },
               "it needs either 'table' or 'values'")
      .Require([](const F& f) { return f.table.empty() || ParseTableName(f.table).ok(); },
               "'table' is a layer and a table", "write it like silver.assessments")
      .Require([](const F& f) { return f.table.empty() == f.column.empty(); },
               "'table' and 'column' belong together")
      .Require([](const F& f) { return !f.when_changed || !f.table.empty(); },
               "'when_changed' needs a 'table'")
      .Require(
          [](const F& f) {
            return std::all_of(f.column.begin(), f.column.end(),
                               [](const std::string& name) { return IsName(name); });
          },
          "'column' must be made of letters, digits and _");
}

bool IsCursor(const IncrementalSync& sync, const std::string& text) {
  return text.empty() || CursorOrder{sync.cursor_type}.Check(text).ok();
}

Spec<IncrementalSync> IncrementalSpec() {
  using I = IncrementalSync;
  return Spec<I>("incremental_sync", "Asks only for what came since the last commit.")
      .Field("cursor_field", &I::cursor_field,
             "The field of a record that grows: a time of change, a number.",
             {.required = true, .example = "updated_at"})
      .Field("cursor_type", &I::cursor_type, "What it holds.")
      .Field("start", &I::start, "Where the first fetch begins; everything without it.",
             {.example = "\"2020-01-01\""})
      .Field("end", &I::end, "Where every fetch ends. Default: now.")
      .Field("lookback_window", &I::lookback_window,
             "Ask again for what is not older than this before the last cursor, for rows that "
             "come late; of numbers, a second is one. Repetitions are what `mode: merge` is for.",
             {.example = "1d"})
      .Field("step", &I::step, "Asks for windows of this length, one by one or side by side.",
             {.example = "30d"})
      .Field(
          "cursor_granularity", &I::cursor_granularity,
          "How much before the next one a window ends, for servers that give both ends. Default: "
          "nothing.",
          {.example = "1s"})
      .Field("start_param", &I::start_param, "The parameter that says from where.",
             {.example = "updated_since"})
      .Field("end_param", &I::end_param, "The parameter that says up to where.")
      .Field("datetime_format", &I::datetime_format,
             "How times are written in requests: iso8601, epoch, epoch_ms, or as strftime has it.",
             {.example = "\"%Y-%m-%d\""})
      .Require([](const I& i) { return IsCursor(i, i.start) && IsCursor(i, i.end); },
               "'start' and 'end' must be of the cursor's type")
      .Require([](const I& i) { return !i.step || i.cursor_type == CursorType::kTime; },
               "'step' needs a cursor of type time")
      .Require([](const I& i) { return !i.step || !i.start.empty(); }, "'step' needs a 'start'")
      .Require([](const I& i) { return !i.step || i.step->count() > 0; },
               "'step' must be longer than nothing");
}

std::set<std::string> KnownNames(const SourceConfig& config) {
  std::set<std::string> known;
  if (config.for_each) {
    for (const std::string& column : config.for_each->column) known.insert("each." + column);
    if (!config.for_each->values.empty()) known.insert("each.value");
  }
  if (config.incremental_sync) known.insert({"window.start", "window.end", "cursor"});
  return known;
}

bool NamesAreKnown(const SourceConfig& config) {
  std::vector<std::string> texts{config.url};
  for (const auto* values : {&config.params, &config.headers}) {
    for (const auto& [name, value] : *values) texts.push_back(value);
  }
  std::set<std::string> known = KnownNames(config);
  for (const std::string& text : texts) {
    for (const std::string& name : NamesIn(text)) {
      if (!known.contains(name)) return false;
    }
  }
  return true;
}

bool IsRecordsPath(const std::string& text) {
  Result<JsonPath> path = JsonPath::Parse(text);
  return path.ok() && std::none_of(path->steps().begin(), path->steps().end(),
                                   [](const JsonStep& step) { return step.index < 0; });
}

void AddFields(Spec<SourceConfig>& spec) {
  using S = SourceConfig;
  spec.Field("connection", &S::connection, kConnectionHelp, {.example = "school"})
      .Field("url", &S::url, "Absolute, or seen from `url_base`.",
             {.required = true, .example = "/assessments/{each.id}/scores"})
      .Field("method", &S::method, "", {.choices = {"GET", "POST"}})
      .Field("params", &S::params, "Of the address.", {.example = "{year: 2024}"})
      .Field("body", &S::body, "Of a POST: a map or list is sent as JSON, text as it is.")
      .Field("records", &S::records,
             "Where the records are in the document: names joined by dots, [n] and [*]; a list, or "
             "one object. Default: the document itself.",
             {.example = "data.items"})
      .Field("explode", &S::explode,
             "A list in the records whose elements become rows, each with the record's other "
             "columns.")
      .Group("paginator", &S::paginator, PaginatorSpec(), "How one page leads to the next.")
      .Group("for_each", &S::for_each, ForEachSpec(), "Asks once for each row of a table.")
      .Field("parallel", &S::parallel,
             "Members of for_each, and windows, that are asked for side by side.",
             {.min = 1, .max = 256})
      .Group("incremental_sync", &S::incremental_sync, IncrementalSpec(),
             "Asks only for what came since the last commit.")
      .Field("columns", &S::columns,
             "Names and types; values that do not fit are rejects. Default: found in the records.",
             {.example = "{id: BIGINT, name: VARCHAR}"})
      .Field("format", &S::format, "How answers are written; auto goes by their Content-Type.")
      .Group("csv", &S::csv, CsvFormatSpec(), "What there is to know of CSV.")
      .Field("max_record", &S::max_record, "Longer records are refused.", {.min = 1000});
  spec.Field("resume_within", &S::resume_within,
             "A fetch that was interrupted is gone on with by a later run when it began no longer "
             "ago; its answered requests are not repeated.");
}

}  // namespace

Spec<RequesterConfig> RequesterSpec() {
  using R = RequesterConfig;
  Spec<R> spec("rest connection", "An HTTP API and how to sign in to it.");
  AddRequesterFields(spec);
  spec.Example("In millrace.yml; sources write `rest: {connection: school, url: /students}`",
               "connections:\n  school:\n    rest:\n      url_base: "
               "https://school.example.com/api\n      test_url: /me\n      authenticator: {type: "
               "bearer, api_token: \"${secret:school}\"}")
      .Require([](const R& r) { return !r.url_base.empty(); }, "it needs a 'url_base'",
               "write it like https://school.example.com/api")
      .Require([](const R& r) { return r.ca_file.empty() || r.ca_file.starts_with('/'); },
               "'ca_file' of a connection must be absolute",
               "pipelines in several folders use it");
  return spec;
}

Spec<SourceConfig> SourceSpec() {
  using S = SourceConfig;
  Spec<S> spec("rest source",
               "Records of an HTTP API: JSON, NDJSON or CSV. Answers are staged on disk before "
               "they are used: a run that is killed and resumed repeats no request that was "
               "answered.");
  AddFields(spec);
  AddRequesterFields(spec);
  spec.Short("url")
      .Example("Pages of a list",
               "from: {rest: {url: \"https://school.example.com/api/assessments\", records: data, "
               "paginator: page}}")
      .Example("Signed, for each row of a table, eight at a time",
               "from:\n  rest:\n    url_base: https://school.example.com/api\n    url: "
               "/assessments/{each.id}/scores\n    records: scores\n    paginator: {type: offset, "
               "page_size: 500}\n    for_each: {table: silver.assessments, column: id}\n    "
               "parallel: 8\n    authenticator: {type: bearer, api_token: \"${secret:school}\"}")
      .Example("What changed since the last run",
               "from:\n  rest:\n    url: https://school.example.com/api/students\n    records: "
               "data\n    incremental_sync: {cursor_field: updated_at, start_param: "
               "updated_since, lookback_window: 1h}\nto: {table: {name: silver.students, mode: "
               "merge, key: id}}")
      .Require([](const S& s) { return IsRecordsPath(s.records); },
               "'records' is not a path to records",
               "write it like data.items or groups[*].members")
      .Require(NamesAreKnown, "there is a {…} that nothing gives a value to",
               "{each.COLUMN} needs a `for_each` with that column, {window.start}, {window.end} "
               "and {cursor} need `incremental_sync`")
      .Require(
          [](const S& s) {
            return !s.for_each || !s.for_each->when_changed || !s.incremental_sync;
          },
          "'for_each.when_changed' and 'incremental_sync' exclude each other")
      .Require([](const S& s) { return s.method == "POST" || s.body.IsNull(); },
               "'body' needs `method: POST`")
      .Require(
          [](const S& s) {
            return s.format == FormatKind::kAuto || s.format == FormatKind::kJson ||
                   s.format == FormatKind::kNdjson || s.format == FormatKind::kCsv;
          },
          "'format' is auto, json, ndjson or csv")
      .Require(
          [](const S& s) {
            return !s.url_base.empty() || s.url.starts_with("http://") ||
                   s.url.starts_with("https://");
          },
          "'url' must be absolute, or `url_base` say what it begins with",
          "write it like https://example.com/api/items");
  return spec;
}

SourceTraits TraitsOf(const SourceConfig& config) {
  SourceTraits traits{.can_be_incremental = config.incremental_sync.has_value(),
                      .pause = std::chrono::minutes(1)};
  if (config.for_each && !config.for_each->table.empty()) traits.needs = {config.for_each->table};
  return traits;
}

void Register(Registry& registry) {
  registry.AddSource<SourceConfig>("rest", SourceSpec(), MakeSource, TraitsOf);
  registry.AddConnection<RequesterConfig>("rest", RequesterSpec(), TestConnection);
}

}  // namespace millrace::rest
