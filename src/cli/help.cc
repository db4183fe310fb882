#include "cli/help.h"

#include <algorithm>

#include "base/text.h"

namespace millrace {

namespace {

// "  -C, --directory DIR": names without a short form are indented, so that the long ones align.
std::string OptionNames(const OptionInfo& info) {
  if (info.argument) return info.names;
  std::string names = Join(Split(info.names, ','), ", ");
  if (names.starts_with("--")) names = "    " + names;
  return info.placeholder.empty() ? names : names + " " + info.placeholder;
}

std::string OptionHelp(const OptionInfo& info) {
  std::string help = info.help;
  if (info.repeated) help += " (may be repeated)";
  if (!info.default_text.empty()) help += " [" + info.default_text + "]";
  return help;
}

std::string Usage(const Declared& command) {
  std::string usage = "millrace " + command.path;
  bool has_options = false;
  for (const OptionInfo& info : command.options.all()) {
    if (!info.argument)
      has_options = true;
    else if (info.required)
      usage += " " + info.names;
    else
      usage += " [" + info.names + (info.repeated ? "…]" : "]");
  }
  return usage + (has_options ? " [options]" : "");
}

using Pair = std::pair<std::string, std::string>;

std::string TwoColumns(const std::vector<Pair>& lines, size_t least = 0) {
  size_t width = least;
  for (const Pair& line : lines) {
    size_t own = static_cast<size_t>(DisplayWidth(line.first));
    if (own <= 56) width = std::max(width, own);
  }
  std::string text;
  for (const auto& [left, right] : lines) {
    size_t own = static_cast<size_t>(DisplayWidth(left));
    text += "  " + left;
    text += own > width ? "\n  " + std::string(width, ' ') : std::string(width - own, ' ');
    text += "   " + right + "\n";
  }
  return text;
}

std::vector<Pair> Lines(const Options& options, bool arguments) {
  std::vector<Pair> lines;
  for (const OptionInfo& info : options.all()) {
    if (info.argument == arguments) lines.emplace_back(OptionNames(info), OptionHelp(info));
  }
  return lines;
}

}  // namespace

std::string_view ProgramVersion() { return MILLRACE_VERSION; }

std::string Overview(const std::vector<Declared>& commands, const Options& globals,
                     const Terminal& terminal) {
  std::string text = terminal.Paint(Style::kBold, "Millrace " + std::string(ProgramVersion())) +
                     ": files, through SQL and checks, into tables; one YAML file per pipeline.\n";
  std::string group;
  for (const Declared& each : commands) {
    if (each.command->group != group) {
      group = each.command->group;
      text += "\n" + terminal.Paint(Style::kBold, group) + "\n";
    }
    text += TwoColumns({{each.command->name, each.command->summary}}, 9);
  }
  text += "\n" + terminal.Paint(Style::kBold, "Options of every command") + "\n" +
          TwoColumns(Lines(globals, false)) + "\n" + terminal.Paint(Style::kBold, "First steps") +
          "\n" +
          TwoColumns({{"millrace init flights --example flights", "an example with real data"},
                      {"millrace -C flights run", "make its tables"},
                      {"millrace COMMAND --help", "more about a command, with examples"}});
  return text;
}

std::string CommandHelp(const Declared& command, const Terminal& terminal) {
  auto heading = [&](std::string_view title) {
    return "\n" + terminal.Paint(Style::kBold, title) + "\n";
  };
  std::string text =
      command.command->summary + ".\n" + heading("Usage") + "  " + Usage(command) + "\n";
  if (!command.options.note().empty()) text += "\n" + command.options.note() + "\n";
  std::vector<Pair> children;
  for (const Declared& child : command.children)
    children.emplace_back(Usage(child), child.command->summary);
  if (!children.empty()) text += heading("Subcommands") + TwoColumns(children);
  std::vector<Pair> arguments = Lines(command.options, true),
                    options = Lines(command.options, false);
  if (!arguments.empty()) text += heading("Arguments") + TwoColumns(arguments);
  if (!options.empty()) text += heading("Options") + TwoColumns(options);
  if (!command.options.examples().empty())
    text += heading("Examples") + TwoColumns(command.options.examples());
  return text + "\nOptions of every command: millrace --help\n";
}

namespace {

std::string MarkdownCell(std::string_view text) {
  std::string cell;
  for (char each : text) {
    if (each == '|') cell += '\\';
    cell += each;
  }
  return cell;
}

std::string OptionsTable(const Options& options) {
  if (options.all().empty()) return "";
  std::string text = "| option | meaning |\n|---|---|\n";
  for (const OptionInfo& info : options.all()) {
    text += "| `" + MarkdownCell(Trim(OptionNames(info))) + "` | " +
            MarkdownCell(OptionHelp(info)) + " |\n";
  }
  return text + "\n";
}

void CommandMarkdown(const Declared& command, std::string& text) {
  text += "## millrace " + command.path + "\n\n" + command.command->summary + ".\n\n```\n" +
          Usage(command) + "\n```\n\n";
  if (!command.options.note().empty()) text += command.options.note() + "\n\n";
  text += OptionsTable(command.options);
  if (!command.options.examples().empty()) text += "```sh\n";
  for (const auto& [line, what] : command.options.examples()) text += line + "   # " + what + "\n";
  if (!command.options.examples().empty()) text += "```\n\n";
  for (const Declared& child : command.children) CommandMarkdown(child, text);
}

}  // namespace

std::string CommandsMarkdown(const std::vector<Declared>& commands, const Options& globals) {
  std::string text = "# Commands\n\nOptions of every command:\n\n" + OptionsTable(globals) +
                     "Exit codes: 0 done · 1 the run or a test failed · 2 usage or configuration · "
                     "3 a quality gate failed ·\n"
                     "4 a connection failed · 70 internal error · 128 + n stopped by signal n.\n\n";
  for (const Declared& command : commands) CommandMarkdown(command, text);
  text.pop_back();
  return text;
}

}  // namespace millrace
