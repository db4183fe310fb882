// The one table of connectors: the command line, the docs, editors and the server all read it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/env.h"
#include "base/status.h"
#include "config/spec.h"
#include "connect/sink.h"
#include "connect/source.h"
#include "lake/lake.h"

namespace millrace {

// What a connector may use. Lives longer than what it makes.
struct ConnectContext {
  Env& env;
  Lake& lake;
  std::string folder;        // relative paths start here: the pipeline file's folder
  std::string state_folder;  // for staging; private to the project (".millrace")
  std::string run;           // "" outside a run
  std::string task;          // key of the task
  Engine* engine = nullptr;  // where a source must ask the lake before it knows what to read
  std::function<void(const std::string&)> log = {};  // a line of the task's log; any thread
  bool log_requests = false;  // each request is told, too
  bool planning = false;      // `plan`: what has a price is not done
  // How far long work is: "uploading", bytes done, bytes in all (-1: unknown); any thread.
  std::function<void(const std::string&, int64_t, int64_t)> progress = {};
  std::function<void(const std::string&)> warn = {};  // what the user should see; any thread
  bool repeating = false;  // a run is repeated, apart: nothing leaves this machine
};

// What the pipeline must know of a configured source or sink before it is made.
struct SourceTraits {
  std::string reads;  // the lake table ("bronze.flights") or landing ("landing/flights"); or ""
  std::optional<bool> incremental;  // as configured; absent: the pipeline decides by the targets
  bool can_be_incremental = false;
  std::vector<std::string> needs = {};  // lake tables that tell what is to be read
  bool empties = false;  // what was committed is removed: nothing there is no news
  Micros pause{0};  // from one look for news to the next, where a continuous task leaves it open
};
struct ColumnUse {
  std::string field, column;  // the config field that names a column of the rows: "key", "id"
};
struct SinkTraits {
  std::string writes;        // as `reads`
  bool replaces = false;     // each commit replaces all rows
  std::optional<Mode> mode;  // of a lake table: told so that validation can judge it
  Contract contract = Contract::kEvolve;
  bool takes_files = false;  // landing
  std::vector<ColumnUse> columns;
  std::vector<std::string> exclude = {};  // columns of the rows that it does not get
};

// Where a lake, or a layer of it, lives.
struct StoragePlace {
  std::string uri;           // "s3://bucket/prefix"
  std::string local_folder;  // of this machine, for locks and files on their way
  bool create = false;       // the bucket, with the first write, when it is missing
  int64_t copies = 0;        // bytes of files just written that may stay on this machine, for reads
};
struct OpenedStorage {
  std::unique_ptr<Storage> storage;
  std::function<Result<ObjectStore>()> store;  // what an engine must know to read it, now
};

class Registry {
 public:
  using MakeSource = std::function<Result<std::unique_ptr<Source>>(ConnectContext&)>;
  using MakeSink = std::function<Result<std::unique_ptr<Sink>>(ConnectContext&)>;

  struct ParsedSource {
    MakeSource make;
    SourceTraits traits;
  };
  struct ParsedSink {
    MakeSink make;
    SinkTraits traits;
  };
  // Opens one place after another on one server.
  using OpenStorage = std::function<Result<OpenedStorage>(const StoragePlace&, std::stop_token)>;
  // "Test connection": what was found, in words, or what exactly is wrong.
  using TestConnection = std::function<Result<std::string>(std::stop_token)>;

  struct Entry {
    std::string name;
    // Null when it has none. The fields of a connection are fields of its source and sink, too,
    // which have another one, `connection`: its name.
    std::shared_ptr<const SpecInfo> source, sink, connection;
    // Parse a config once; make as often as needed. nullopt after the diagnostics are told.
    std::function<std::optional<ParsedSource>(const YamlNode&, Diagnostics&)> parse_source;
    std::function<std::optional<ParsedSink>(const YamlNode&, Diagnostics&)> parse_sink;
    std::function<std::optional<TestConnection>(const YamlNode&, Diagnostics&)> parse_connection;
    // Of servers on which a lake can live, reached by a connection: "s3" of s3://…
    std::string scheme;
    std::function<Result<OpenStorage>(const YamlNode&)> open_storage;
  };

  template <class Config>
  void AddSource(std::string name, Spec<Config> spec,
                 Result<std::unique_ptr<Source>> (*make)(const Config&, ConnectContext&),
                 SourceTraits (*traits)(const Config&) = nullptr) {
    Entry& entry = At(name);
    entry.source = spec.info();
    entry.parse_source = [spec, make, traits](
                             const YamlNode& node,
                             Diagnostics& diagnostics) -> std::optional<ParsedSource> {
      std::optional<Config> config = spec.Parse(node, diagnostics);
      if (!config) return std::nullopt;
      SourceTraits known = traits ? traits(*config) : SourceTraits();
      return ParsedSource{[config = *std::move(config), make](ConnectContext& context) {
                            return make(config, context);
                          },
                          std::move(known)};
    };
  }
  template <class Config>
  void AddSink(std::string name, Spec<Config> spec,
               Result<std::unique_ptr<Sink>> (*make)(const Config&, ConnectContext&),
               SinkTraits (*traits)(const Config&) = nullptr) {
    Entry& entry = At(name);
    entry.sink = spec.info();
    entry.parse_sink = [spec, make, traits](const YamlNode& node,
                                            Diagnostics& diagnostics) -> std::optional<ParsedSink> {
      std::optional<Config> config = spec.Parse(node, diagnostics);
      if (!config) return std::nullopt;
      SinkTraits known = traits ? traits(*config) : SinkTraits();
      return ParsedSink{[config = *std::move(config), make](ConnectContext& context) {
                          return make(config, context);
                        },
                        std::move(known)};
    };
  }
  template <class Config>
  void AddConnection(std::string name, Spec<Config> spec,
                     Result<std::string> (*test)(const Config&, std::stop_token)) {
    Entry& entry = At(name);
    entry.connection = spec.info();
    entry.parse_connection =
        [spec, test](const YamlNode& node,
                     Diagnostics& diagnostics) -> std::optional<TestConnection> {
      std::optional<Config> config = spec.Parse(node, diagnostics);
      if (!config) return std::nullopt;
      return [config = *std::move(config), test](std::stop_token stop) {
        return test(config, stop);
      };
    };
  }
  template <class Config>
  void AddStorage(std::string name, std::string scheme, Spec<Config> spec,
                  Result<OpenStorage> (*open)(const Config&)) {
    Entry& entry = At(name);
    entry.scheme = std::move(scheme);
    entry.open_storage = [spec, open](const YamlNode& node) -> Result<OpenStorage> {
      Diagnostics diagnostics;
      std::optional<Config> config = spec.Parse(node, diagnostics);
      if (!config) return diagnostics.ToStatus();
      return open(*config);
    };
  }
  Entry& At(const std::string& name);  // makes it
  const Entry* Find(std::string_view name) const;
  std::vector<const Entry*> All() const;  // by name

 private:
  std::map<std::string, Entry, std::less<>> entries_;
};

inline constexpr const char* kConnectionHelp =
    "A connection of millrace.yml: its fields need not be written here.";

// connect/all.cc: one line a connector.
void RegisterAll(Registry& registry);

}  // namespace millrace
