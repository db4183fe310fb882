#include "cli/options.h"

#include <charconv>

#include "base/text.h"

namespace millrace {

void Options::Argument(std::string name, std::string* value, std::string help, Need need) {
  all_.push_back({.names = std::move(name),
                  .help = std::move(help),
                  .argument = true,
                  .required = need == Need::kRequired,
                  .set = [value](const std::string& text) {
                    *value = text;
                    return Status::Ok();
                  }});
}

void Options::Arguments(std::string name, std::vector<std::string>* values, std::string help) {
  all_.push_back({.names = std::move(name),
                  .help = std::move(help),
                  .argument = true,
                  .repeated = true,
                  .set = [values](const std::string& text) {
                    values->push_back(text);
                    return Status::Ok();
                  }});
}

void Options::Flag(std::string names, bool* value, std::string help) {
  all_.push_back(
      {.names = std::move(names), .help = std::move(help), .set = [value](const std::string&) {
         *value = true;
         return Status::Ok();
       }});
}

void Options::Value(std::string names, std::string placeholder, std::string* value,
                    std::string help) {
  all_.push_back({.names = std::move(names),
                  .placeholder = std::move(placeholder),
                  .help = std::move(help),
                  .default_text = *value,
                  .set = [value](const std::string& text) {
                    *value = text;
                    return Status::Ok();
                  }});
}

void Options::Value(std::string names, std::string placeholder, int* value, std::string help) {
  auto set = [value](const std::string& text) {
    int number = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || number < 0) {
      return Invalid("takes a whole number, not '" + text + "'");
    }
    *value = number;
    return Status::Ok();
  };
  all_.push_back({.names = std::move(names),
                  .placeholder = std::move(placeholder),
                  .help = std::move(help),
                  .default_text = *value == 0 ? "" : std::to_string(*value),
                  .set = set});
}

void Options::Value(std::string names, std::string placeholder, std::vector<std::string>* values,
                    std::string help) {
  all_.push_back({.names = std::move(names),
                  .placeholder = std::move(placeholder),
                  .help = std::move(help),
                  .repeated = true,
                  .set = [values](const std::string& text) {
                    values->push_back(text);
                    return Status::Ok();
                  }});
}

void Options::Choice(std::string names, std::string* value, std::vector<std::string> choices,
                     std::string help) {
  auto set = [value, choices](const std::string& text) {
    for (const std::string& choice : choices) {
      if (choice != text) continue;
      *value = text;
      return Status::Ok();
    }
    std::string closest = Closest(text, choices);
    return Invalid("is one of " + Join(choices, ", ") + ", not '" + text + "'",
                   closest.empty() ? "" : "did you mean '" + closest + "'?");
  };
  all_.push_back({.names = std::move(names),
                  .placeholder = Join(choices, "|"),
                  .help = std::move(help),
                  .default_text = *value,
                  .choices = std::move(choices),
                  .set = set});
}

void Options::Example(std::string command, std::string what) {
  examples_.emplace_back(std::move(command), std::move(what));
}

void Options::Note(std::string text) { note_ = std::move(text); }

}  // namespace millrace
