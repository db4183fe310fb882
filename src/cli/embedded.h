// The examples that travel inside the program, put there by cmake/embed.cmake.
#pragma once

#include <string_view>
#include <vector>

namespace millrace {

struct EmbeddedFile {
  std::string_view path;  // "flights/pipeline.yml"
  std::string_view bytes;
};

// Sorted by path.
const std::vector<EmbeddedFile>& EmbeddedExamples();

}  // namespace millrace
