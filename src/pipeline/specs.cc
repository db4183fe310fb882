#include "pipeline/specs.h"

namespace millrace {

const Spec<RetryPolicy>& RetrySpec() {
  static const Spec<RetryPolicy> spec =
      Spec<RetryPolicy>("retry", "How often a failed task is tried again, and when.")
          .Field("attempts", &RetryPolicy::attempts, "Attempts in all; 1: no retry.",
                 {.min = 1, .max = 100})
          .Field("delay", &RetryPolicy::delay, "Wait before the second attempt.", {.example = "5s"})
          .Field("backoff", &RetryPolicy::backoff, "`exponential` doubles the wait each time.")
          .Field("max_delay", &RetryPolicy::max_delay, "Longest wait.", {.example = "5m"})
          .Short("attempts")
          .Example("Three attempts, 10 and 20 seconds apart", "retry: {attempts: 3, delay: 10s}");
  return spec;
}

static const Spec<BatchConfig>& BatchSpec() {
  static const Spec<BatchConfig> spec =
      Spec<BatchConfig>("batch", "The most that one batch of a continuous task takes.")
          .Field("rows", &BatchConfig::rows, "Rows, about.", {.min = 1, .example = "100000"})
          .Field("bytes", &BatchConfig::bytes, "Bytes, about, where the source can tell.",
                 {.min = 1, .example = "64MB"});
  return spec;
}

static const Spec<DefaultsConfig>& DefaultsSpec() {
  static const Spec<DefaultsConfig> spec =
      Spec<DefaultsConfig>("defaults",
                           "What every task of the pipeline has unless it says otherwise.")
          .Field("retry", &DefaultsConfig::retry, "Retries of every task.",
                 {.example = "{attempts: 3}"})
          .Field("timeout", &DefaultsConfig::timeout, "Longest time for one attempt.",
                 {.example = "10m"})
          .Field("metadata", &DefaultsConfig::metadata,
                 "Add `_ingested_at` and `_run_id` to the rows. Absent: to tables of the bronze "
                 "layer.");
  return spec;
}

const Spec<PipelineConfig>& PipelineFileSpec() {
  static const Spec<PipelineConfig> spec =
      Spec<PipelineConfig>("pipeline",
                           "A pipeline file: a graph of tasks, each from → sql → checks → to.")
          .Field("name", &PipelineConfig::name,
                 "Name of the pipeline: letters, digits, `_` and `-`.",
                 {.required = true, .example = "orders"})
          .Field("description", &PipelineConfig::description, "What it is for.")
          .Field("schedule", &PipelineConfig::schedule,
                 "When its tasks run while `millrace run` stays with it: cron, or `@hourly`, "
                 "`@daily`…; `@continuous`: every task is continuous.",
                 {.example = "'*/5 * * * *'"})
          .Field("timezone", &PipelineConfig::timezone, "Of the schedules; UTC unless given.",
                 {.example = "Europe/Berlin"})
          .Field("params", &PipelineConfig::params,
                 "Parameters of a run and their defaults, read as `${params.NAME}` and set by "
                 "`--param NAME=VALUE`. One without a default must be given. `{file: PATH}`: its "
                 "value is a path, which starts in the folder one is in where it is given.",
                 {.example = "{year: 2013, input: {file: }}"})
          .Field("vars", &PipelineConfig::vars,
                 "Values for `${NAME}`; the environment and .env are stronger.",
                 {.example = "{REGION: eu}"})
          .Field("retry", &PipelineConfig::retry,
                 "Retries of every task; the same as in `defaults`.",
                 {.example = "{attempts: 3, delay: 5s}"})
          .Group("defaults", &PipelineConfig::defaults, DefaultsSpec(),
                 "What every task has unless it says otherwise.")
          .Field("tasks", &PipelineConfig::tasks,
                 "The tasks. Their order in the file does not matter.", {.required = true});
  return spec;
}

const Spec<TaskConfig>& TaskSpec() {
  static const Spec<TaskConfig> spec =
      Spec<TaskConfig>(
          "task", "One step: rows `from` somewhere, through `sql` and `checks`, `to` somewhere.")
          .Field("name", &TaskConfig::name, "Name of the task: letters, digits, `_` and `-`.",
                 {.required = true, .example = "silver_orders"})
          .Field("description", &TaskConfig::description, "What it is for.")
          .Field("from", &TaskConfig::from,
                 "Where rows come from: one connector, then called `input` in SQL, or several "
                 "named ones.",
                 {.example = "{orders: {file: orders.csv}, people: {table: silver.people}}"})
          .Field("sql", &TaskConfig::sql,
                 "One SELECT over the inputs and any lake table by name, or a file that ends in "
                 ".sql. Absent: the "
                 "input's rows as they are.",
                 {.example = "SELECT id, lower(email) AS email FROM input"})
          .Field("checks", &TaskConfig::checks, "Rules that the rows must keep.",
                 {.example = "[{not_null: [id, email]}, {unique: id}]"})
          .Field("to", &TaskConfig::to,
                 "Where rows go: one target, or a list in which `when` (an SQL condition) and "
                 "`otherwise` route them.",
                 {.example = "{table: {name: silver.orders, mode: merge, key: id}}"})
          .Field("rejects", &TaskConfig::rejects,
                 "Takes the rows that fail, with the rule and the reason.",
                 {.example = "{table: silver.orders_rejects}"})
          .Field("after", &TaskConfig::after,
                 "Tasks to wait for, beside those whose tables are read. A matrix task's name "
                 "stands for all its "
                 "members.",
                 {.example = "[bronze]"})
          .Field("params", &TaskConfig::params, "Parameters of this task only.",
                 {.example = "{limit: 100}"})
          .Field("matrix", &TaskConfig::matrix,
                 "Lists of values: the task runs once for each combination, which it reads as "
                 "`${matrix.NAME}`. "
                 "`exclude` and `include` take combinations away and add them. Or a list of the "
                 "combinations, where values belong together: `[{year: 2024, suffix: _old}, "
                 "{year: 2025, suffix: \"\"}]`.",
                 {.example = "{table: [orders, people]}"})
          .Field("retry", &TaskConfig::retry, "How often a failed attempt is repeated.",
                 {.example = "{attempts: 3, delay: 5s}"})
          .Field("timeout", &TaskConfig::timeout, "Longest time for one attempt.",
                 {.example = "10m"})
          .Field("trigger", &TaskConfig::trigger,
                 "`continuous`: the task takes what is new as it comes, batch by batch, while "
                 "`millrace run` stays with the pipeline. `scheduled`: by the schedule.")
          .Field("every", &TaskConfig::every,
                 "Of a continuous task: the time from one batch to the next, at least. Absent: "
                 "500ms where it writes tables of the lake, else 50ms.",
                 {.example = "1s"})
          .Group("batch", &TaskConfig::batch, BatchSpec(), "Of a continuous task: its batches.")
          .Field("schedule", &TaskConfig::schedule, "Another schedule than the pipeline's.",
                 {.example = "'@hourly'"})
          .Field("command", &TaskConfig::command,
                 "A program to run instead of from, sql and to: a list of arguments, or one line "
                 "for the shell.",
                 {.example = "[python3, step.py]"})
          .Field("columns", &TaskConfig::columns,
                 "The columns of the task's rows with their SQL types: promised to the tasks after "
                 "it, and checked.",
                 {.example = "{id: BIGINT, email: VARCHAR}"})
          .Field("metadata", &TaskConfig::metadata,
                 "Add `_ingested_at` and `_run_id` to the rows. Absent: to tables of the bronze "
                 "layer.")
          .Field("tests", &TaskConfig::tests,
                 "SQL tests for `millrace test`: given rows, expected rows.",
                 {.example = "[{name: one, given: {input: [{id: 1}]}, expect: [{id: 1}]}]"});
  return spec;
}

std::vector<std::shared_ptr<const SpecInfo>> PipelineSpecs() {
  return {PipelineFileSpec().info(), TaskSpec().info(), RetrySpec().info(), DefaultsSpec().info(),
          ProjectSpec()};
}

}  // namespace millrace
