// The options of a command, declared once: the parser, its help and its reference page come from
// here.
//
//   options.Argument("PIPELINE", &name, "A file, a folder or a name.");
//   options.Flag("--force", &force, "Run what did not change, too.");
//   options.Value("--limit", "N", &limit, "How many.");      // the default is what `limit` holds
//   options.Example("millrace runs --limit 5", "the five newest");
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"

namespace millrace {

struct OptionInfo {
  std::string names;        // "--limit", "-C,--directory"; of an argument its name: "PIPELINE"
  std::string placeholder;  // "" for a flag
  std::string help;
  std::string default_text;  // "" when there is none worth telling
  std::vector<std::string> choices;
  bool argument = false;  // by position, not by name
  bool required = false;
  bool repeated = false;
  // Called once per occurrence; a flag gets "true". Its message completes "--limit …".
  std::function<Status(const std::string&)> set;
};

class Options {
 public:
  enum class Need { kRequired, kOptional };

  void Argument(std::string name, std::string* value, std::string help,
                Need need = Need::kRequired);
  void Arguments(std::string name, std::vector<std::string>* values, std::string help);
  void Flag(std::string names, bool* value, std::string help);
  void Value(std::string names, std::string placeholder, std::string* value, std::string help);
  void Value(std::string names, std::string placeholder, int* value, std::string help);
  void Value(std::string names, std::string placeholder, std::vector<std::string>* values,
             std::string help);
  void Choice(std::string names, std::string* value, std::vector<std::string> choices,
              std::string help);
  void Example(std::string command, std::string what);
  // A paragraph below the summary.
  void Note(std::string text);

  const std::vector<OptionInfo>& all() const { return all_; }
  const std::vector<std::pair<std::string, std::string>>& examples() const { return examples_; }
  const std::string& note() const { return note_; }

 private:
  std::vector<OptionInfo> all_;
  std::vector<std::pair<std::string, std::string>> examples_;
  std::string note_;
};

}  // namespace millrace
