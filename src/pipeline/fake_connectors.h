// Connectors and a lake for the tests of this room: shapes without files.
#pragma once

#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "connect/registry.h"
#include "connect/table/table.h"

namespace millrace::testing {

struct FakeFile {
  std::string path;
  std::map<std::string, std::string> columns;  // name → type; none: not known offline
  std::string format = "csv";
  std::optional<bool> incremental;
};

class FakeFileSource final : public Source {
 public:
  explicit FakeFileSource(FakeFile config) : config_(std::move(config)) {}
  Status Probe(std::stop_token) override { return Status::Ok(); }
  Result<Position> Latest(const std::optional<Position>&, std::stop_token) override {
    return Position{};
  }
  Status Open(const Range&, std::stop_token) override { return Status::Ok(); }
  Result<std::optional<Batch>> Read(std::stop_token) override { return std::optional<Batch>(); }
  Result<std::optional<Schema>> Describe(Session&, std::stop_token) override {
    ++described;
    if (config_.path.starts_with("broken"))
      return Invalid("'" + config_.path + "' is broken", "mend it");
    if (config_.path.starts_with("landing:")) return std::optional<Schema>();
    Schema schema;
    for (const auto& [name, type] : config_.columns)
      schema.columns.push_back({name, TRY(ParseType(type))});
    if (schema.columns.empty()) return std::optional<Schema>();
    return std::optional(schema);
  }
  std::string SchemaKey() override { return config_.path; }
  static inline int described = 0;

 private:
  FakeFile config_;
};

class FakeSink final : public Sink {
 public:
  Status Probe(std::stop_token) override { return Status::Ok(); }
  Result<std::optional<Committed>> LastCommit(std::string_view, std::stop_token) override {
    return std::optional<Committed>();
  }
  Status Open(const Schema&, const WriteIntent&, std::stop_token) override { return Status::Ok(); }
  Status Write(const Rows&, std::stop_token) override { return Status::Ok(); }
  Status Commit(const CommitInfo&, std::stop_token) override { return Status::Ok(); }
  std::string Target() const override { return "fake"; }
};

inline Result<std::unique_ptr<Source>> MakeFakeSource(const FakeFile& config, ConnectContext&) {
  return std::unique_ptr<Source>(std::make_unique<FakeFileSource>(config));
}
inline Result<std::unique_ptr<Sink>> MakeFakeSink(const FakeFile&, ConnectContext&) {
  return std::unique_ptr<Sink>(std::make_unique<FakeSink>());
}
inline SourceTraits FileTraits(const FakeFile& config) {
  return {.incremental = config.incremental, .can_be_incremental = true};
}
inline SourceTraits LandingSourceTraits(const FakeFile& config) {
  std::string name = config.path.substr(0, config.path.find('/'));
  return {
      .reads = "landing/" + name, .incremental = config.incremental, .can_be_incremental = true};
}
inline Result<std::unique_ptr<Source>> MakeLandingSource(const FakeFile& config, ConnectContext&) {
  FakeFile file = config;
  file.path = "landing:" + config.path;
  return std::unique_ptr<Source>(std::make_unique<FakeFileSource>(file));
}
inline SinkTraits LandingSinkTraits(const FakeFile& config) {
  SinkTraits traits;
  traits.writes = "landing/" + config.path;
  traits.takes_files = true;
  return traits;
}

inline Spec<FakeFile> FakeSpec(std::string name) {
  return Spec<FakeFile>(std::move(name), "A fake.")
      .Field("path", &FakeFile::path, "Path.", {.required = true})
      .Field("columns", &FakeFile::columns, "Columns.")
      .Field("format", &FakeFile::format, "Format.")
      .Field("incremental", &FakeFile::incremental, "New rows only.")
      .Short("path");
}

inline Registry FakeRegistry() {
  Registry registry;
  registry.AddSource<FakeFile>("file", FakeSpec("file source"), MakeFakeSource, FileTraits);
  registry.AddSink<FakeFile>("file", FakeSpec("file sink"), MakeFakeSink);
  registry.AddSource<FakeFile>("landing", FakeSpec("landing source"), MakeLandingSource,
                               LandingSourceTraits);
  registry.AddSink<FakeFile>("landing", FakeSpec("landing sink"), MakeFakeSink, LandingSinkTraits);
  table::Register(registry);
  return registry;
}

// A folder that goes with the test.
class Folder {
 public:
  explicit Folder(const std::string& name)
      : path_(std::filesystem::temp_directory_path() / (name + "-" + std::to_string(getpid()))) {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string path() const { return path_.string(); }
  std::string Write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name) << text;
    return (path_ / name).string();
  }

 private:
  std::filesystem::path path_;
};

}  // namespace millrace::testing
