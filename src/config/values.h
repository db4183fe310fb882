// ${…}: the one templating language. Names are replaced in scalars before anything reads them.
//
//   ${NAME}          a variable of the environment, .env or `vars:`      undefined: an error
//   ${NAME:default}  …or the default                                     $${ is a literal ${
//   ${secret:name}   a secret (MILLRACE_SECRET_<NAME> of the environment or the project's .env, or
//                    the secrets file)
//   ${params.x}      a parameter of the run        ${matrix.x}   this task's combination
//   ${run.id} ${run.logical_date} ${run.data_interval_start} ${run.data_interval_end}
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/secret.h"
#include "config/diagnostics.h"
#include "config/yaml.h"

namespace millrace {

struct Values {
  // By full name: "HOME", "params.year", "matrix.table", "run.id".
  std::map<std::string, std::string> variables;
  std::map<std::string, Secret> secrets;
  // Prefixes whose names stay as they are ("run.": what is hashed and checked must not change with
  // each run).
  std::vector<std::string> keep;
  // When not empty: only names with one of these prefixes are replaced, all else stays as it is,
  // escapes too. For what comes later than the rest.
  std::vector<std::string> only = {};
};

// Replaces every ${…} in every scalar of a tree, keys excepted. Each failure is told at its place,
// with the closest defined name as the hint, and marks the scalar as broken. Values are not scanned
// again: no recursion. The escape of a kept name ($${run.id}) stays too, for the pass that replaces
// it.
YamlNode Interpolate(const YamlNode& node, const Values& values, Diagnostics& diagnostics);

// *** in place of every secret that stands in the text, whoever put it there: an engine's words, a
// program's output. Values of less than four bytes are left: they would be found everywhere.
std::string Masked(std::string_view text, const std::map<std::string, Secret>& secrets);

// KEY=VALUE lines: '#' comments, optional `export`, quotes. Errors carry their line.
std::map<std::string, std::string> ParseDotEnv(std::string_view text, std::string_view file,
                                               Diagnostics& diagnostics);

}  // namespace millrace
