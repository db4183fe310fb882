// What the program tells about itself: the overview, each command's help, the reference page.
#pragma once

#include <string>
#include <vector>

#include "cli/parser.h"
#include "cli/terminal.h"

namespace millrace {

std::string_view ProgramVersion();
std::string Overview(const std::vector<Declared>& commands, const Options& globals,
                     const Terminal& terminal);
std::string CommandHelp(const Declared& command, const Terminal& terminal);
// docs/reference/commands.md
std::string CommandsMarkdown(const std::vector<Declared>& commands, const Options& globals);

}  // namespace millrace
