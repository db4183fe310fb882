#include "cli/parser.h"

#include <CLI/CLI.hpp>

#include "base/text.h"

namespace millrace {

namespace {

// The words of a failed option, as CLI11 carries them out of its callback.
struct Refused {
  Status status;
};

// "-h" and "--help" of "-h,--help".
std::vector<std::string> NamesOf(const Options& options) {
  std::vector<std::string> names;
  for (const OptionInfo& option : options.all()) {
    if (option.argument) continue;
    for (std::string& name : Split(option.names, ',')) names.push_back(std::move(name));
  }
  return names;
}

void AddOption(CLI::App& app, const OptionInfo& info) {
  CLI::callback_t take = [&info](const CLI::results_t& values) {
    for (const std::string& value : values) {
      Status status = info.set(value);
      if (status.ok()) continue;
      std::string name = info.names.substr(info.names.rfind(',') + 1);
      throw Refused{Status(status.code(), name + " " + status.message(), status.hint())};
    }
    return true;
  };
  CLI::Option* option = app.add_option(info.names, take, info.help);
  const int most = info.repeated ? -1 : 1;  // -1: any number
  if (info.argument) {
    option->expected(1, most)->allow_extra_args(info.repeated)->required(info.required);
  } else {
    option->type_size(1)->expected(1, most)->allow_extra_args(false);
    if (!info.repeated) option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  }
}

void AddFlag(CLI::App& app, const OptionInfo& info) {
  app.add_flag_function(info.names, [&info](int64_t) { (void)info.set("true"); }, info.help);
}

struct Tree {
  std::vector<std::pair<CLI::App*, const Declared*>> apps;
  bool help = false, version = false;

  void Add(CLI::App& app, const Options& options) {
    for (const OptionInfo& info : options.all()) {
      if (info.argument || !info.placeholder.empty())
        AddOption(app, info);
      else
        AddFlag(app, info);
    }
  }
  void Add(CLI::App& parent, const Declared& declared) {
    CLI::App* app = parent.add_subcommand(declared.command->name, declared.command->summary);
    app->set_help_flag();
    app->fallthrough();
    apps.emplace_back(app, &declared);
    Add(*app, declared.options);
    for (const Declared& child : declared.children) Add(*app, child);
  }
  // The innermost command that was named.
  const Declared* Named() const {
    const Declared* named = nullptr;
    for (const auto& [app, declared] : apps) {
      if (app->parsed()) named = declared;
    }
    return named;
  }
};

Status Unknown(const std::string& word, const Declared* command,
               const std::vector<Declared>& commands, const Options& globals) {
  if (word.size() > 1 && word[0] == '-') {
    std::string name = word.substr(0, word.find('='));
    std::vector<std::string> known = NamesOf(globals);
    if (command) {
      for (std::string& each : NamesOf(command->options)) known.push_back(std::move(each));
    }
    std::string closest = Closest(name, known);
    std::string help = "millrace " + (command ? command->path + " " : "") + "--help";
    return Invalid(
        "unknown option " + name + (command ? " of 'millrace " + command->path + "'" : ""),
        closest.empty() ? "see " + help : "did you mean " + closest + "?");
  }
  if (command) {
    return Invalid("'millrace " + command->path + "' does not take '" + word + "'",
                   "see millrace " + command->path + " --help");
  }
  std::vector<std::string> known;
  for (const Declared& each : commands) known.push_back(each.command->name);
  std::string closest = Closest(word, known);
  return Invalid("unknown command '" + word + "'", closest.empty()
                                                       ? "'millrace' alone lists them"
                                                       : "did you mean '" + closest + "'?");
}

// CLI11's "--limit: 1 required" in words of ours.
Status Missing(const CLI::ParseError& error, const Declared* command) {
  std::string what = error.what();
  if (command) {
    for (const OptionInfo& info : command->options.all()) {
      if (info.argument && info.required && what.find(info.names) != std::string::npos) {
        return Invalid("'millrace " + command->path + "' needs " + info.names,
                       "see millrace " + command->path + " --help");
      }
    }
  }
  return Invalid(what,
                 command ? "see millrace " + command->path + " --help" : "see millrace --help");
}

}  // namespace

Result<Parsed> ParseCommandLine(const std::vector<std::string>& words,
                                const std::vector<Declared>& commands, const Options& globals) {
  CLI::App app;
  Tree tree;
  app.set_help_flag();
  app.allow_extras();
  app.add_flag("-h,--help", tree.help);
  app.add_flag("--version", tree.version);
  tree.Add(app, globals);
  for (const Declared& declared : commands) tree.Add(app, declared);
  std::vector<std::string> reversed(words.rbegin(), words.rend());  // as CLI11 wants them
  try {
    app.parse(reversed);
  } catch (const Refused& refused) {
    return refused.status;
  } catch (const CLI::RequiredError& error) {
    // `millrace query --help` lacks its SQL, and that is no fault.
    bool asked = std::find(words.begin(), words.end(), "--help") != words.end() ||
                 std::find(words.begin(), words.end(), "-h") != words.end();
    if (asked) return Parsed{tree.Named(), true, false};
    return Missing(error, tree.Named());
  } catch (const CLI::ParseError& error) {
    return Missing(error, tree.Named());
  }
  Parsed parsed{tree.Named(), tree.help, tree.version};
  std::vector<std::string> extra = app.remaining(true);
  if (parsed.help && (parsed.command || extra.empty())) return parsed;
  if (!extra.empty()) return Unknown(extra.front(), parsed.command, commands, globals);
  return parsed;
}

Options DeclareGlobals(GlobalOptions& globals) {
  Options options;
  options.Value("-C,--directory", "DIR", &globals.folder, "Work in this folder");
  options.Value("--env", "NAME", &globals.environment, "One of the project's environments");
  options.Choice("--log-format", &globals.log_format, {"text", "json"}, "How events are written");
  options.Choice("--color", &globals.color, {"auto", "always", "never"},
                 "Colors; auto heeds NO_COLOR");
  options.Flag("-q,--quiet", &globals.quiet, "Only what was asked for, and errors");
  options.Flag("-v,--verbose", &globals.verbose, "Say more");
  return options;
}

namespace {

Declared Declare(const Command& command, const std::string& parent) {
  Declared declared;
  declared.command = &command;
  declared.path = parent.empty() ? command.name : parent + " " + command.name;
  declared.action = command.declare(declared.options);
  for (const Command& child : command.children)
    declared.children.push_back(Declare(child, declared.path));
  return declared;
}

}  // namespace

std::vector<Declared> DeclareAll() {
  std::vector<Declared> all;
  for (const Command& command : Commands()) all.push_back(Declare(command, ""));
  return all;
}

}  // namespace millrace
