// How Kafka's brokers are reached: the fields of a Kafka connection.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/secret.h"
#include "base/time.h"
#include "config/spec_read.h"

namespace millrace {

enum class KafkaSecurity { kPlaintext, kSsl, kSaslPlaintext, kSaslSsl };
enum class KafkaSasl { kPlain, kScramSha256, kScramSha512 };

template <>
struct EnumNames<KafkaSecurity> {
  static constexpr std::pair<std::string_view, KafkaSecurity> kAll[] = {
      {"plaintext", KafkaSecurity::kPlaintext},
      {"ssl", KafkaSecurity::kSsl},
      {"sasl_plaintext", KafkaSecurity::kSaslPlaintext},
      {"sasl_ssl", KafkaSecurity::kSaslSsl}};
};
template <>
struct EnumNames<KafkaSasl> {
  static constexpr std::pair<std::string_view, KafkaSasl> kAll[] = {
      {"plain", KafkaSasl::kPlain},
      {"scram-sha-256", KafkaSasl::kScramSha256},
      {"scram-sha-512", KafkaSasl::kScramSha512}};
};

struct KafkaOptions {
  std::vector<std::string> brokers;  // host:port; some of the cluster's are enough
  KafkaSecurity security = KafkaSecurity::kPlaintext;
  KafkaSasl sasl_mechanism = KafkaSasl::kPlain;
  std::string user;
  Secret password;
  std::string ca_file;              // PEM, instead of the system's certificates
  std::string cert_file, key_file;  // PEM: of the client
  Secret key_password;
  std::map<std::string, std::string> properties;   // of librdkafka; they go before ours
  Micros timeout = std::chrono::seconds(30);       // of a question, all attempts together
};

// kInvalid: a property that is not the user's to set, and why.
Status CheckKafkaProperties(const std::map<std::string, std::string>& properties);

}  // namespace millrace
