#include "cli/command.h"

namespace millrace {

const std::vector<Command>& Commands() {
  static const std::vector<Command> kCommands = {
      {"init", "Write a project that runs", "Start", DeclareInit},
      {"doctor", "Check the machine, the lake and the store", "Start", DeclareDoctor},
      {"validate", "Find every mistake, without running anything", "Build", DeclareValidate},
      {"test", "Run the SQL tests: given rows, expected rows", "Build", DeclareTest},
      {"preview", "Show the rows of a table, or what a task would give now", "Build",
       DeclarePreview},
      {"plan", "Show what a run would do, and why", "Run", DeclarePlan},
      {"run", "Run what changed", "Run", DeclareRun},
      {"pause", "Let continuous tasks of a pipeline rest", "Run", DeclarePause},
      {"resume", "Let them go on", "Run", DeclareResume},
      {"runs", "List runs", "Look", DeclareRuns},
      {"show", "Show one run: tasks, rows, checks, failures", "Look", DeclareShow},
      {"logs", "Print the log of a run", "Look", DeclareLogs},
      {"rejects",
       "List the rows that tasks put aside; show them, try them again",
       "Look",
       DeclareRejects,
       {{"list", "How many rows each task put aside, by rule", "", DeclareRejects},
        {"show", "Show rows that a task put aside, with the reasons", "", DeclareShowRejects},
        {"replay", "Let them pass the checks again", "", DeclareReplayRejects}}},
      {"query", "Ask the lake by SQL", "Look", DeclareQuery},
      {"tables",
       "List the tables of the lake; their history, restore, compact, vacuum",
       "Look",
       DeclareTables,
       {{"history", "List the versions of a table", "", DeclareHistory},
        {"restore", "Bring back an earlier version of a table", "", DeclareRestore},
        {"compact", "Rewrite small files as larger ones", "", DeclareCompact},
        {"vacuum", "Delete files that no recent version needs", "", DeclareVacuum}}},
      {"connections",
       "List the servers that the project names; test them",
       "Look",
       DeclareConnections,
       {{"test", "Say exactly what is wrong with a server, if anything", "",
         DeclareTestConnections}}},
      {"car",
       "Pack, list, verify and unpack archives of content-addressed blocks",
       "Share",
       DeclareCar,
       {{"pack", "Files and folders as a CAR; prints the root CID", "", DeclarePackCar},
        {"ls", "List the files, or the blocks, of a CAR", "", DeclareListCar},
        {"verify", "Check every hash, and that nothing is missing", "", DeclareVerifyCar},
        {"unpack", "Write the files of a CAR into a folder", "", DeclareUnpackCar}}},
      {"schema", "Print the JSON Schema of the files, for editors", "Refer", DeclareSchema},
      {"docs", "Write the reference pages", "Refer", DeclareDocs},
      {"version", "Print the version", "Refer", DeclareVersion},
  };
  return kCommands;
}

}  // namespace millrace
