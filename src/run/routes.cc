#include "run/routes.h"

#include "base/text.h"

namespace millrace {

Sql RowsFor(const std::vector<Target>& targets, size_t index, const Sql& rows,
            const RunValues& values) {
  const Target& target = targets[index];
  std::string condition;
  if (target.otherwise) {
    std::vector<std::string> taken;
    for (const Target& other : targets) {
      // A condition that is neither true nor false takes nothing.
      if (!other.when.empty())
        taken.push_back("coalesce((" + ResolveRun(other.when, values) + "\n), false)");
    }
    if (!taken.empty()) condition = "NOT (" + Join(taken, " OR ") + ")";
  } else if (!target.when.empty()) {
    condition = ResolveRun(target.when, values) + "\n";
  }
  if (condition.empty()) return rows;
  return {"SELECT * FROM (" + rows.text + "\n) WHERE (" + condition + ")"};
}

}  // namespace millrace
