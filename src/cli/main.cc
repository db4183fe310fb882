#include <unistd.h>

#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "cli/program.h"

int main(int argc, char** argv) {
  try {
    int code = millrace::RunProgram(std::vector<std::string>(argv + 1, argv + argc));
    if (!millrace::kLeavesMemory) return code;
    fflush(nullptr);
    _exit(code);
  } catch (const std::exception& error) {
    fprintf(stderr, "error: %s\n", error.what());
  } catch (...) {
    fprintf(stderr, "error: something unknown was thrown\n");
  }
  fprintf(
      stderr,
      "  This is a fault in Millrace. Please report it with the line above and what you did.\n");
  return 70;
}
