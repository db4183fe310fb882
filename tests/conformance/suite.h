// The compulsory suite: every source and every sink is one entry in the lists below and runs the
// same tests.
//
// A program that links the suite defines the two lists and the registry; tests/conformance/kinds.cc
// does it for Millrace's own connectors, and a test compares the lists with the registry: one that
// is missing fails it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "connect/registry.h"
#include "engine/engine.h"
#include "lake/lake.h"

namespace millrace::conformance {

// A folder of its own with a lake, a state folder and an engine: where a connector is tried.
class World {
 public:
  // The world's folder → what its lake lives on; makes, too, what the kind needs elsewhere.
  using MakeLake = std::function<std::unique_ptr<Storage>(const std::string& folder)>;

  // `lake` null: a folder of the world. `folder` "" makes one that goes with the world; else an
  // existing one that stays.
  explicit World(const MakeLake& lake = nullptr, const std::string& folder = "");
  ~World();

  const std::string& folder() const { return folder_; }
  // A name that no other world has. "@WORLD@" in the YAML of a connector stands for it.
  static std::string NameOf(const std::string& folder);
  std::string Path(const std::string& file) const { return folder_ + "/" + file; }
  Session& session() { return *session_; }
  Lake& lake() { return *lake_; }

  Result<std::unique_ptr<Source>> MakeSource(const std::string& connector, const std::string& yaml,
                                             const std::string& task = "suite/read");
  Result<std::unique_ptr<Sink>> MakeSink(const std::string& connector, const std::string& yaml,
                                         const std::string& task);
  // Rows as lines "a|b", sorted; "NULL" for a null. An error is the only line.
  std::vector<std::string> Lines(const std::string& sql);
  // Files below the folder, but for the engine's own; relative, sorted.
  std::vector<std::string> Files() const;

 private:
  YamlNode Parse(std::string yaml, Diagnostics& diagnostics) const;
  ConnectContext& Keep(
      const std::string& task);  // lives as long as the world, as a connector may expect

  const bool own_;
  std::string folder_;
  Env env_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Lake> lake_;
  std::unique_ptr<Session> session_;
  Registry registry_;
  std::vector<std::unique_ptr<ConnectContext>> contexts_;
};

struct SourceKind {
  std::string label;           // of the entry: "file_csv"
  std::string connector;       // as in the registry
  std::string config;          // YAML of what stands under the connector's name
  std::string missing_config;  // …that names something that does not exist
  // Brings the rows of a statement into the world that the source reads: columns id BIGINT, v
  // VARCHAR, or others.
  std::function<Status(World&, const std::string& rows)> add;
  // How columns `id` and `v` come out of the source's rows.
  std::string columns = "id, v";
  World::MakeLake lake = nullptr;
  // The source's columns are always the same, whatever is added.
  bool fixed_shape = false;
  // Rows travel as text, which has no types: it is not asked to keep every one.
  bool untyped = false;
  // What of EveryType() it can keep, in the order in which it gives it.
  std::string types = "*";
};

struct SinkKind {
  std::string label;
  std::string connector;
  std::string config;
  // SQL over what a reader of the target sees: columns id, v, and what else was written.
  std::function<std::string(World&)> read;
  // Makes the target impossible to write, for root too.
  std::function<void(World&)> spoil;
  World::MakeLake lake = nullptr;
  bool replaces = false;  // as its traits say
  bool fixed_shape = false;
  std::string columns = "*";  // how rows of id and v are given to it
  std::string types = "*";    // what of EveryType() it can keep, in the order in which it is read
  // Rows are seen before their commit: a replay writes them again, as they were.
  bool shows_early = false;
};

// Defined by the program.
void RegisterConnectors(Registry& registry);
std::vector<SourceKind> SourceKinds();
std::vector<SinkKind> SinkKinds();

inline std::ostream& operator<<(std::ostream& out, const SourceKind& kind) {
  return out << kind.label;
}
inline std::ostream& operator<<(std::ostream& out, const SinkKind& kind) {
  return out << kind.label;
}

// Rows written as run/ does it, all but the commit.
Result<std::unique_ptr<Sink>> WriteUncommitted(World& world, const SinkKind& kind,
                                               const std::string& task, int64_t sequence,
                                               const std::string& rows);
// …and with it.
Status WriteOnce(World& world, const SinkKind& kind, const std::string& task, int64_t sequence,
                 const std::string& rows);

// `rows` as a statement: ids first..last with v = "v<id>".
std::string Ids(int first, int last);
// One row in which every type of the lake has a value, one in which everything but the id is null.
std::string EveryType();

}  // namespace millrace::conformance
