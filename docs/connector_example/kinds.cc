// Its rows in the conformance suite.
#include <filesystem>
#include <fstream>

#include "base/text.h"
#include "conformance/suite.h"
#include "lines.h"

namespace millrace::conformance {

void RegisterConnectors(Registry& registry) { lines::Register(registry); }

std::vector<SourceKind> SourceKinds() {
  SourceKind lines;
  lines.label = lines.connector = "lines";
  lines.config = "app.log";
  lines.missing_config = "missing.log";
  lines.columns = "split_part(line, ' ', 1)::BIGINT AS id, split_part(line, ' ', 2) AS v";
  lines.fixed_shape = true;  // a line is a line
  lines.add = [](World& world, const std::string& rows) {
    std::ofstream log(world.Path("app.log"), std::ios::app);
    for (const std::string& line : world.Lines("SELECT id || ' ' || v FROM (" + rows + ")")) {
      log << line << '\n';
    }
    return Status::Ok();
  };
  return {lines};
}

std::vector<SinkKind> SinkKinds() {
  SinkKind lines;
  lines.label = lines.connector = "lines";
  lines.config = "out";
  lines.columns = "id || ' ' || v AS line";
  lines.fixed_shape = true;
  lines.read = [](World& world) {
    return "SELECT * FROM read_csv(" + SqlLiteral(world.Path("out/*.txt")) +
           ", auto_detect := false, delim := ' ', header := false, columns := {'id': 'BIGINT', "
           "'v': 'VARCHAR'})";
  };
  lines.spoil = [](World& world) { std::ofstream(world.Path("out")) << "in the way"; };
  return {lines};
}

}  // namespace millrace::conformance
