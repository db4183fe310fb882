// What a run shows while it works: live lines on a terminal, a line per event elsewhere, or JSON
// objects.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "cli/command.h"
#include "run/run.h"

namespace millrace {

class RunView : public Observer {
 public:
  // Asks what runs now; begins after the runner is made and ends before it goes.
  virtual void Watch(std::function<std::vector<TaskProgress>()> /*progress*/) {}
  // No event comes any more.
  virtual void Finish() {}
};

std::unique_ptr<RunView> MakeRunView(const GlobalOptions& options, Terminal& terminal);

// The parts, for each view and its tests.

// "✓ silver_flights   1.2 s   336,776 rows"
std::string TaskLine(const Event& event, const Terminal& terminal, int name_width);
// What was stored under a CID, who has it and where it is found: a line each.
std::string OutputLines(const std::vector<OutputRecord>& outputs, const std::string& indent);
// "⠹ bronze[flights]  reading  ━━━━━━──── 62 %  1,234,567 rows  45.1 MB  12.3 MB/s  3 s left"
std::string ProgressLine(const TaskProgress& progress, const Terminal& terminal, int name_width,
                         size_t frame);
// One object, without a line end.
std::string EventJson(const Event& event);

// Counts what ended, for the line below.
class RunTally {
 public:
  void Add(const Event& event);
  // "✓ flights done in 1.3 s: 9 tasks, 2 unchanged · 336,776 rows in, 336,770 out, 6 rejected" and
  // the next step.
  std::string Summary(const Event& end, const Terminal& terminal) const;

 private:
  int64_t done_ = 0, unchanged_ = 0, failed_ = 0, not_run_ = 0;
  int64_t rows_in_ = 0, rows_out_ = 0, rejected_ = 0, bytes_in_ = 0, bytes_out_ = 0;
};

}  // namespace millrace
