#include "proof/manifest.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/base64.h"
#include "base/descriptor.h"
#include "net/ucan/did.h"

namespace millrace::proof {

namespace {

using Json = nlohmann::json;  // sorted keys: with whole numbers and ASCII keys, RFC 8785's order

constexpr std::string_view kFormat = "millrace-manifest/1";
constexpr int kDepth = 16;
constexpr size_t kValues = 4'000'000;

std::string Canonical(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// Nothing is believed: the size, the depth and the count are bounded before it is a tree, and the
// text must be the one way to write it.
Result<Json> ParseCanonical(std::string_view text) {
  if (text.size() > kMaxManifest)
    return Invalid("it is larger than a manifest may be, " + BytesText(kMaxManifest));
  size_t values = 0;
  bool fits = true;
  auto count = [&](int depth, Json::parse_event_t, Json&) {
    fits = fits && depth <= kDepth && ++values <= kValues;
    return fits;  // else the rest is passed over
  };
  try {
    Json json = Json::parse(text, count);
    if (!fits) return Invalid("it is deeper, or has more values, than a manifest may have");
    if (Canonical(json) == text) return json;
    return Invalid("it is not canonical JSON (RFC 8785): it was written by another program",
                   "a manifest is checked byte by byte: take the file as it was written");
  } catch (const std::exception& error) {
    return Invalid(std::string("it is no JSON: ") + error.what());
  }
}

Status Wrong(const std::string& where, const std::string& what) {
  return Invalid("it is no manifest of a run: " + where + " " + what);
}

// One declaration of the fields serves both ways.
template <class F>
void Fields(F& f, FileProof& file) {
  f("path", file.path);
  f("size", file.size);
  f("sha256", file.sha256);
  f("cid", file.cid);
}
template <class F>
void Fields(F& f, InputFile& each) {
  f("input", each.input);
  Fields(f, each.file);
}
template <class F>
void Fields(F& f, OutputFile& each) {
  f("task", each.task);
  Fields(f, each.file);
}
template <class F>
void Fields(F& f, CommitProof& commit) {
  f("sequence", commit.sequence);
  f("now", commit.now);
  f("refresh", commit.refresh);
  f("begin", commit.begin);
  f("end", commit.end);
}
template <class F>
void Fields(F& f, CheckRecord& check) {
  f("check", check.check);
  f("severity", check.severity);
  f("on_fail", check.on_fail);
  f("passed", check.passed);
  f("failed_rows", check.failed_rows);
  f("detail", check.detail);
}
template <class F>
void Fields(F& f, TaskProof& task) {
  f("task", task.key);
  f("state", task.state);
  f("definition", task.definition);
  f("sql_sha256", task.sql_sha256);
  f("reads", task.reads);
  f("writes", task.writes);
  f("targets", task.targets);
  f("rows_in", task.rows_in);
  f("rows_out", task.rows_out);
  f("rows_rejected", task.rows_rejected);
  f("commits", task.commits);
  f("checks", task.checks);
  f("files", task.files);
}
template <class F>
void Fields(F& f, LakeProof& each) {
  f("name", each.name);
  f("id", each.id);
  f("before", each.before);
  f("version", each.version);
  f("files", each.files);
}
template <class F>
void Fields(F& f, ShardProof& shard) {
  f("kind", shard.kind);
  f("cid", shard.cid);
  f("size", shard.size);
}
template <class F>
void Fields(F& f, StoredAt& stored) {
  f("target", stored.target);
  f("location", stored.location);
}
template <class F>
void Fields(F& f, ContentProof& content) {
  f("task", content.task);
  f("root", content.root);
  f("size", content.size);
  f("files", content.files);
  f("shards", content.shards);
  f("stored", content.stored);
}
template <class F>
void Fields(F& f, RunRecord& run) {
  f("id", run.id);
  f("pipeline", run.pipeline);
  f("pipeline_file", run.pipeline_file);
  f("state", run.state);
  f("error", run.error);
  f("started", run.started);
  f("ended", run.ended);
  f("logical_date", run.logical_date);
  f("interval_start", run.interval_start);
  f("interval_end", run.interval_end);
  f("params", run.params);
  f("force", run.force);
  f("full_refresh", run.full_refresh);
}
template <class F>
void Fields(F& f, Manifest& manifest) {
  std::string format(kFormat);
  f("format", format);
  f.Check(format == kFormat, "is not " + std::string(kFormat));
  f("run", manifest.run);
  f("program", manifest.program);
  f("engine", manifest.engine);
  f("sources", manifest.sources);
  f("tasks", manifest.tasks);
  f("tables", manifest.tables);
  f("landings", manifest.landings);
  f("files", manifest.files);
  f("contents", manifest.contents);
}

class Writer {
 public:
  explicit Writer(Json& json) : json_(json) { json_ = Json::object(); }
  template <class T>
  void operator()(const char* name, T& value) {
    json_[name] = ToJson(value);
  }
  void Check(bool, const std::string&) {}

 private:
  static Json ToJson(std::string& value) { return value; }
  static Json ToJson(int64_t value) { return value; }
  static Json ToJson(bool value) { return value; }
  static Json ToJson(Time& value) { return FormatTime(value); }
  static Json ToJson(RunState value) { return std::string(Name(value)); }
  static Json ToJson(std::optional<Time>& value) {
    return value ? Json(FormatTime(*value)) : Json();
  }
  static Json ToJson(std::map<std::string, std::string>& value) {
    Json json = Json::object();
    for (const auto& [key, text] : value) json[key] = text;
    return json;
  }
  template <class T>
  static Json ToJson(std::vector<T>& values) {
    Json json = Json::array();
    for (T& value : values) json.push_back(ToJson(value));
    return json;
  }
  template <class T>
    requires std::is_class_v<T>
  static Json ToJson(T& value) {
    Json json;
    Writer writer(json);
    Fields(writer, value);
    return json;
  }

  Json& json_;
};

// Takes each field once; what is left over is wrong.
class Reader {
 public:
  Reader(const Json& json, std::string where) : json_(json), where_(std::move(where)) {
    if (!json_.is_object()) status_ = Wrong(where_, "is no object");
  }
  template <class T>
  void operator()(const char* name, T& value) {
    ++taken_;
    if (!status_.ok()) return;
    auto found = json_.find(name);
    std::string where = where_ + "." + name;
    if (found == json_.end())
      status_ = Wrong(where, "is missing");
    else
      status_ = Read(*found, where, value);
  }
  void Check(bool ok, const std::string& what) {
    if (status_.ok() && !ok) status_ = Wrong(where_, what);
  }
  Status Finish() {
    if (status_.ok() && json_.size() != taken_) return Wrong(where_, "has unknown fields");
    return status_;
  }

 private:
  static Status Read(const Json& json, const std::string& where, std::string& value) {
    if (!json.is_string()) return Wrong(where, "is no text");
    value = json.get<std::string>();
    return Status::Ok();
  }
  static Status Read(const Json& json, const std::string& where, int64_t& value) {
    constexpr int64_t kMost = int64_t{1} << 53;  // what every reader of JSON keeps exactly
    bool fits = json.is_number_integer() && (!json.is_number_unsigned() ||
                                             json.get<uint64_t>() <= static_cast<uint64_t>(kMost));
    if (!fits || json.get<int64_t>() < -1) return Wrong(where, "is no number of this kind");
    value = json.get<int64_t>();
    return Status::Ok();
  }
  static Status Read(const Json& json, const std::string& where, bool& value) {
    if (!json.is_boolean()) return Wrong(where, "is neither true nor false");
    value = json.get<bool>();
    return Status::Ok();
  }
  static Status Read(const Json& json, const std::string& where, Time& value) {
    std::string text;
    TRY(Read(json, where, text));
    Result<Time> time = ParseTime(text);
    if (!time.ok() || FormatTime(*time) != text) return Wrong(where, "is no time");
    value = *time;
    return Status::Ok();
  }
  static Status Read(const Json& json, const std::string& where, std::optional<Time>& value) {
    value.reset();
    if (json.is_null()) return Status::Ok();
    return Read(json, where, value.emplace());
  }
  static Status Read(const Json& json, const std::string& where, RunState& value) {
    for (RunState state :
         {RunState::kRunning, RunState::kSucceeded, RunState::kFailed, RunState::kCanceled}) {
      value = state;
      if (json == std::string(Name(state))) return Status::Ok();
    }
    return Wrong(where, "is no state of a run");
  }
  static Status Read(const Json& json, const std::string& where,
                     std::map<std::string, std::string>& value) {
    if (!json.is_object()) return Wrong(where, "is no object");
    for (const auto& [key, text] : json.items()) TRY(Read(text, where, value[key]));
    return Status::Ok();
  }
  template <class T>
  static Status Read(const Json& json, const std::string& where, std::vector<T>& values) {
    if (!json.is_array()) return Wrong(where, "is no list");
    for (const Json& each : json) TRY(Read(each, where, values.emplace_back()));
    return Status::Ok();
  }
  template <class T>
    requires std::is_class_v<T>
  static Status Read(const Json& json, const std::string& where, T& value) {
    Reader reader(json, where);
    Fields(reader, value);
    return reader.Finish();
  }

  const Json& json_;
  const std::string where_;
  size_t taken_ = 0;
  Status status_;
};

Json ToJson(Manifest manifest) {
  Json json;
  Writer writer(json);
  Fields(writer, manifest);
  return json;
}

Result<Manifest> FromJson(const Json& json) {
  Manifest manifest;
  Reader reader(json, "manifest");
  Fields(reader, manifest);
  TRY(reader.Finish());
  return manifest;
}

}  // namespace

std::string WriteManifest(const Manifest& manifest) { return Canonical(ToJson(manifest)); }

Result<Manifest> ReadManifest(std::string_view text) {
  return FromJson(TRY(ParseCanonical(text)));
}

std::string SealManifest(const Manifest& manifest, const Ed25519Key& key) {
  Json json = {{"manifest", ToJson(manifest)}};
  std::string signature = key.Sign(Canonical(json["manifest"]));
  json["signature"] = {{"key", ucan::Did::OfKey(key.public_key()).text()},
                       {"value", Base64(signature)}};
  return Canonical(json) + "\n";
}

Result<Sealed> OpenManifest(std::string_view file) {
  if (file.ends_with('\n')) file.remove_suffix(1);
  Json json = TRY(ParseCanonical(file));
  const Status bad = Invalid("it is no signed manifest of a run");
  if (!json.is_object() || json.size() != 2 || !json.contains("manifest")) return bad;
  auto signature = json.find("signature");
  bool signed_so = signature != json.end() && signature->is_object() && signature->size() == 2 &&
                   signature->contains("key") && signature->at("key").is_string() &&
                   signature->contains("value") && signature->at("value").is_string();
  if (!signed_so) return bad;
  Sealed sealed{.manifest = TRY(FromJson(json.at("manifest"))), .key = signature->at("key")};
  ucan::Did signer = TRY(ucan::Did::ParseKey(sealed.key));
  std::optional<std::string> value = FromBase64(signature->at("value").get<std::string>());
  std::string text = Canonical(json.at("manifest"));
  sealed.is_authentic = value && VerifyEd25519(signer.public_key(), text, *value);
  return sealed;
}

Result<Sealed> ReadSealed(const std::string& path) {
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) return FromErrno("cannot read " + path, errno);
  std::string text(kMaxManifest + 2, '\0');
  size_t size = 0;
  for (;;) {
    ssize_t got = ::read(file.get(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FromErrno("cannot read " + path, errno);
    if (got == 0 || (size += static_cast<size_t>(got)) == text.size()) break;
  }
  text.resize(size);
  Result<Sealed> sealed = OpenManifest(text);
  return sealed.ok() ? std::move(sealed) : Result<Sealed>(sealed.status().In(path));
}

}  // namespace millrace::proof
