// The command line as the user typed it → the command and its options.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "cli/command.h"

namespace millrace {

// A command with its options declared: ready to be parsed, or to be told about.
struct Declared {
  const Command* command = nullptr;
  std::string path;  // "tables history"
  Options options;
  Action action;
  std::vector<Declared> children;
};

// Every command of the program, declared. Actions refer to it: it must outlive them.
std::vector<Declared> DeclareAll();
Options DeclareGlobals(GlobalOptions& globals);

struct Parsed {
  const Declared* command = nullptr;  // null: none was named
  bool help = false, version = false;
};
// kInvalid says what is wrong and suggests what was meant.
Result<Parsed> ParseCommandLine(const std::vector<std::string>& words,
                                const std::vector<Declared>& commands, const Options& globals);

}  // namespace millrace
