// The program without its main(): parse, find the command, call it, tell what went wrong.
#pragma once

#include <string>
#include <vector>

namespace millrace {

// Whether the program ends by _exit and leaves its memory to the system: giving it back piece by
// piece takes a tenth of a second. Not where something counts until the very end.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(MILLRACE_COVERAGE)
inline constexpr bool kLeavesMemory = false;
#else
inline constexpr bool kLeavesMemory = true;
#endif

// `words`: the command line without the program's name. The exit code.
int RunProgram(const std::vector<std::string>& words);

}  // namespace millrace
