// What a task is to do now: nothing, complete what a killed run planned, or the next interval.
#pragma once

#include <stop_token>
#include <string>

#include "base/status.h"
#include "store/store.h"

namespace millrace {

class Walk;

// One trip of a task's rows, from a range of its inputs to one commit.
struct Interval {
  CommitRecord commit;
  bool replay = false;  // planned before: the same range, the same present, the same id
};

struct Decision {
  enum class Kind {
    kSkip,      // nothing changed
    kRun,       // the interval is the next one
    kComplete,  // the interval was planned and not finished
    kAbandon,   // it was planned, no target has it, and nobody wants it any more; then decide again
    kSupersede,  // some targets have it, and all is written anew anyway; then decide again
    kAdopt,      // targets have a commit that the store does not know; then decide again
  };
  Kind kind = Kind::kSkip;
  std::string reason;
  Interval interval;
  std::string warning;
};

struct Wishes {
  bool force = false, full_refresh = false;
};

// The rows put aside, as if they were one more input: its position is the version of their table up
// to which they were tried again.
inline constexpr const char* kRejectsInput = "millrace.rejects";
bool TriesRejectsAgain(const Interval& interval);
// kRun: with the rows put aside since they were last tried again, and nothing else.
Result<Decision> DecideOnRejects(Walk& walk, std::stop_token stop);

// Looks, and changes nothing.
Result<Decision> Decide(Walk& walk, const Wishes& wishes, std::stop_token stop);

}  // namespace millrace
