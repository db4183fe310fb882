// millrace docs
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "check/check.h"
#include "cli/command.h"
#include "cli/help.h"
#include "cli/words.h"
#include "connect/registry.h"
#include "pipeline/pipeline.h"
#include "pipeline/sql_tests.h"
#include "store/tables.h"

namespace millrace {

namespace {

namespace fs = std::filesystem;
using Pages = std::map<std::string, std::string>;  // path below docs/reference → its text

// Each Spec brings its own heading, "## table source".
std::string ConnectorPage(const Registry::Entry& entry) {
  std::string text = "# " + entry.name + "\n\n";
  if (entry.connection) text += SpecMarkdown(*entry.connection) + "\n";
  if (entry.source) text += SpecMarkdown(*entry.source) + "\n";
  if (entry.sink) text += SpecMarkdown(*entry.sink) + "\n";
  return text;
}

std::string JoinedPage(const std::string& title, const std::string& lead,
                       const std::vector<std::shared_ptr<const SpecInfo>>& specs) {
  std::string text = "# " + title + "\n\n" + lead + "\n\n";
  for (const auto& spec : specs) text += SpecMarkdown(*spec) + "\n";
  return text;
}

std::string Kinds(const Registry::Entry& entry) {
  if (entry.source && entry.sink) return "source, target";
  return entry.source ? "source" : "target";
}

std::string IndexPage(const Registry& registry) {
  std::string text = "# Reference\n\n";
  text += "Written by `millrace docs` from what the program itself reads: do not edit.\n\n";
  text += "- [commands](commands.md)\n";
  text += "- [pipeline.yml](pipeline.md), and its [schema](pipeline.schema.json)\n";
  text += "- [millrace.yml](project.md), and its [schema](project.schema.json)\n";
  text += "- [checks](checks.md)\n";
  text += "- [the record of runs](record.md), as tables in SQL\n\n";
  text += "## Connectors\n\n| name | use | what it is |\n|---|---|---|\n";
  for (const Registry::Entry* entry : registry.All()) {
    const SpecInfo& info = entry->source ? *entry->source : *entry->sink;
    text += "| [" + entry->name + "](connectors/" + entry->name + ".md) | " + Kinds(*entry) +
            " | " + info.summary + " |\n";
  }
  return text;
}

std::string PipelinePage() {
  std::vector<std::shared_ptr<const SpecInfo>> specs = PipelineSpecs();
  std::erase_if(specs, [](const auto& spec) { return spec->name == ProjectSpec()->name; });
  specs.push_back(SqlTestSpec().info());
  return JoinedPage(
      "pipeline.yml",
      "One file per pipeline; each task reads `from`, through `sql` and `checks`, into "
      "`to`. A `from` or `to` is one of the [connectors](README.md#connectors).",
      specs);
}

std::string RecordPage() {
  std::string text =
      "# The record of runs\n\nWhat the store knows, as tables for `millrace query` and for the "
      "SQL of "
      "tasks.\n\n";
  for (const StoreTable& table : StoreTables()) {
    text += "## " + std::string(table.name) + "\n\n| column | type |\n|---|---|\n";
    for (const Column& column : table.schema.columns) {
      text += "| `" + column.name + "` | `" + column.type.ToSql() + "` |\n";
    }
    text += "\n";
  }
  return text;
}

Pages MakePages() {
  Registry registry;
  RegisterAll(registry);
  GlobalOptions globals;
  Pages pages;
  pages["README.md"] = IndexPage(registry);
  pages["commands.md"] = CommandsMarkdown(DeclareAll(), DeclareGlobals(globals));
  pages["pipeline.md"] = PipelinePage();
  pages["record.md"] = RecordPage();
  pages["checks.md"] = JoinedPage(
      "Checks", "Rules that the rows of a task must pass, listed under `checks:`.", CheckSpecs());
  pages["project.md"] =
      JoinedPage("millrace.yml", "What the pipelines of a project share. All of it is optional.",
                 {ProjectSpec()});
  pages["pipeline.schema.json"] = PipelineJsonSchema(registry).dump(2) + "\n";
  pages["project.schema.json"] = ProjectJsonSchema(registry).dump(2) + "\n";
  for (const Registry::Entry* entry : registry.All()) {
    pages["connectors/" + entry->name + ".md"] = ConnectorPage(*entry);
  }
  for (auto& [path, text] : pages) {
    while (text.ends_with("\n\n")) text.pop_back();
  }
  return pages;
}

std::string ReadAll(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// Pages whose file differs, and files that are no page any more.
std::vector<std::string> Stale(const Pages& pages, const fs::path& folder) {
  std::vector<std::string> stale;
  for (const auto& [path, text] : pages) {
    if (ReadAll(folder / path) != text) stale.push_back(path);
  }
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(folder, error)) {
    std::string path = entry.path().lexically_relative(folder).string();
    if (entry.is_regular_file() && !pages.contains(path)) stale.push_back(path);
  }
  return stale;
}

Status WritePages(const Pages& pages, const fs::path& folder) {
  for (const auto& [path, text] : pages) {
    std::error_code error;
    fs::create_directories((folder / path).parent_path(), error);
    std::ofstream file(folder / path, std::ios::binary | std::ios::trunc);
    file << text;
    file.close();
    if (!file) return FromErrno("cannot write " + (folder / path).string(), errno);
  }
  return Status::Ok();
}

Result<int> WriteDocs(Invocation& invocation, const std::string& output, bool check) {
  Pages pages = MakePages();
  if (check) {
    std::vector<std::string> stale = Stale(pages, output);
    for (const std::string& path : stale)
      invocation.terminal.PrintError(output + "/" + path + " is stale\n");
    if (stale.empty()) return kExitDone;
    invocation.terminal.PrintError("  write them anew: millrace docs --output " + output + "\n");
    return kExitFailed;
  }
  TRY(WritePages(pages, output));
  if (!invocation.options.quiet) {
    invocation.terminal.Print(Counted(pages.size(), "page") + " written to " + output + "\n");
  }
  return kExitDone;
}

}  // namespace

Action DeclareDocs(Options& options) {
  struct Arguments {
    std::string output = "docs/reference";
    bool check = false;
  };
  auto given = std::make_shared<Arguments>();
  options.Value("-o,--output", "DIR", &given->output, "Where to");
  options.Flag("--check", &given->check, "Write nothing; fail when a page is stale");
  options.Example("millrace docs --output reference", "connectors, checks, files and commands");
  options.Example("millrace docs --check", "for CI");
  return [given](Invocation& invocation) {
    return WriteDocs(invocation, given->output, given->check);
  };
}

}  // namespace millrace
