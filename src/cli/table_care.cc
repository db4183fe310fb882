// millrace tables history | restore | compact | vacuum
#include <memory>

#include "base/text.h"
#include "cli/command.h"
#include "cli/statement.h"
#include "cli/text_table.h"
#include "cli/words.h"
#include "cli/workspace.h"

namespace millrace {

namespace {


Result<std::unique_ptr<Table>> FindTable(Workspace& workspace, const std::string& text) {
  Result<TableName> name = ParseTableName(text);
  if (!name.ok()) return name.status();
  Lake* lake = TRY(workspace.lake());
  std::unique_ptr<Table> table = lake->Open(*name);
  if (TRY(table->Exists())) return table;
  std::vector<std::string> names;
  for (const TableName& each : TRY(lake->Tables())) names.push_back(each.ToString());
  std::string closest = Closest(text, names);
  return NotFound("there is no table '" + text + "'", closest.empty()
                                                          ? "millrace tables lists them"
                                                          : "did you mean '" + closest + "'?");
}

// The one that is named, or all.
Result<std::vector<std::string>> Chosen(Workspace& workspace, const std::string& name, bool all) {
  if (all != name.empty()) return Invalid("name a table, or say --all");
  if (!all) return std::vector<std::string>{name};
  std::vector<std::string> names;
  for (const TableName& each : TRY(TRY(workspace.lake())->Tables()))
    names.push_back(each.ToString());
  return names;
}

Result<int> PrintHistory(Invocation& invocation, const std::string& name, int limit) {
  std::unique_ptr<Workspace> workspace = TRY(Workspace::Open(invocation));
  std::unique_ptr<Table> table = TRY(FindTable(*workspace, name));
  TextTable text({{"version", true},
                  {"committed (UTC)"},
                  {"operation"},
                  {"files +", true},
                  {"files −", true},
                  {"rows +", true},
                  {.name = "run", .whole = true, .optional = true}});
  for (const HistoryEntry& entry : TRY(table->History(limit))) {
    text.Add({{std::to_string(entry.version)},
              {ShortTime(entry.committed)},
              {entry.operation},
              {FormatCount(entry.files_added)},
              {FormatCount(entry.files_removed)},
              {entry.rows_added < 0 ? "" : FormatCount(entry.rows_added)},
              {entry.run}});
  }
  invocation.terminal.Print(text.Format(invocation.terminal));
  return kExitDone;
}

Result<int> Restore(Invocation& invocation, const std::string& name, const std::string& to) {
  if (to.empty())
    return Invalid("say which state: --to VERSION or --to TIME", "millrace tables history " + name);
  AsOf as_of = TRY(ParseAsOf(to));
  std::unique_ptr<Workspace> workspace = TRY(Workspace::Open(invocation));
  std::unique_ptr<Table> table = TRY(FindTable(*workspace, name));
  int64_t version = TRY(table->Restore(as_of, workspace->env().clock.Now()));
  Snapshot now = TRY(table->Load());
  invocation.terminal.Print(name + " is now version " + std::to_string(version) + " with " +
                            (now.rows() < 0 ? "the" : FormatCount(now.rows())) + " rows of " + to +
                            "\n");
  return kExitDone;
}

Result<int> Compact(Invocation& invocation, const std::string& name, bool all) {
  std::unique_ptr<Workspace> workspace = TRY(Workspace::Open(invocation));
  for (const std::string& each : TRY(Chosen(*workspace, name, all))) {
    std::unique_ptr<Table> table = TRY(FindTable(*workspace, each));
    Snapshot before = TRY(table->Load());
    std::unique_ptr<Session> session = TRY(TRY(workspace->engine())->Open("compact " + each));
    Time now = workspace->env().clock.Now();
    int64_t version =
        TRY(table->Compact(*session, CompactOptions(), now, workspace->stop()));
    Snapshot after = TRY(table->Load());
    std::string result = version == before.version
                             ? "nothing to do, " + Counted(before.files.size(), "file")
                             : Counted(before.files.size(), "file") + " → " +
                                   FormatCount(after.files.size()) + ", version " +
                                   std::to_string(version);
    invocation.terminal.Print(each + ": " + result + "\n");
  }
  return kExitDone;
}

constexpr Micros kRetention = std::chrono::days(7);

struct VacuumArguments {
  std::string table, retention;
  bool all = false, dry_run = false;
};

Result<int> Vacuum(Invocation& invocation, const VacuumArguments& arguments) {
  std::unique_ptr<Workspace> workspace = TRY(Workspace::Open(invocation));
  Result<Micros> retention = workspace->project().lake.retention.versions.value_or(kRetention);
  if (!arguments.retention.empty()) retention = ParseDuration(arguments.retention);
  if (!retention.ok()) return retention.status().In("--retention");
  for (const std::string& each : TRY(Chosen(*workspace, arguments.table, arguments.all))) {
    std::unique_ptr<Table> table = TRY(FindTable(*workspace, each));
    VacuumResult result =
        TRY(table->Vacuum(*retention, arguments.dry_run, workspace->env().clock.Now()));
    invocation.terminal.Print(each + ": " + Counted(result.files, "file") + ", " +
                              FormatBytes(result.bytes) +
                              (arguments.dry_run ? " would be deleted\n" : " deleted\n"));
    if (!arguments.dry_run && !invocation.options.verbose) continue;
    for (const std::string& path : result.paths) invocation.terminal.Print("  " + path + "\n");
  }
  return kExitDone;
}

}  // namespace

Action DeclareHistory(Options& options) {
  struct Arguments {
    std::string table;
    int limit = 20;
  };
  auto given = std::make_shared<Arguments>();
  options.Argument("TABLE", &given->table, "layer.table");
  options.Value("-n,--limit", "N", &given->limit, "How many versions, the newest first");
  options.Example("millrace tables history silver.flights", "who wrote what, and when");
  return [given](Invocation& invocation) {
    return PrintHistory(invocation, given->table, given->limit);
  };
}

Action DeclareRestore(Options& options) {
  struct Arguments {
    std::string table, to;
  };
  auto given = std::make_shared<Arguments>();
  options.Argument("TABLE", &given->table, "layer.table");
  options.Value("--to", "VERSION|TIME", &given->to, "The state to bring back");
  options.Note(
      "Writes a new version with the rows of the earlier one: nothing is lost, and it can be "
      "undone.");
  options.Example("millrace tables restore silver.flights --to 3", "by version");
  options.Example("millrace tables restore silver.flights --to '2026-11-20 18:00'",
                  "as it was then (UTC)");
  return [given](Invocation& invocation) { return Restore(invocation, given->table, given->to); };
}

Action DeclareCompact(Options& options) {
  struct Arguments {
    std::string table;
    bool all = false;
  };
  auto given = std::make_shared<Arguments>();
  options.Argument("TABLE", &given->table, "layer.table", Options::Need::kOptional);
  options.Flag("--all", &given->all, "Every table of the lake");
  options.Note("Rows stay as they are. The old files go with the next vacuum.");
  options.Example("millrace tables compact bronze.flights", "one table");
  options.Example("millrace tables compact --all", "all of them");
  return [given](Invocation& invocation) { return Compact(invocation, given->table, given->all); };
}

Action DeclareVacuum(Options& options) {
  auto given = std::make_shared<VacuumArguments>();
  options.Argument("TABLE", &given->table, "layer.table", Options::Need::kOptional);
  options.Flag("--all", &given->all, "Every table of the lake");
  options.Value("--retention", "TIME", &given->retention,
                "Keep what versions of this time need. Default: lake.retention.versions, else 7d");
  options.Flag("--dry-run", &given->dry_run, "Only list what would go");
  options.Note("Versions older than the retention can no longer be read or restored afterwards.");
  options.Example("millrace tables vacuum --all --dry-run", "what would go");
  options.Example("millrace tables vacuum bronze.flights --retention 30d", "keep a month");
  return [given](Invocation& invocation) { return Vacuum(invocation, *given); };
}

}  // namespace millrace
