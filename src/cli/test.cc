// millrace test
#include <memory>

#include "cli/checked_pipelines.h"
#include "cli/command.h"
#include "cli/words.h"
#include "pipeline/sql_tests.h"

namespace millrace {

namespace {

struct TestArguments {
  std::vector<std::string> paths;
  std::string name;
};

std::string PlaceText(const Place& place) {
  return place.file + ":" + std::to_string(place.line) + ":" + std::to_string(place.column);
}

void PrintResult(Invocation& invocation, const SqlTestResult& result) {
  Terminal& terminal = invocation.terminal;
  std::string title = ShortTask(result.task) + ": " + result.name + "\n";
  if (result.passed) {
    if (!invocation.options.quiet) terminal.Print(terminal.Paint(Style::kGreen, "✓ ") + title);
    return;
  }
  std::string text = terminal.Paint(Style::kRed, "✗ ") + title + "  " + PlaceText(result.place) +
                     ": " + result.message + "\n";
  for (const std::string& line : result.diff) {
    Style style = line.starts_with("-")   ? Style::kRed
                  : line.starts_with("+") ? Style::kGreen
                                          : Style::kPlain;
    text += "    " + terminal.Paint(style, line) + "\n";
  }
  terminal.Print(text);
}

std::vector<SqlTest> Chosen(std::vector<SqlTest> tests, const std::string& name) {
  std::erase_if(tests, [&](const SqlTest& test) {
    return !name.empty() && test.config.name.find(name) == std::string::npos &&
           ShortTask(test.task) != name;
  });
  return tests;
}

Result<int> RunTests(Invocation& invocation, const TestArguments& arguments) {
  std::unique_ptr<Workspace> workspace = TRY(Workspace::Open(invocation));
  CheckedPipelines checked = TRY(CheckPipelinesAt(*workspace, arguments.paths));
  std::vector<std::vector<SqlTest>> tests;
  for (const auto& pipeline : checked.pipelines) {
    tests.push_back(Chosen(LoadSqlTests(*pipeline, checked.diagnostics), arguments.name));
  }
  if (checked.diagnostics.HasErrors()) {
    PrintDiagnostics(invocation.terminal, checked.diagnostics.Sorted());
    return kExitUsage;
  }
  size_t passed = 0, failed = 0;
  for (size_t i = 0; i < tests.size(); ++i) {
    Pipeline& pipeline = *checked.pipelines[i];
    for (const SqlTestResult& result : RunSqlTests(tests[i], pipeline, checked.Others(&pipeline),
                                                   *checked.context, workspace->stop())) {
      ++(result.passed ? passed : failed);
      PrintResult(invocation, result);
    }
  }
  if (workspace->stop().stop_requested()) return Canceled();
  if (passed + failed == 0) {
    invocation.terminal.Print(arguments.name.empty()
                                  ? "There are no tests. Write some under `tests:` of a task.\n"
                                  : "No test has '" + arguments.name + "' in its name.\n");
    return arguments.name.empty() ? kExitDone : kExitUsage;
  }
  invocation.terminal.Print(FormatCount(static_cast<int64_t>(passed)) + " passed, " +
                            FormatCount(static_cast<int64_t>(failed)) + " failed\n");
  return failed > 0 ? kExitFailed : kExitDone;
}

}  // namespace

Action DeclareTest(Options& options) {
  auto given = std::make_shared<TestArguments>();
  options.Arguments("PIPELINE", &given->paths,
                    "Files, folders or names; all of the project unless given");
  options.Value("-k,--name", "TEXT", &given->name,
                "Only tests with this in their name, or of this task");
  options.Note(
      "Tests stand under `tests:` of a task or in tests/*.yml beside the pipeline: `given` rows by "
      "table,\n"
      "`expect` rows. They run in memory; no table is read or written.");
  options.Example("millrace test", "all tests of the project");
  options.Example("millrace test flights -k silver_flights", "those of one task");
  return [given](Invocation& invocation) { return RunTests(invocation, *given); };
}

}  // namespace millrace
