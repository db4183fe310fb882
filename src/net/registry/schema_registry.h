// Client of a schema registry that speaks Confluent's REST API
// (https://docs.confluent.io/platform/current/schema-registry/develop/api.html): Confluent,
// Apicurio (below /apis/ccompat/v7), Karapace, Redpanda.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/env.h"
#include "base/secret.h"
#include "base/status.h"
#include "config/spec.h"
#include "net/http/requester.h"

namespace millrace {

// A group of a connection's fields.
struct SchemaRegistryConfig {
  std::string url;  // with the path that the API lies below
  std::string username;
  Secret password, token;  // basic or bearer; none: requests are not signed
  std::string ca_file;     // PEM; "": the system's
  Micros connect_timeout = std::chrono::seconds(10);
  Micros timeout = std::chrono::seconds(30);   // of a request
  int attempts = 5;                            // of a request that fails for a reason that may pass
  Micros max_delay = std::chrono::seconds(5);  // between two of them
  int64_t cache = 1000;                        // schemas that are kept
};
const Spec<SchemaRegistryConfig>& SchemaRegistrySpec();

struct RegisteredSchema {
  int32_t id = 0;
  std::string type;  // AVRO, JSON or PROTOBUF
  std::string text;
  std::vector<std::string> references;  // texts of what it refers to, each before those that use it
  int64_t version = 0;                  // of the subject that was asked for; 0: asked by id
};

struct Compatibility {
  bool compatible = true;
  std::string why;  // the registry's words when it is not
};

// Thread-safe. Its errors name the subject and version, and quote the registry: kNotFound, kInvalid
// (refused, incompatible), kUnavailable (after all attempts).
class SchemaRegistry {
 public:
  using Log = http::Requester::Log;
  static Result<std::unique_ptr<SchemaRegistry>> Create(const SchemaRegistryConfig& config,
                                                        Clock& clock, Log log = {});

  // A schema of an id never changes: it is kept. That there is none is kept for a while, too: a
  // wrong id in many records is not asked for each time.
  Result<std::shared_ptr<const RegisteredSchema>> ById(int32_t id, std::stop_token stop);
  // `version` 0: the newest. Asked anew each time.
  Result<RegisteredSchema> Version(const std::string& subject, int64_t version,
                                   std::stop_token stop);
  // The schema's id; registers it unless it is there. kInvalid: the subject's rules refuse it.
  Result<int32_t> Register(const std::string& subject, std::string_view type,
                           const std::string& text, std::stop_token stop);
  // The id of exactly this schema below the subject.
  Result<int32_t> Find(const std::string& subject, std::string_view type, const std::string& text,
                       std::stop_token stop);
  // Whether Register would take it. A subject that is not there takes anything.
  Result<Compatibility> Check(const std::string& subject, std::string_view type,
                              const std::string& text, std::stop_token stop);
  // "Test connection": what was found, in words.
  Result<std::string> Probe(std::stop_token stop);

  const std::string& url() const { return url_; }

 private:
  struct Answer;
  struct Kept {
    std::shared_ptr<const RegisteredSchema> schema;  // null: there is none
    Time at;
  };
  SchemaRegistry(const SchemaRegistryConfig& config, Clock& clock,
                 std::unique_ptr<http::Requester> requester);

  Result<Answer> Ask(const std::string& method, const std::string& path, const std::string& body,
                     const std::string& what, std::stop_token stop);
  Result<RegisteredSchema> Read(const Answer& answer, const std::string& what,
                                std::stop_token stop);
  Status Collect(const Answer& answer, int depth, std::map<std::string, int>& seen,
                 std::vector<std::string>& texts, std::stop_token stop);
  void Keep(int32_t id, std::shared_ptr<const RegisteredSchema> schema);

  const std::string url_;
  const size_t most_kept_;
  Clock& clock_;
  const std::unique_ptr<http::Requester> requester_;
  std::mutex mutex_;
  std::map<int32_t, Kept> kept_;
};

// Sends one request by the config: for `connections test`.
Result<std::string> TestSchemaRegistry(const SchemaRegistryConfig& config, std::stop_token stop);

}  // namespace millrace
