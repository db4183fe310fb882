// millrace query
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

#include "base/hash.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/statement.h"

namespace millrace {

namespace {

struct QueryArguments {
  std::string sql, format = "table", as_of, output;
  int limit = 0;
  bool all = false;
};

constexpr int kRowsShown = 40;

std::string FormatOfFile(const std::string& path, const std::string& format) {
  if (format != "table") return format;
  std::string lower = ToLower(path);
  for (std::string_view known : {"parquet", "ndjson", "json"}) {
    if (lower.ends_with("." + std::string(known))) return std::string(known);
  }
  return "csv";
}

// The engine opens its output by name, and a name of stdout works where that is a pipe or a
// terminal. To a file, opening it anew would lose what `>>` keeps, so rows go through a file of
// ours.
Status WriteToStdout(Workspace& workspace, Statement& statement, const std::string& format) {
  struct stat info = {};
  bool stream =
      fstat(STDOUT_FILENO, &info) == 0 && (S_ISFIFO(info.st_mode) || S_ISCHR(info.st_mode));
  if (stream) {
    TRY(statement.session->WriteFile(statement.sql, "/dev/stdout", format, {}, workspace.stop()));
    return Status::Ok();
  }
  std::string path = "/tmp/millrace-query-" + NewUuid();
  Result<int64_t> written =
      statement.session->WriteFile(statement.sql, path, format, {}, workspace.stop());
  FILE* file = fopen(path.c_str(), "rb");
  unlink(path.c_str());
  if (file) {
    char buffer[1 << 16];
    while (size_t count = fread(buffer, 1, sizeof buffer, file))
      workspace.terminal().Print({buffer, count});
    fclose(file);
  }
  return written.ok() ? Status::Ok() : written.status();
}

Result<int> Query(Invocation& invocation, const QueryArguments& arguments) {
  AsOf as_of = TRY(ParseAsOf(arguments.as_of));
  std::unique_ptr<Workspace> workspace = TRY(Workspace::Open(invocation));
  Statement statement = TRY(PrepareStatement(*workspace, arguments.sql, as_of));
  if (statement.schema.columns.empty()) return kExitUsage;  // its errors are told already
  if (arguments.limit > 0) {
    statement.sql.text =
        "SELECT * FROM (\n" + statement.sql.text + "\n) LIMIT " + std::to_string(arguments.limit);
  }
  if (!arguments.output.empty()) {
    std::string format = FormatOfFile(arguments.output, arguments.format);
    int64_t rows = TRY(statement.session->WriteFile(statement.sql, arguments.output, format, {},
                                                    workspace->stop()));
    if (!invocation.options.quiet) {
      invocation.terminal.Print(FormatCount(rows) + " rows written to " + arguments.output + "\n");
    }
    return kExitDone;
  }
  if (arguments.format != "table") {
    TRY(WriteToStdout(*workspace, statement, arguments.format));
    return kExitDone;
  }
  TRY(PrintRows(*workspace, statement, arguments.all || arguments.limit > 0 ? 0 : kRowsShown,
                "--all shows all"));
  return kExitDone;
}

}  // namespace

Action DeclareQuery(Options& options) {
  auto given = std::make_shared<QueryArguments>();
  options.Argument("SQL", &given->sql,
                   "One SELECT; lake tables by name, the record of runs as millrace.runs …");
  options.Choice("-f,--format", &given->format, {"table", "csv", "json", "ndjson", "parquet"},
                 "How rows are written");
  options.Value("--as-of", "VERSION|TIME", &given->as_of, "The tables as they were then");
  options.Value("-o,--output", "FILE", &given->output,
                "Write to this file; its ending names the format");
  options.Value("-n,--limit", "N", &given->limit, "At most so many rows");
  options.Flag("--all", &given->all, "Show all rows, not the first 40");
  options.Note("The record of runs: millrace.runs tasks commits checks files lineage landing.");
  options.Example("millrace query \"SELECT * FROM gold.carrier_punctuality\"", "a table");
  options.Example("millrace query \"FROM silver.flights\" --as-of 3 -o flights.parquet",
                  "an earlier version, to a file");
  options.Example("millrace query \"FROM millrace.tasks\" -f csv", "what the runs recorded");
  return [given](Invocation& invocation) { return Query(invocation, *given); };
}

}  // namespace millrace
