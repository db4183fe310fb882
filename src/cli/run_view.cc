#include "cli/run_view.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "cli/words.h"

namespace millrace {

namespace {

// A line per event, as it comes: for files, pipes and CI.
class LineView : public RunView {
 public:
  LineView(const GlobalOptions& options, Terminal& terminal)
      : options_(options), terminal_(terminal) {}

  void On(const Event& event) override {
    tallies_[event.run].Add(event);
    std::string at = ShortTime(event.at).substr(11) + "  ";
    switch (event.kind) {
      case Event::Kind::kRunStarted:
        return Say(at + "run " + event.run + " of " + event.pipeline + " started\n");
      case Event::Kind::kTaskStarted:
        if (options_.verbose) Say(at + "▶ " + ShortTask(event.task) + " started\n");
        return;
      case Event::Kind::kTaskRetry:
      case Event::Kind::kCheckFailed:
      case Event::Kind::kWarning: return Warn(event);
      case Event::Kind::kTaskEnded:
        return Say(at + TaskLine(event, terminal_, 0), event.task_state == TaskState::kFailed);
      case Event::Kind::kStreamed:
        return Say(at + "▶ " + (event.task.empty() ? "" : ShortTask(event.task) + "  ") +
                   event.message + "\n");
      case Event::Kind::kRunEnded:
        Say(at + tallies_[event.run].Summary(event, terminal_),
            event.run_state == RunState::kFailed);
        tallies_.erase(event.run);
        return;
    }
  }

 private:
  // Quiet is about what went well.
  void Say(const std::string& text, bool failure = false) {
    if (!options_.quiet) return terminal_.Print(text);
    if (failure) terminal_.PrintError(text);
  }
  void Warn(const Event& event) {
    terminal_.PrintError(terminal_.PaintError(Style::kYellow, "warning:") + " " +
                         (event.task.empty() ? "" : ShortTask(event.task) + ": ") + event.message +
                         "\n" + (event.hint.empty() ? "" : "  " + event.hint + "\n"));
  }

  const GlobalOptions& options_;
  Terminal& terminal_;
  std::map<RunId, RunTally> tallies_;  // of the runs under way
};

class JsonView : public RunView {
 public:
  explicit JsonView(Terminal& terminal) : terminal_(terminal) {}
  void On(const Event& event) override { terminal_.Print(EventJson(event) + "\n"); }

 private:
  Terminal& terminal_;
};

// One line per running task, repainted in place; what has ended stands above them and scrolls away.
class LiveView : public RunView {
 public:
  explicit LiveView(Terminal& terminal) : terminal_(terminal) {}
  ~LiveView() override { Finish(); }

  void On(const Event& event) override {
    std::lock_guard lock(mutex_);
    tallies_[event.run].Add(event);
    name_width_ = std::max(name_width_, std::min(DisplayWidth(ShortTask(event.task)), kNameWidth));
    switch (event.kind) {
      case Event::Kind::kRunStarted:
        return Above(terminal_.Paint(Style::kBold, event.pipeline) +
                     terminal_.Paint(Style::kDim, "  run " + event.run) + "\n");
      case Event::Kind::kTaskStarted: return;
      case Event::Kind::kTaskRetry:
      case Event::Kind::kCheckFailed:
      case Event::Kind::kWarning:
        return Above(terminal_.Paint(Style::kYellow, "! ") +
                     (event.task.empty() ? "" : ShortTask(event.task) + ": ") + event.message +
                     "\n" + (event.hint.empty() ? "" : "    " + event.hint + "\n"));
      case Event::Kind::kTaskEnded: return Above(TaskLine(event, terminal_, name_width_));
      case Event::Kind::kStreamed:  // of a task, its line shows
        if (event.task.empty()) Above(event.message + "\n");
        return;
      case Event::Kind::kRunEnded:
        Above("\n" + tallies_[event.run].Summary(event, terminal_));
        tallies_.erase(event.run);
        return;
    }
  }

  void Watch(std::function<std::vector<TaskProgress>()> progress) override {
    progress_ = std::move(progress);
    painter_ = std::jthread([this](std::stop_token stop) { PaintUntil(stop); });
  }

  void Finish() override {
    painter_.request_stop();
    if (painter_.joinable()) painter_.join();
    std::lock_guard lock(mutex_);
    Above("");
  }

 private:
  static constexpr int kNameWidth = 40;
  static constexpr size_t kMostLines = 16;  // of running tasks; the rest is counted
  static constexpr auto kRepaint = std::chrono::milliseconds(100);

  void PaintUntil(std::stop_token stop) {
    std::mutex waiting;
    std::condition_variable_any due;
    for (size_t frame = 0; !stop.stop_requested(); ++frame) {
      std::unique_lock wait(waiting);
      due.wait_for(wait, stop, kRepaint, [] { return false; });
      std::vector<TaskProgress> running = progress_();
      std::lock_guard lock(mutex_);
      if (!stop.stop_requested()) Repaint(running, frame);
    }
  }

  // Lines that stay. The running ones come back with the next repaint.
  void Above(const std::string& text) {
    terminal_.Print(Cleared() + text);
    painted_ = 0;
  }

  void Repaint(const std::vector<TaskProgress>& running, size_t frame) {
    std::string text = Cleared();
    size_t shown = std::min(running.size(), kMostLines);
    for (const TaskProgress& task : running) {
      name_width_ = std::max(name_width_, std::min(DisplayWidth(ShortTask(task.task)), kNameWidth));
    }
    for (size_t i = 0; i < shown; ++i) {
      text += FitWidth(ProgressLine(running[i], terminal_, name_width_, frame), terminal_.width()) +
              "\n";
    }
    painted_ = shown;
    if (running.size() > shown) {
      text +=
          terminal_.Paint(Style::kDim, "  and " + Counted(running.size() - shown, "more task")) +
          "\n";
      ++painted_;
    }
    terminal_.Print(text);
  }

  // Back to the first painted line, everything below it erased.
  std::string Cleared() const {
    if (painted_ == 0) return "";
    return "\033[" + std::to_string(painted_) + "A\033[J";
  }

  Terminal& terminal_;
  std::mutex mutex_;
  std::map<RunId, RunTally> tallies_;  // of the runs under way
  int name_width_ = 12;
  size_t painted_ = 0;
  std::function<std::vector<TaskProgress>()> progress_;
  std::jthread painter_;
};

}  // namespace

std::unique_ptr<RunView> MakeRunView(const GlobalOptions& options, Terminal& terminal) {
  if (options.log_format == "json") return std::make_unique<JsonView>(terminal);
  if (terminal.interactive() && !options.quiet) return std::make_unique<LiveView>(terminal);
  return std::make_unique<LineView>(options, terminal);
}

}  // namespace millrace
