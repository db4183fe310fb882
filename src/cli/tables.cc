// millrace tables
#include <algorithm>
#include <map>
#include <memory>

#include "base/text.h"
#include "cli/command.h"
#include "cli/text_table.h"
#include "cli/words.h"
#include "cli/workspace.h"

namespace millrace {

namespace {

constexpr std::string_view kLanding = "landing";

std::string CountOrUnknown(int64_t count) { return count < 0 ? "?" : FormatCount(count); }

void AddTable(TextTable& table, const TableName& name, Lake& lake) {
  Result<Snapshot> snapshot = lake.Open(name)->Load();
  if (!snapshot.ok()) {
    table.Add({{name.ToString()},
               {""},
               {""},
               {""},
               {""},
               {"", Style::kPlain},
               {snapshot.status().message(), Style::kRed}});
    return;
  }
  table.Add({{name.ToString()},
             {std::to_string(snapshot->version)},
             {CountOrUnknown(snapshot->rows())},
             {FormatCount(static_cast<int64_t>(snapshot->files.size()))},
             {FormatBytes(snapshot->bytes())},
             {ShortTime(snapshot->committed)},
             {snapshot->partition_by.empty() ? "" : "by " + Join(snapshot->partition_by, ", ")}});
}

// A landing's files are those beside its dot folders (manifests and earlier versions of files).
Status AddLandings(TextTable& table, Storage& storage) {
  for (const std::string& name : TRY(storage.Folders(kLanding))) {
    std::string folder = std::string(kLanding) + "/" + name + "/";
    int64_t files = 0, bytes = 0;
    Time newest;
    for (const FileInfo& file : TRY(storage.List(folder))) {
      if (file.path.find("/.") != std::string::npos) continue;
      ++files;
      bytes += file.size;
      newest = std::max(newest, file.modified);
    }
    if (files == 0) continue;
    table.Add({{"landing/" + name},
               {""},
               {""},
               {FormatCount(files)},
               {FormatBytes(bytes)},
               {ShortTime(newest)},
               {""}});
  }
  return Status::Ok();
}

Result<int> ListTables(Invocation& invocation) {
  std::unique_ptr<Workspace> workspace = TRY(Workspace::Open(invocation));
  Lake* lake = TRY(workspace->lake());
  TextTable table({{.name = "table", .whole = true},
                   {"version", true},
                   {"rows", true},
                   {"files", true},
                   {"size", true},
                   {.name = "last commit (UTC)", .whole = true},
                   {.name = "", .optional = true}});
  TRY(AddLandings(table, lake->storage()));
  for (const TableName& name : TRY(lake->Tables())) AddTable(table, name, *lake);
  if (table.size() == 0) {
    invocation.terminal.Print("The lake has no tables yet. Make some with: millrace run\n");
    return kExitDone;
  }
  invocation.terminal.Print(table.Format(invocation.terminal));
  return kExitDone;
}

}  // namespace

Action DeclareTables(Options& options) {
  options.Example("millrace tables", "name, version, rows, files and size of each");
  options.Example("millrace tables history gold.route_month", "its versions");
  options.Example("millrace tables compact --all", "fewer, larger files");
  return [](Invocation& invocation) { return ListTables(invocation); };
}

}  // namespace millrace
