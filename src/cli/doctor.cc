// millrace doctor
#include "cli/doctor.h"

#include <memory>

#include "cli/command.h"
#include "cli/help.h"
#include "cli/words.h"
#include "pipeline/names.h"

namespace millrace {

namespace {

void Print(Terminal& terminal, const Finding& finding) {
  Style style = Style::kGreen;
  std::string word = "ok  ";
  if (finding.level == Finding::Level::kWarn) style = Style::kYellow, word = "warn";
  if (finding.level == Finding::Level::kFail) style = Style::kRed, word = "fail";
  std::string name = finding.what;
  name.resize(std::max<size_t>(name.size(), 12), ' ');
  terminal.Print(terminal.Paint(style, word) + "  " + name + "  " + finding.detail + "\n" +
                 (finding.next.empty() ? "" : "                    → " + finding.next + "\n"));
}

void Append(std::vector<Finding>& all, std::vector<Finding> more) {
  for (Finding& finding : more) all.push_back(std::move(finding));
}

Result<int> Examine(Invocation& invocation) {
  Terminal& terminal = invocation.terminal;
  std::vector<Finding> findings;
  findings.push_back({Finding::Level::kOk, "millrace", std::string(ProgramVersion()), ""});
  Append(findings, ExamineMachine(invocation.env));
  Result<std::unique_ptr<Workspace>> workspace = Workspace::Open(invocation);
  if (!workspace.ok()) {
    findings.push_back(
        {Finding::Level::kFail, "project", workspace.status().message(), "mend millrace.yml"});
  } else {
    Workspace& here = **workspace;
    const Project& project = here.project();
    findings.push_back(
        {Finding::Level::kOk, "project",
         project.folder + (project.file.empty() ? " (no millrace.yml: defaults)" : ""), ""});
    if (SchemeOf(project.lake.path).empty())
      Append(findings, ExamineFolder("lake", project.Absolute(project.lake.path), invocation.env));
    Append(findings, ExamineFolder("state", here.state_folder(), invocation.env));
    Append(findings, ExamineEngine(here));
    Append(findings, ExamineLake(here));
    Append(findings, ExamineStore(here));
  }
  size_t warnings = 0, failures = 0;
  for (const Finding& finding : findings) {
    Print(terminal, finding);
    if (finding.level == Finding::Level::kWarn) ++warnings;
    if (finding.level == Finding::Level::kFail) ++failures;
  }
  terminal.Print("\n" +
                 (failures + warnings == 0
                      ? "All is well."
                      : Counted(failures, "failure") + ", " + Counted(warnings, "warning")) +
                 "\n");
  return failures > 0 ? kExitFailed : kExitDone;
}

}  // namespace

Action DeclareDoctor(Options& options) {
  options.Example("millrace doctor", "before the first run, and when something is odd");
  return [](Invocation& invocation) { return Examine(invocation); };
}

}  // namespace millrace
