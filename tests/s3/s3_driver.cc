// Does with an S3 client what the lines of its input say, one JSON object a line, and answers each
// with one line. For tests/s3/run and bench/s3.py.
//   s3_driver OPTIONS < steps       OPTIONS: {"endpoint": "http://…", "access_key": …}
//   {"do": "put", "bucket": "b", "key": "k", "text": "x", "if_absent": true}
//   {"do": "get", "bucket": "b", "key": "k", "max": 100, "offset": 0, "length": 5}
//   {"do": "put_file" | "get_file", "bucket": "b", "key": "k", "path": "/tmp/f", "sha256": "…"}
//   {"do": "copy", "bucket": "b", "key": "k", "to_bucket": "c", "to_key": "l"}
//   {"do": "up" | "down", "bucket": "b", "folder": "/tmp/d"}   {"do": "copy_all", "bucket",
//   "to_bucket"}
//   {"do": "race", "bucket": "b", "key": "k", "racers": 8}
//   head list delete delete_many create_bucket head_bucket uploads abort_uploads conditional
//   diagnose
// "stop_after_ms" requests a stop; "memory_peak" comes with every answer, in bytes.
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "base/hash.h"
#include "config/json.h"
#include "net/s3/s3.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;

std::string Text(const Json& step, const char* name) { return step.value(name, std::string()); }

S3Options OptionsOf(const Json& json) {
  S3Options options;
  options.endpoint = Text(json, "endpoint");
  options.region = json.value("region", options.region);
  options.access_key = Text(json, "access_key");
  options.secret_key = Secret(Text(json, "secret_key"));
  options.session_token = Secret(Text(json, "session_token"));
  options.ca_file = Text(json, "ca_file");
  options.profile = Text(json, "profile");
  std::string kind = Text(json, "credentials");
  if (kind == "anonymous") options.credentials = S3Credentials::kAnonymous;
  if (kind == "environment") options.credentials = S3Credentials::kEnvironment;
  if (kind == "profile") options.credentials = S3Credentials::kProfile;
  options.part_size = json.value("part_size", options.part_size);
  options.memory_limit = json.value("memory_limit", options.memory_limit);
  options.past_cache = json.value("past_cache", options.past_cache);
  options.copy_part_size = json.value("copy_part_size", options.copy_part_size);
  options.copy_whole = json.value("copy_whole", options.copy_whole);
  options.parts_in_flight = json.value("parts_in_flight", options.parts_in_flight);
  options.connections = json.value("connections", options.connections);
  options.attempts = json.value("attempts", options.attempts);
  auto seconds = [&](const char* name, Micros& value) {
    if (json.contains(name)) value = Micros(int64_t(json[name].get<double>() * 1e6));
  };
  seconds("connect_timeout", options.connect_timeout);
  seconds("read_timeout", options.read_timeout);
  seconds("request_timeout", options.request_timeout);
  return options;
}

int64_t PeakMemory() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stoll(line.substr(6)) * 1024;
  }
  return 0;
}

Json ToJson(const S3Object& object) {
  return {{"key", object.key},
          {"size", object.size},
          {"etag", object.etag},
          {"modified", FormatTime(object.modified)}};
}

struct Driver {
  S3Client& client;
  std::stop_token stop;

  Result<Json> Object(const Json& step, const std::string& what, const std::string& bucket,
                      const std::string& key) {
    if (what == "put" || what == "put_file") {
      S3PutOptions options{.if_absent = step.value("if_absent", false),
                           .sha256 = Text(step, "sha256")};
      S3Put put = what == "put"
                      ? TRY(client.Put(bucket, key, Text(step, "text"), options, stop))
                      : TRY(client.PutFile(bucket, key, Text(step, "path"), options, stop));
      return Json{{"etag", put.etag}, {"sha256", put.sha256}, {"checksum", put.checksum_sha256}};
    }
    if (what == "get") {
      S3Range range{step.value("offset", int64_t{0}), step.value("length", int64_t{-1})};
      std::string bytes =
          TRY(client.Get(bucket, key, step.value("max", int64_t{1} << 20), stop, range));
      return Json{
          {"text", bytes.substr(0, 1000)}, {"size", bytes.size()}, {"sha256", Sha256Hex(bytes)}};
    }
    if (what == "get_file") {
      S3GetOptions options{.size = step.value("size", int64_t{-1}),
                           .etag = Text(step, "etag"),
                           .sha256 = Text(step, "sha256")};
      S3Got got = TRY(client.GetToFile(bucket, key, Text(step, "path"), options, stop));
      return Json{{"size", got.size}, {"etag", got.etag}, {"verified", got.verified}};
    }
    if (what == "head") {
      S3Info info = TRY(client.Head(bucket, key, stop));
      Json json = ToJson(info);
      json["metadata"] = info.metadata;
      json["checksum"] = info.checksum_sha256;
      return json;
    }
    if (what == "copy") {
      S3Info info = TRY(client.Head(bucket, key, stop));
      TRY(client.Copy(bucket, info, Text(step, "to_bucket"), Text(step, "to_key"), stop));
      return Json::object();
    }
    if (what == "delete") {
      TRY(client.Delete(bucket, key, stop));
      return Json::object();
    }
    return Invalid("no step '" + what + "'");
  }

  Result<Json> Many(const Json& step, const std::string& what, const std::string& bucket) {
    std::string folder = Text(step, "folder"), prefix = Text(step, "prefix");
    if (what == "up") {
      std::vector<std::string> names;
      for (const auto& entry : fs::directory_iterator(folder)) {
        names.push_back(entry.path().filename().string());
      }
      TRY(client.ForEach(
          names.size(),
          [&](size_t i, std::stop_token each) {
            return client.PutFile(bucket, prefix + names[i], folder + "/" + names[i], {}, each)
                .status();
          },
          stop));
      return Json{{"count", names.size()}};
    }
    S3Page page = TRY(client.ListAll(bucket, {.prefix = prefix}, stop));
    std::atomic<int> verified = 0;
    TRY(client.ForEach(
        page.objects.size(),
        [&](size_t i, std::stop_token each) -> Status {
          const S3Object& object = page.objects[i];
          if (what == "copy_all") {
            return client.Copy(bucket, object, Text(step, "to_bucket"), object.key, each);
          }
          std::string path = folder + "/" + object.key.substr(prefix.size());
          S3Got got = TRY(client.GetToFile(bucket, object.key, path,
                                           {.size = object.size, .etag = object.etag}, each));
          verified += got.verified;
          return Status::Ok();
        },
        stop));
    return Json{{"count", page.objects.size()}, {"verified", verified.load()}};
  }

  Result<Json> Race(const std::string& bucket, const std::string& key, int racers) {
    std::atomic<int> won = 0, lost = 0;
    std::vector<std::jthread> threads;
    for (int i = 0; i < racers; ++i) {
      threads.emplace_back([&, i] {
        Status status =
            client.Put(bucket, key, std::to_string(i), {.if_absent = true}, stop).status();
        won += status.ok();
        lost += status.code() == Code::kConflict;
      });
    }
    threads.clear();
    return Json{{"won", won.load()}, {"lost", lost.load()}};
  }

  Result<Json> Bucket(const Json& step, const std::string& what, const std::string& bucket) {
    std::string prefix = Text(step, "prefix");
    if (what == "create_bucket") TRY(client.CreateBucket(bucket, stop));
    if (what == "head_bucket") TRY(client.HeadBucket(bucket, stop));
    if (what == "conditional") TRY(client.SupportsConditionalPut(bucket, prefix, stop));
    if (what == "delete_many") {
      TRY(client.DeleteMany(bucket, step["keys"].get<std::vector<std::string>>(), stop));
    }
    if (what == "diagnose") return Json{{"text", TRY(client.Diagnose(bucket, stop))}};
    if (what == "uploads") {
      Json all = Json::array();
      for (const S3Upload& upload : TRY(client.ListMultipartUploads(bucket, prefix, stop))) {
        all.push_back({{"key", upload.key}, {"started", FormatTime(upload.started)}});
      }
      return Json{{"uploads", all}};
    }
    if (what == "abort_uploads") {
      Time now = std::chrono::time_point_cast<Micros>(std::chrono::system_clock::now());
      Time before = now - std::chrono::seconds(step.value("older_seconds", 0));
      return Json{{"aborted", TRY(client.AbortMultipartUploads(bucket, prefix, before, stop))}};
    }
    if (what == "list") {
      S3Query query{prefix, Text(step, "delimiter"), Text(step, "start_after"),
                    step.value("page", 1000)};
      S3Page page = TRY(client.ListAll(bucket, query, stop, step.value("most", size_t{100'000})));
      Json objects = Json::array();
      for (const S3Object& object : page.objects) objects.push_back(ToJson(object));
      return Json{{"objects", objects}, {"prefixes", page.prefixes}};
    }
    return Json::object();
  }

  Result<Json> Do(const Json& step) {
    std::string what = Text(step, "do"), bucket = Text(step, "bucket"), key = Text(step, "key");
    if (what == "race") return Race(bucket, key, step.value("racers", 8));
    if (what == "up" || what == "down" || what == "copy_all") return Many(step, what, bucket);
    if (step.contains("key")) return Object(step, what, bucket, key);
    return Bucket(step, what, bucket);
  }
};

Json Answer(S3Client& client, const Json& step) {
  std::stop_source stop;
  std::jthread stopper;
  if (step.contains("stop_after_ms")) {
    auto after = std::chrono::milliseconds(step["stop_after_ms"].get<int>());
    stopper = std::jthread([&stop, after](std::stop_token over) {
      std::mutex mutex;
      std::condition_variable_any never;
      std::unique_lock lock(mutex);
      never.wait_for(lock, over, after, [] { return false; });
      stop.request_stop();
    });
  }
  auto begin = std::chrono::steady_clock::now();
  Result<Json> result = Driver{client, stop.get_token()}.Do(step);
  std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  Json answer = result.ok() ? *result : Json::object();
  answer["code"] = CodeName(result.code());
  answer["message"] = result.status().message();
  answer["hint"] = result.status().hint();
  answer["seconds"] = took.count();
  answer["memory_peak"] = PeakMemory();
  return answer;
}

int Main(int count, char** words) {
  Json options = Json::parse(count > 1 ? words[1] : "{}");
  Result<std::shared_ptr<S3Client>> client = OpenS3(OptionsOf(options));
  for (std::string line; std::getline(std::cin, line);) {
    Json answer = client.ok() ? Answer(**client, Json::parse(line))
                              : Json{{"code", CodeName(client.code())},
                                     {"message", client.status().message()},
                                     {"hint", client.status().hint()}};
    std::cout << answer.dump(-1, ' ', false, Json::error_handler_t::replace) << std::endl;
  }
  return 0;
}

}  // namespace
}  // namespace millrace

int main(int count, char** words) { return millrace::Main(count, words); }
