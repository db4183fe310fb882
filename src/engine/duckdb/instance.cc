#include "engine/duckdb/instance.h"

#include <duckdb.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "base/text.h"

namespace millrace::duck {

namespace fs = std::filesystem;

namespace {

// The number in a file, or nothing ("max" means no limit).
std::optional<int64_t> ReadNumber(const std::string& path) {
  std::ifstream file(path);
  int64_t number = 0;
  if (!(file >> number) || number <= 0) return std::nullopt;
  return number;
}

// The path of our control group (version 2): "0::/a/b".
std::string ControlGroup() {
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("0::")) return line.substr(3);
  }
  return "";
}

fs::path SpillRoot(const EngineOptions& options) {
  if (!options.spill_folder.empty()) return options.spill_folder;
  std::error_code ignored;
  fs::path folder = fs::temp_directory_path(ignored);
  return (ignored ? fs::path("/tmp") : folder) / ("millrace-spill-" + std::to_string(geteuid()));
}

// Spill folders are named by process id: those of processes that are gone were left by a kill.
void RemoveLeftovers(const fs::path& root) {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(root, error)) {
    std::string name = entry.path().filename();
    int pid = 0;
    auto [end, bad] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (bad != std::errc() || end != name.data() + name.size() || pid <= 0) continue;
    if (kill(pid, 0) == 0 || errno != ESRCH) continue;
    std::error_code ignored;
    fs::remove_all(entry.path(), ignored);
  }
}

fs::path ExtensionFolder() {
  if (const char* folder = std::getenv("MILLRACE_EXTENSIONS")) return folder;
  std::error_code error;
  fs::path program = fs::read_symlink("/proc/self/exe", error);
  for (const char* candidate :
       {"lib/extensions", "../lib/extensions", "../lib/millrace/extensions"}) {
    fs::path folder = program.parent_path() / candidate;
    if (fs::is_directory(folder, error)) return folder;
  }
  return program.parent_path() / "lib/extensions";
}

using Settings = std::vector<std::pair<std::string, std::string>>;

Settings SettingsFrom(const EngineOptions& options, const std::string& spill_folder) {
  int64_t memory = options.memory_limit > 0 ? options.memory_limit : PhysicalMemory() / 10 * 6;
  Settings settings = {
      {"memory_limit", std::to_string(std::max<int64_t>(memory, 16 << 20)) + "B"},
      {"temp_directory", spill_folder},
      // What a pipeline's SQL may do is decided by its file, not by what the network offers.
      {"autoinstall_known_extensions", "false"},
      {"autoload_known_extensions", "false"},
      {"allow_community_extensions", "false"},
      {"extension_directory", ExtensionFolder()},
      // What was freed goes back to the system. Files on a disk are in its cache already.
      {"allocator_background_threads", "true"},
      {"enable_external_file_cache", "false"},
  };
  if (options.threads > 0) settings.emplace_back("threads", std::to_string(options.threads));
  return settings;
}

Result<duckdb_database> OpenDatabase(const Settings& settings) {
  duckdb_config config = nullptr;
  if (duckdb_create_config(&config) != DuckDBSuccess)
    return Internal("the engine refused a configuration");
  Status status;
  for (const auto& [key, value] : settings) {
    if (status.ok() && duckdb_set_config(config, key.c_str(), value.c_str()) != DuckDBSuccess) {
      status = Invalid("the engine refused " + key + " = " + value);
    }
  }
  duckdb_database database = nullptr;
  char* error = nullptr;
  if (status.ok() && duckdb_open_ext(":memory:", &database, config, &error) != DuckDBSuccess) {
    status = ToStatus(ParseEngineError(error != nullptr ? error : "no reason given"))
                 .In("opening the engine");
  }
  duckdb_free(error);
  duckdb_destroy_config(&config);
  if (!status.ok()) return status;
  return database;
}

std::string SecretFields(const ObjectStore& store) {
  std::vector<std::string> fields = {"TYPE s3", "SCOPE " + SqlLiteral(store.scope)};
  auto add = [&fields](const char* field, const std::string& value) {
    if (!value.empty()) fields.push_back(std::string(field) + " " + SqlLiteral(value));
  };
  add("KEY_ID", store.access_key);
  add("SECRET", store.secret_key.Reveal());
  add("SESSION_TOKEN", store.session_token.Reveal());
  add("REGION", store.region);
  size_t scheme = store.endpoint.find("://");
  if (scheme != store.endpoint.npos) {
    add("ENDPOINT", store.endpoint.substr(scheme + 3));
    fields.push_back(store.endpoint.starts_with("https") ? "USE_SSL true" : "USE_SSL false");
  }
  add("URL_STYLE", store.path_style ? "path" : "vhost");
  return Join(fields, ", ");
}

}  // namespace

int64_t PhysicalMemory() {
  int64_t memory = static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
  std::vector<std::string> limits = {"/sys/fs/cgroup/memory.max",
                                     "/sys/fs/cgroup/memory/memory.limit_in_bytes"};
  // Inside the group's own folder, and every one above it.
  for (std::string group = ControlGroup(); group.size() > 1; group.resize(group.rfind('/'))) {
    limits.push_back("/sys/fs/cgroup" + group + "/memory.max");
  }
  for (const std::string& path : limits) {
    if (std::optional<int64_t> limit = ReadNumber(path)) memory = std::min(memory, *limit);
  }
  return memory;
}

Result<std::shared_ptr<Instance>> Instance::Open(const EngineOptions& options) {
  std::shared_ptr<Instance> instance(new Instance());
  fs::path root = SpillRoot(options);
  std::error_code ignored;
  fs::create_directories(root,
                         ignored);  // DuckDB makes only the last folder, and says so when it cannot
  RemoveLeftovers(root);
  instance->spill_folder_ = root / std::to_string(getpid());
  instance->leave_memory_ = options.leave_memory;
  instance->in_order_ = options.in_order;
  instance->database_ = TRY(OpenDatabase(SettingsFrom(options, instance->spill_folder_)));
  instance->own_ = TRY(instance->Connect("memory"));
  if (options.spill_limit > 0) {
    // Only as a statement: given with the configuration, DuckDB 1.5.5 shows the limit and does not
    // keep it.
    TRY(instance->own_->Run("SET max_temp_directory_size = '" +
                            std::to_string(options.spill_limit) + "B'"));
  }
  TRY(instance->bound_rows_.Register(instance->own_->handle()));
  return instance;
}

Instance::~Instance() {
  own_.reset();
  if (database_ != nullptr && !leave_memory_) duckdb_close(&database_);
  if (spill_folder_.empty()) return;
  std::error_code ignored;
  fs::remove_all(spill_folder_, ignored);
  fs::remove(fs::path(spill_folder_).parent_path(), ignored);  // only if empty
}

Result<std::unique_ptr<Connection>> Instance::Connect(const std::string& database) {
  std::unique_ptr<Connection> connection = TRY(Connection::Open(database_, interrupter_));
  // UTC: other readers refuse Parquet timestamps with another zone. The progress bar is never
  // printed; without it DuckDB does not count.
  TRY(connection->Run(
      "SET errors_as_json = true; SET TimeZone = 'UTC'; SET enable_progress_bar = true; "
      "SET enable_progress_bar_print = false; USE " +
      SqlName(database)));
  return connection;
}

Status Instance::Load(const std::string& extension) {
  std::lock_guard lock(extensions_mutex_);
  if (extensions_.contains(extension)) return Status::Ok();
  Result<int64_t> loaded = own_->Run("LOAD " + extension);
  if (!loaded.ok()) {
    return Invalid("the " + extension + " extension cannot be loaded: " + loaded.status().message(),
                   "it belongs into lib/extensions beside the program, or into the folder "
                   "MILLRACE_EXTENSIONS names");
  }
  extensions_.insert(extension);
  return Status::Ok();
}

Status Instance::Reach(const ObjectStore& store) {
  TRY(Load("httpfs"));
  std::unique_ptr<Connection> connection = TRY(Connect("memory"));
  // A server that restarts is waited for: some six seconds in all.
  TRY(connection->Run("SET GLOBAL http_retries = 6"));
  TRY(connection->Run("SET GLOBAL http_retry_backoff = 2"));
  TRY(connection->Run("SET GLOBAL enable_external_file_cache = true"));
  if (!store.ca_file.empty())
    TRY(connection->Run("SET GLOBAL ca_cert_file = " + SqlLiteral(store.ca_file)));
  std::string name = "store_" + Sha256Hex(store.scope).substr(0, 16);
  Result<int64_t> made = connection->Run("CREATE OR REPLACE SECRET " + name + " (" +
                                         SecretFields(store) + ")");
  // Not the statement: there are keys in it.
  if (!made.ok()) return Invalid("the engine does not take the keys of " + store.scope);
  return Status::Ok();
}

}  // namespace millrace::duck
