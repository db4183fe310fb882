#include "run/run.h"

namespace millrace {

Status DefineLakeTables(Session& session, Lake& lake, const std::vector<std::string>& tables,
                        const AsOf& as_of) {
  for (const std::string& text : tables) {
    TableName name = TRY(ParseTableName(text));
    std::unique_ptr<Table> table = lake.Open(name);
    Snapshot snapshot = TRY(table->Load(as_of));
    TRY(session.Define(name.ToString(), TRY(table->Scan(session, snapshot))));
  }
  return Status::Ok();
}

}  // namespace millrace
