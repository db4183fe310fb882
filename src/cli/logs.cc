// millrace logs
#include <algorithm>
#include <fstream>
#include <map>
#include <memory>

#include "base/text.h"
#include "cli/command.h"
#include "cli/words.h"
#include "cli/workspace.h"
#include "run/run.h"

namespace millrace {

namespace {

// Prints what came since the last look, task by task.
class LogReader {
 public:
  LogReader(Terminal& terminal, bool names) : terminal_(terminal), names_(names) {}

  // Whether there was anything.
  bool Print(const std::string& task, const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return false;
    std::streamoff& seen = seen_[path];
    file.seekg(seen);
    char buffer[1 << 16];
    bool any = false;
    while (file.read(buffer, sizeof buffer), file.gcount() > 0) {
      if (!any && names_ && last_ != task)
        terminal_.Print(terminal_.Paint(Style::kBold, task) + "\n");
      any = true;
      seen += file.gcount();
      terminal_.Print({buffer, static_cast<size_t>(file.gcount())});
    }
    if (any) last_ = task;
    return any;
  }

 private:
  Terminal& terminal_;
  bool names_;
  std::string last_;
  std::map<std::string, std::streamoff> seen_;
};

bool IsNamed(const std::string& key, const std::string& name) {
  return name.empty() || key == name || key.substr(0, key.find('[')) == name;
}

Result<int> PrintLogs(Invocation& invocation, const std::string& run_name,
                      const std::string& task_name, bool follow) {
  std::unique_ptr<Workspace> workspace = TRY(Workspace::Open(invocation));
  RunRecord run = TRY(workspace->FindRun(run_name));
  Store* store = TRY(workspace->store_to_read());
  std::vector<TaskRecord> tasks = TRY(store->Tasks(run.id));
  std::vector<std::string> names, chosen;
  for (const TaskRecord& task : tasks) {
    names.push_back(ShortTask(task.task));
    if (IsNamed(ShortTask(task.task), task_name)) chosen.push_back(task.task);
  }
  if (chosen.empty()) {
    std::string closest = Closest(task_name, names);
    return NotFound(
        "run " + run.id + " has no task '" + task_name + "'",
        closest.empty() ? "there are: " + Join(names, ", ") : "did you mean '" + closest + "'?");
  }
  LogReader reader(invocation.terminal, chosen.size() > 1);
  bool any = false;
  for (;;) {
    // The state first: what was written before it ended is seen by the look after it.
    run = TRY(store->GetRun(run.id));
    for (const std::string& task : chosen) {
      if (reader.Print(ShortTask(task), TaskLogPath(workspace->project(), run.id, task)))
        any = true;
    }
    if (!follow || run.state != RunState::kRunning || WasKilled(run)) break;
    TRY(workspace->env().clock.Sleep(std::chrono::milliseconds(200), workspace->stop()));
  }
  if (!any && !invocation.options.quiet) {
    invocation.terminal.PrintError("nothing was logged; millrace show " + run.id +
                                   " tells what happened\n");
  }
  return kExitDone;
}

}  // namespace

Action DeclareLogs(Options& options) {
  struct Arguments {
    std::string run, task;
    bool follow = false;
  };
  auto given = std::make_shared<Arguments>();
  options.Argument("RUN", &given->run, "A run's id, the beginning of one, or latest",
                   Options::Need::kOptional);
  options.Argument("TASK", &given->task, "Only this task", Options::Need::kOptional);
  options.Flag("-f,--follow", &given->follow, "Go on until the run ends");
  options.Example("millrace logs", "of the newest run");
  options.Example("millrace logs latest bronze --follow", "of one task, as it comes");
  return [given](Invocation& invocation) {
    return PrintLogs(invocation, given->run, given->task, given->follow);
  };
}

}  // namespace millrace
