// The texts of a run's view.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cli/run_view.h"
#include "cli/words.h"

namespace millrace {

namespace {

std::string Padded(std::string text, int width) {
  int missing = width - DisplayWidth(text);
  return missing > 0 ? text + std::string(static_cast<size_t>(missing), ' ') : text;
}

std::string_view KindName(Event::Kind kind) {
  switch (kind) {
    case Event::Kind::kRunStarted: return "run_started";
    case Event::Kind::kTaskStarted: return "task_started";
    case Event::Kind::kTaskRetry: return "task_retry";
    case Event::Kind::kTaskEnded: return "task_ended";
    case Event::Kind::kStreamed: return "streamed";
    case Event::Kind::kCheckFailed: return "check_failed";
    case Event::Kind::kWarning: return "warning";
    case Event::Kind::kRunEnded: return "run_ended";
  }
  return "event";
}

std::string_view Level(const Event& event) {
  if (event.kind == Event::Kind::kTaskEnded && event.task_state == TaskState::kFailed)
    return "error";
  if (event.kind == Event::Kind::kRunEnded && event.run_state == RunState::kFailed) return "error";
  bool warning = event.kind == Event::Kind::kTaskRetry || event.kind == Event::Kind::kCheckFailed ||
                 event.kind == Event::Kind::kWarning;
  return warning ? "warn" : "info";
}

// "6 s": tenths would flicker.
std::string WholeSeconds(double seconds) {
  if (seconds < 60) return std::to_string(static_cast<int>(seconds)) + " s";
  return FormatDuration(std::chrono::seconds(static_cast<int64_t>(seconds)));
}

double Seconds(Micros duration) { return std::chrono::duration<double>(duration).count(); }

// "  990 rows from 1,000"; nothing for a command.
std::string RowsText(const TaskRecord& record) {
  if (record.rows_in == 0 && record.rows_out == 0) return "";
  bool only_looked = record.rows_out == 0 && record.bytes_out == 0;
  if (only_looked) return "  " + Counted(record.rows_in, "row") + " read";
  std::string text = "  " + Counted(record.rows_out, "row");
  bool differ = record.rows_in > 0 && record.rows_in != record.rows_out;
  return differ ? text + " from " + FormatCount(record.rows_in) : text;
}

std::string Bar(double fraction) {
  constexpr int kCells = 16;
  int full = std::clamp(static_cast<int>(fraction * kCells + 0.5), 0, kCells);
  std::string bar;
  for (int i = 0; i < kCells; ++i) bar += i < full ? "━" : "─";
  return bar;
}

Json OutputJson(const OutputRecord& output) {
  Json json = {{"kind", output.kind}, {"cid", output.cid}, {"size", output.size}};
  if (output.kind != "root") return json;
  json["files"] = output.files;
  json["target"] = output.target;
  json["location"] = output.location;
  json["links"] = output.links.empty() ? std::vector<std::string>() : Split(output.links, '\n');
  return json;
}

}  // namespace

std::string OutputLines(const std::vector<OutputRecord>& outputs, const std::string& indent) {
  std::string text, told;
  for (const OutputRecord& output : outputs) {
    if (output.kind != "root") continue;
    if (output.cid != told)
      text += indent + output.cid + "  " + Counted(output.files, "file") + ", " +
              FormatBytes(output.size) + "\n";
    told = output.cid;
    text += indent + "  " + output.target + ": " + output.location + "\n";
    if (output.links.empty()) continue;
    for (const std::string& link : Split(output.links, '\n')) text += indent + "  " + link + "\n";
  }
  return text;
}

std::string TaskLine(const Event& event, const Terminal& terminal, int name_width) {
  const TaskRecord& record = event.record;
  std::string line = terminal.Paint(StyleOf(event.task_state), Mark(event.task_state)) + " " +
                     Padded(ShortTask(event.task), name_width);
  if (event.task_state == TaskState::kSucceeded) {
    line += "  " + FormatDuration(event.duration) + RowsText(record);
    if (record.bytes_out > 0) line += ", " + FormatBytes(record.bytes_out);
    if (record.rows_rejected > 0) {
      line +=
          terminal.Paint(Style::kYellow, ", " + FormatCount(record.rows_rejected) + " rejected");
    }
    return line + "\n" + OutputLines(event.outputs, "    ");
  }
  if (event.task_state == TaskState::kFailed) {
    line += "  " + FormatDuration(event.duration) + "  " + terminal.Paint(Style::kRed, "failed: ");
  } else {
    line += "  " + std::string(Word(event.task_state)) + (event.message.empty() ? "" : ": ");
    return terminal.Paint(Style::kDim, line + event.message) + "\n";
  }
  line += event.message + "\n";
  return event.hint.empty() ? line : line + "    " + event.hint + "\n";
}

std::string ProgressLine(const TaskProgress& progress, const Terminal& terminal, int name_width,
                         size_t frame) {
  static constexpr std::string_view kFrames[] = {"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"};
  std::string line = terminal.Paint(Style::kBlue, kFrames[frame % std::size(kFrames)]) + " " +
                     Padded(ShortTask(progress.task), name_width) + "  " +
                     Padded(progress.stage, 10);
  double elapsed = Seconds(progress.elapsed);
  if (!progress.note.empty()) {
    line = terminal.Paint(Style::kBlue, kFrames[frame % std::size(kFrames)]) + " " +
           Padded(ShortTask(progress.task), name_width) + "  ";
    if (progress.rows > 0) line += Counted(progress.rows, "row") + "  ";
    return line + progress.note + "  " + WholeSeconds(elapsed);
  }
  double fraction = progress.fraction;
  if (fraction < 0 && progress.bytes_total > 0) {
    fraction = std::min(
        1.0, static_cast<double>(progress.bytes) / static_cast<double>(progress.bytes_total));
  }
  if (fraction > 0)
    line += "  " + Bar(fraction) + " " + std::to_string(static_cast<int>(fraction * 100)) + " %";
  if (progress.rows > 0) line += "  " + Counted(progress.rows, "row");
  if (progress.bytes > 0) line += "  " + FormatBytes(progress.bytes);
  if (elapsed >= 0.5 && progress.bytes > 0) {
    line += "  " +
            FormatBytes(static_cast<int64_t>(static_cast<double>(progress.bytes) / elapsed)) + "/s";
  } else if (elapsed >= 0.5 && progress.rows > 0) {
    line += "  " + FormatCount(static_cast<int64_t>(static_cast<double>(progress.rows) / elapsed)) +
            " rows/s";
  }
  // An early guess only unsettles.
  bool can_guess = fraction > 0.05 && fraction < 1 && elapsed > 1;
  if (can_guess)
    return line + "  " + WholeSeconds(std::ceil(elapsed / fraction - elapsed)) + " left";
  return line + "  " + WholeSeconds(elapsed);
}

std::string EventJson(const Event& event) {
  Json json = {{"ts", FormatTime(event.at)},
               {"level", Level(event)},
               {"event", KindName(event.kind)},
               {"run", event.run},
               {"pipeline", event.pipeline}};
  if (!event.task.empty()) json["task"] = ShortTask(event.task);
  if (event.kind == Event::Kind::kRunEnded) json["state"] = Name(event.run_state);
  if (event.kind == Event::Kind::kTaskStarted || event.kind == Event::Kind::kTaskRetry) {
    json["attempt"] = event.attempt;
  }
  if (event.kind == Event::Kind::kTaskEnded) {
    json["state"] = Name(event.task_state);
    json["rows_in"] = event.record.rows_in;
    json["rows_out"] = event.record.rows_out;
    json["rows_rejected"] = event.record.rows_rejected;
    json["bytes_in"] = event.record.bytes_in;
    json["bytes_out"] = event.record.bytes_out;
    for (const OutputRecord& output : event.outputs) json["outputs"].push_back(OutputJson(output));
  }
  if (event.kind == Event::Kind::kStreamed && !event.record.task.empty()) {
    json["rows_in"] = event.record.rows_in;
    json["rows_out"] = event.record.rows_out;
    json["rows_rejected"] = event.record.rows_rejected;
  }
  bool ended = event.kind == Event::Kind::kTaskEnded || event.kind == Event::Kind::kRunEnded;
  if (ended) json["seconds"] = Seconds(event.duration);
  if (!event.message.empty()) json["message"] = event.message;
  if (!event.hint.empty()) json["hint"] = event.hint;
  // Whatever bytes a message carries: the line stays JSON.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void RunTally::Add(const Event& event) {
  if (event.kind != Event::Kind::kTaskEnded) return;
  switch (event.task_state) {
    case TaskState::kSucceeded: ++done_; break;
    case TaskState::kSkipped: ++unchanged_; break;
    case TaskState::kFailed: ++failed_; break;
    case TaskState::kPending:
    case TaskState::kRunning:
    case TaskState::kUpstreamFailed:
    case TaskState::kCanceled: ++not_run_; break;
  }
  rows_in_ += event.record.rows_in;
  rows_out_ += event.record.rows_out;
  rejected_ += event.record.rows_rejected;
  bytes_in_ += event.record.bytes_in;
  bytes_out_ += event.record.bytes_out;
}

std::string RunTally::Summary(const Event& end, const Terminal& terminal) const {
  std::string text =
      terminal.Paint(StyleOf(end.run_state), std::string(Mark(end.run_state)) + " " + end.pipeline +
                                                 " " + std::string(Name(end.run_state))) +
      " in " + FormatDuration(end.duration) + ": " + FormatCount(done_) + " done";
  if (unchanged_ > 0) text += ", " + FormatCount(unchanged_) + " unchanged";
  if (failed_ > 0) text += ", " + FormatCount(failed_) + " failed";
  if (not_run_ > 0) text += ", " + FormatCount(not_run_) + " not run";
  text += "; " + FormatCount(rows_in_) + " rows read, " + FormatCount(rows_out_) + " written";
  if (rejected_ > 0) text += ", " + FormatCount(rejected_) + " rejected";
  text += "\n  " + OnRun("show", end.run) + "\n";
  if (end.run_state == RunState::kSucceeded) return text;
  if (end.resumable)
    text += "  " + OnRun("run --resume", end.run) + "   goes on where it stopped\n";
  else
    text += "  millrace run " + end.pipeline + "   goes on where its streams stopped\n";
  return text;
}

}  // namespace millrace
