// The fields of a pipeline file, declared once: parser, errors, reference pages and JSON Schema
// come from here.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/spec.h"
#include "pipeline/pipeline.h"

namespace millrace {

template <>
struct EnumNames<RetryPolicy::Backoff> {
  static constexpr std::pair<std::string_view, RetryPolicy::Backoff> kAll[] = {
      {"constant", RetryPolicy::Backoff::kConstant},
      {"exponential", RetryPolicy::Backoff::kExponential}};
};

struct DefaultsConfig {
  YamlNode retry;
  std::optional<Micros> timeout;
  std::optional<bool> metadata;
};

struct PipelineConfig {
  std::string name, description, schedule, timezone;
  YamlNode params;
  std::map<std::string, std::string> vars;
  YamlNode retry;
  DefaultsConfig defaults;
  YamlNode tasks;
};

struct BatchConfig {
  int64_t rows = Trigger().batch.rows;
  Bytes bytes{Trigger().batch.bytes};
};

enum class TriggerKind { kScheduled, kContinuous };
template <>
struct EnumNames<TriggerKind> {
  static constexpr std::pair<std::string_view, TriggerKind> kAll[] = {
      {"scheduled", TriggerKind::kScheduled}, {"continuous", TriggerKind::kContinuous}};
};

struct TaskConfig {
  std::string name, description;
  YamlNode from, sql, checks, to, rejects;
  YamlNode command;
  std::vector<std::string> after;
  YamlNode params, matrix, retry, columns, tests;
  std::optional<Micros> timeout;
  std::optional<bool> metadata;
  std::optional<TriggerKind> trigger;
  std::string schedule;
  std::optional<Micros> every;
  BatchConfig batch;
};

const Spec<RetryPolicy>& RetrySpec();
const Spec<PipelineConfig>& PipelineFileSpec();
const Spec<TaskConfig>& TaskSpec();

}  // namespace millrace
