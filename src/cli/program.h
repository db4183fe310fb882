// The program without its main(): parse, find the command, call it, tell what went wrong.
#pragma once

#include <string>
#include <vector>

namespace millrace {

// `words`: the command line without the program's name. The exit code.
int RunProgram(const std::vector<std::string>& words);

}  // namespace millrace
