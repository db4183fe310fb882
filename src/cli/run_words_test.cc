#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/run_view.h"

namespace millrace {
namespace {

Event TaskEnded(TaskState state) {
  Event event{Event::Kind::kTaskEnded};
  event.at = *ParseTime("2026-11-21T06:50:52");
  event.run = "20261121T065052-1f3a9c";
  event.pipeline = "flights";
  event.task = "silver_flights";
  event.task_state = state;
  event.record.rows_in = 1000;
  event.record.rows_out = 990;
  event.record.rows_rejected = 10;
  event.record.bytes_out = 1500;
  event.duration = std::chrono::milliseconds(1500);
  return event;
}

TEST(TaskLine, TellsWhatCameOut) {
  Terminal terminal("never");
  EXPECT_EQ(TaskLine(TaskEnded(TaskState::kSucceeded), terminal, 16),
            "✓ silver_flights    1.5 s  990 rows from 1,000, 1.5 kB, 10 rejected\n");
}

TEST(TaskLine, TellsWhyNot) {
  Terminal terminal("never");
  Event event = TaskEnded(TaskState::kFailed);
  event.message = "no such file";
  event.hint = "see whether it is there";
  EXPECT_EQ(TaskLine(event, terminal, 0),
            "✗ silver_flights  1.5 s  failed: no such file\n    see whether it is there\n");
  event = TaskEnded(TaskState::kSkipped);
  event.message = "nothing changed";
  EXPECT_EQ(TaskLine(event, terminal, 0), "– silver_flights  skipped: nothing changed\n");
}

TEST(ProgressLine, GuessesTheTimeLeftFromTheBytes) {
  Terminal terminal("never");
  TaskProgress progress{.task = "bronze",
                        .stage = "reading",
                        .rows = 5000,
                        .bytes = 1000000,
                        .bytes_total = 4000000,
                        .elapsed = std::chrono::seconds(2)};
  EXPECT_EQ(
      ProgressLine(progress, terminal, 6, 0),
      "⠋ bronze  reading     ━━━━──────────── 25 %  5,000 rows  1.0 MB  500.0 kB/s  6 s left");
}

TEST(ProgressLine, DoesNotGuessFromNothing) {
  Terminal terminal("never");
  TaskProgress progress{.task = "bronze", .stage = "checking", .elapsed = std::chrono::seconds(3)};
  EXPECT_EQ(ProgressLine(progress, terminal, 6, 0), "⠋ bronze  checking    3 s");
}

TEST(EventJson, IsOneLineWhateverTheMessage) {
  Event event = TaskEnded(TaskState::kFailed);
  event.message = "bad\nbytes \xFF";
  std::string line = EventJson(event);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  Json json = Json::parse(line);
  EXPECT_EQ(json["level"], "error");
  EXPECT_EQ(json["event"], "task_ended");
  EXPECT_EQ(json["state"], "failed");
  EXPECT_EQ(json["ts"], "2026-11-21T06:50:52.000000Z");
  EXPECT_EQ(json["seconds"], 1.5);
}

TEST(RunTally, CountsByState) {
  Terminal terminal("never");
  RunTally tally;
  tally.Add(TaskEnded(TaskState::kSucceeded));
  tally.Add(TaskEnded(TaskState::kFailed));
  tally.Add(TaskEnded(TaskState::kUpstreamFailed));
  Event end{Event::Kind::kRunEnded};
  end.pipeline = "flights";
  end.run = "R";
  end.run_state = RunState::kFailed;
  end.duration = std::chrono::seconds(2);
  EXPECT_EQ(
      tally.Summary(end, terminal),
      "✗ flights failed in 2.0 s: 1 done, 1 failed, 1 not run; 3,000 rows read, 2,970 written, 30 "
      "rejected\n"
      "  millrace show R\n"
      "  millrace run --resume R   goes on where it stopped\n");
  end.resumable = false;
  EXPECT_TRUE(tally.Summary(end, terminal)
                  .ends_with("  millrace show R\n"
                             "  millrace run flights   goes on where its streams stopped\n"));
}

}  // namespace
}  // namespace millrace
