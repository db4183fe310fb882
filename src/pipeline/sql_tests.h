// SQL tests of a task: given rows, expected rows. `tests:` of a task, or tests/*.yml beside the
// pipeline file:
//
//   - name: cancelled flights have no arrival
//     task: silver_flights
//     given:
//       bronze.flights: [{carrier: AA, dep_time: null}]     # rows, CSV text, or a .csv file
//     expect: [{carrier: AA, cancelled: true}]              # only these columns are compared
//     rejects: []
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "config/spec.h"
#include "pipeline/pipeline.h"

namespace millrace {

struct SqlTestConfig {
  std::string name, task;
  YamlNode given, expect, rejects;
  std::vector<std::string> fails;  // names of checks that must fail
  bool ordered = false;
  std::string now = "2000-01-01T00:00:00Z";
};

struct SqlTest {
  SqlTestConfig config;
  std::string task;  // key
  Place place;
};

struct SqlTestResult {
  std::string name, task;  // key of the task
  bool passed = false;
  Place place;                    // of what was not met; of the test when it passed
  std::string message;            // "2 rows are missing, 1 was not expected"
  std::vector<std::string> diff;  // lines that begin with "- " (expected) or "+ " (came)
};

// Of all tasks; what is wrong with a test is told.
std::vector<SqlTest> LoadSqlTests(const Pipeline& pipeline, Diagnostics& diagnostics);
// Runs tests of a pipeline that CheckPipelines found without fault, in their order; fewer when
// stopped. `siblings`: the other pipelines of the project, whose tables it may read.
std::vector<SqlTestResult> RunSqlTests(const std::vector<SqlTest>& tests, Pipeline& pipeline,
                                       const std::vector<Pipeline*>& siblings,
                                       CheckContext& context, std::stop_token stop);

const Spec<SqlTestConfig>& SqlTestSpec();

}  // namespace millrace
