// millrace connections [test]
#include <algorithm>
#include <memory>

#include "base/text.h"
#include "cli/command.h"
#include "cli/text_table.h"
#include "cli/workspace.h"
#include "pipeline/names.h"

namespace millrace {

namespace {

Result<int> ListConnections(Invocation& invocation) {
  std::unique_ptr<Workspace> workspace = TRY(Workspace::Open(invocation));
  TextTable table({{.name = "connection", .whole = true}, {"kind"}, {.name = "declared at"}});
  for (const auto& [name, connection] : workspace->connections().all()) {
    table.Add({{name},
               {connection.entry->name},
               {connection.place.file + ":" + std::to_string(connection.place.line)}});
  }
  if (table.size() == 0) {
    invocation.terminal.Print("No connections. Declare one in millrace.yml under connections:\n");
    return kExitDone;
  }
  invocation.terminal.Print(table.Format(invocation.terminal));
  return kExitDone;
}

Result<std::vector<std::string>> Chosen(const Connections& connections,
                                        const std::vector<std::string>& wanted) {
  std::vector<std::string> all;
  for (const auto& [name, connection] : connections.all()) all.push_back(name);
  if (wanted.empty()) return all;
  for (const std::string& name : wanted) {
    if (!connections.all().contains(name))
      return Invalid("there is no connection '" + name + "'", SuggestName(name, all));
  }
  return wanted;
}

// True when it answered.
bool TestOne(Invocation& invocation, const std::string& name, const Connection& connection) {
  Terminal& terminal = invocation.terminal;
  Diagnostics told;
  std::optional<Registry::TestConnection> test =
      connection.entry->parse_connection(connection.config, told);
  Result<std::string> found =
      test ? (*test)(invocation.signals.stop()) : Result<std::string>(told.ToStatus());
  if (found.ok()) {
    terminal.Print(terminal.Paint(Style::kGreen, "ok  ") + "  " + name + "  " + *found + "\n");
    return true;
  }
  terminal.Print(terminal.Paint(Style::kRed, "fail") + "  " + name + "  " +
                 found.status().message() + "\n");
  if (!found.status().hint().empty()) terminal.Print("      → " + found.status().hint() + "\n");
  return false;
}

Result<int> TestConnections(Invocation& invocation, const std::vector<std::string>& wanted) {
  std::unique_ptr<Workspace> workspace = TRY(Workspace::Open(invocation));
  const Connections& connections = workspace->connections();
  std::vector<std::string> names = TRY(Chosen(connections, wanted));
  if (names.empty()) return ListConnections(invocation);
  bool all_answer = true;
  for (const std::string& name : names) {
    if (invocation.signals.stop().stop_requested()) return Canceled();
    all_answer = TestOne(invocation, name, connections.all().at(name)) && all_answer;
  }
  return all_answer ? kExitDone : kExitUnavailable;
}

}  // namespace

Action DeclareConnections(Options& options) {
  options.Example("millrace connections", "the servers that millrace.yml names");
  options.Example("millrace connections test store", "what exactly is wrong with one, if anything");
  return [](Invocation& invocation) { return ListConnections(invocation); };
}

Action DeclareTestConnections(Options& options) {
  auto names = std::make_shared<std::vector<std::string>>();
  options.Arguments("NAME", names.get(), "Connections of millrace.yml; all unless given");
  options.Note("Moves no data. Exit code 4 when one does not answer as it should.");
  options.Example("millrace connections test", "all of them");
  return [names](Invocation& invocation) { return TestConnections(invocation, *names); };
}

}  // namespace millrace
