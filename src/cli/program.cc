#include "cli/program.h"

#include <string.h>
#include <unistd.h>

#include <cerrno>

#include "base/text.h"
#include "cli/command.h"
#include "cli/help.h"
#include "cli/parser.h"

namespace millrace {

int ExitCodeOf(const Status& status, const Signals& signals) {
  switch (status.code()) {
    case Code::kOk: return kExitDone;
    case Code::kInvalid:
    case Code::kNotFound: return kExitUsage;
    case Code::kRejected:
    case Code::kConflict:
    case Code::kExhausted: return kExitFailed;
    case Code::kQuality: return kExitQuality;
    case Code::kUnavailable: return kExitUnavailable;
    case Code::kCanceled: return signals.caught() != 0 ? 128 + signals.caught() : kExitFailed;
    case Code::kInternal: return kExitInternal;
  }
  return kExitInternal;
}

namespace {

// "pipeline.yml:14:9: …": said as it is, so that editors find the place.
bool BeginsWithPlace(std::string_view message) {
  size_t colon = message.find(':');
  if (colon == std::string_view::npos || colon + 1 >= message.size()) return false;
  size_t digit = colon + 1;
  while (digit < message.size() && isdigit(static_cast<unsigned char>(message[digit]))) ++digit;
  return digit > colon + 1 && digit < message.size() && message[digit] == ':';
}

}  // namespace

void Tell(Terminal& terminal, const Status& status) {
  std::string text;
  if (!BeginsWithPlace(status.message())) text = terminal.PaintError(Style::kRed, "error:") + " ";
  text += status.message() + "\n";
  if (!status.hint().empty()) text += "  " + status.hint() + "\n";
  if (status.code() == Code::kInternal) {
    text += "  This is a fault in Millrace " + std::string(ProgramVersion()) +
            ". Please report it with the lines above and what you did.\n";
  }
  terminal.PrintError(text);
}

namespace {

int Call(const Declared& command, const GlobalOptions& globals, Terminal& terminal,
         Signals& signals) {
  Env env{SystemClock()};
  Invocation invocation{globals, terminal, signals, env};
  Result<int> code = command.action(invocation);
  if (code.ok()) return *code;
  if (code.code() != Code::kCanceled || signals.caught() == 0) Tell(terminal, code.status());
  return ExitCodeOf(code.status(), signals);
}

// `help run` is `run --help`.
std::vector<std::string> WithoutHelpWord(std::vector<std::string> words) {
  if (words.empty() || words.front() != "help") return words;
  words.erase(words.begin());
  if (!words.empty()) words.push_back("--help");
  return words;
}

}  // namespace

int RunProgram(const std::vector<std::string>& typed) {
  std::vector<std::string> words = WithoutHelpWord(typed);
  GlobalOptions globals;
  Options global_options = DeclareGlobals(globals);
  std::vector<Declared> commands = DeclareAll();
  Result<Parsed> parsed = ParseCommandLine(words, commands, global_options);
  Terminal terminal(globals.color);
  if (!parsed.ok()) {
    Tell(terminal, parsed.status());
    return kExitUsage;
  }
  int code = kExitDone;
  if (parsed->version) {
    terminal.Print("millrace " + std::string(ProgramVersion()) + "\n");
  } else if (!parsed->command) {
    terminal.Print(Overview(commands, global_options, terminal));
  } else if (parsed->help) {
    terminal.Print(CommandHelp(*parsed->command, terminal));
  } else if (!globals.folder.empty() && chdir(globals.folder.c_str()) != 0) {
    Tell(terminal, FromErrno("-C " + globals.folder, errno));
    return kExitUsage;
  } else {
    Signals signals;
    code = Call(*parsed->command, globals, terminal, signals);
  }
  if (terminal.written().ok()) return code;
  Tell(terminal, terminal.written());
  return code == kExitDone ? kExitFailed : code;
}

}  // namespace millrace
