// A command of the program, and what it is given when it is called.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/env.h"
#include "base/status.h"
#include "cli/options.h"
#include "cli/signals.h"
#include "cli/terminal.h"

namespace millrace {

// What the shell is told. Stop by a signal: 128 + its number.
enum ExitCode : int {
  kExitDone = 0,
  kExitFailed = 1,       // the run or a test failed
  kExitUsage = 2,        // usage or configuration
  kExitQuality = 3,      // a quality gate failed
  kExitUnavailable = 4,  // a connection failed
  kExitInternal = 70,
};

struct GlobalOptions {
  std::string folder;
  std::string environment;
  std::string log_format = "text";
  std::string color = "auto";
  bool quiet = false, verbose = false;
};

struct Invocation {
  const GlobalOptions& options;
  Terminal& terminal;
  Signals& signals;
  Env& env;
};

// The exit code; a status is told to the user and becomes one by ExitCodeOf.
using Action = std::function<Result<int>(Invocation&)>;

struct Command {
  std::string name;     // "run"; of a subcommand its last word
  std::string summary;  // "Run a pipeline"
  std::string group;    // heading in the overview
  Action (*declare)(Options&);
  std::vector<Command> children = {};
};

// All of them, in the order of the overview.
const std::vector<Command>& Commands();

int ExitCodeOf(const Status& status, const Signals& signals);
// To stderr: "error: message" and its hint, or the diagnostics as editors read them.
void Tell(Terminal& terminal, const Status& status);

Action DeclareInit(Options& options);
Action DeclareValidate(Options& options);
Action DeclarePlan(Options& options);
Action DeclareRun(Options& options);
Action DeclarePause(Options& options);
Action DeclareResume(Options& options);
Action DeclareRejects(Options& options);
Action DeclareShowRejects(Options& options);
Action DeclareReplayRejects(Options& options);
Action DeclareTest(Options& options);
Action DeclareQuery(Options& options);
Action DeclarePreview(Options& options);
Action DeclareTables(Options& options);
Action DeclareHistory(Options& options);
Action DeclareRestore(Options& options);
Action DeclareCompact(Options& options);
Action DeclareVacuum(Options& options);
Action DeclareConnections(Options& options);
Action DeclareTestConnections(Options& options);
Action DeclareRuns(Options& options);
Action DeclareShow(Options& options);
Action DeclareLogs(Options& options);
Action DeclareCar(Options& options);
Action DeclarePackCar(Options& options);
Action DeclareListCar(Options& options);
Action DeclareVerifyCar(Options& options);
Action DeclareUnpackCar(Options& options);
Action DeclareUploads(Options& options);
Action DeclareRetryUploads(Options& options);
Action DeclareVerifyUploads(Options& options);
Action DeclareVerify(Options& options);
Action DeclareReproduce(Options& options);
Action DeclareKeygen(Options& options);
Action DeclareEncrypt(Options& options);
Action DeclareDecrypt(Options& options);
Action DeclareSchema(Options& options);
Action DeclareDocs(Options& options);
Action DeclareDoctor(Options& options);
Action DeclareVersion(Options& options);

}  // namespace millrace
