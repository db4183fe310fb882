// One task against what is known of the tables and inputs it reads.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "pipeline/check_session.h"
#include "pipeline/pipeline.h"
#include "pipeline/shapes.h"

namespace millrace {

// What is found out about a task's SQL before the order of tasks is known.
struct TaskSql {
  SqlText sql;                   // with stand-ins for ${run.*}; empty: none was written
  std::vector<TableRef> tables;  // all that it names, inputs included
  std::vector<std::pair<std::string, Place>> check_tables;  // that the SQL of its checks names
  bool syntax_error = false;                                // told already
};

// The task's SQL, with stand-ins for ${run.*}.
SqlText ResolveTaskSql(const Task& task, Diagnostics& diagnostics);
// Reads the names in it, tells syntax errors, fills in task.reads.
TaskSql ReadTaskSql(Task& task, SqlText sql, const Shapes& shapes, CheckSession& session,
                    Diagnostics& diagnostics);

// Everything else; fills in task.schema. `complete`: false when faulty tasks may write tables
// nobody knows of.
void CheckTask(const Pipeline& pipeline, Task& task, const TaskSql& sql, bool complete,
               Shapes& shapes, CheckSession& session, Diagnostics& diagnostics);

// Tells what an engine says of a statement that begins at byte `skip` of what it was given.
void TellSqlErrors(const std::vector<SqlError>& errors, const SqlText& sql, size_t skip,
                   Diagnostics& diagnostics);

}  // namespace millrace
