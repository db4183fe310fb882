// Runs golden tests: each file writes some files into a fresh folder, runs commands there and
// compares what they print. tests/golden/README.md shows the format.
//
//   golden_runner [--update] [--keep] [-j N] MILLRACE PATH…
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <mutex>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/golden/golden_file.h"

extern char** environ;

namespace fs = std::filesystem;
using namespace millrace::golden;

namespace {

struct Settings {
  std::string millrace;  // absolute
  std::vector<std::string> files;
  bool update = false;  // write what came into the test files instead of comparing
  bool keep = false;    // leave the folders of tests that passed, too
  int parallel = 2;
  std::chrono::seconds limit{60};  // for one command
};

struct Ran {
  int exit = 0;
  bool timed_out = false;
  std::string out, err;
};

std::string ReadFile(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

// The test's own environment: nothing of the developer's settings, the program first on the PATH.
std::vector<std::string> Environment(const Settings& settings, const fs::path& folder) {
  std::vector<std::string> result;
  std::string path = "/usr/bin:/bin";
  for (char** entry = environ; *entry; ++entry) {
    std::string text = *entry;
    if (text.starts_with("PATH=")) path = text.substr(5);
    bool ours = text.starts_with("PATH=") || text.starts_with("MILLRACE_") ||
                text.starts_with("HOME=") || text.starts_with("TZ=") || text.starts_with("LC_") ||
                text.starts_with("LANG=") || text.starts_with("NO_COLOR=") ||
                text.starts_with("XDG_");
    if (!ours) result.push_back(text);
  }
  result.push_back("PATH=" + fs::path(settings.millrace).parent_path().string() + ":" + path);
  result.push_back("HOME=" + folder.string());
  result.push_back("LC_ALL=C.UTF-8");
  return result;
}

// Waits for the end of `child`; kills its whole group when it takes too long.
int Await(pid_t child, std::chrono::seconds limit, bool& timed_out) {
  auto deadline = std::chrono::steady_clock::now() + limit;
  int status = 0;
  while (waitpid(child, &status, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() > deadline && !timed_out) {
      timed_out = true;
      kill(-child, SIGKILL);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  kill(-child, SIGKILL);  // what it may have left behind
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

Ran Shell(const std::string& command, const fs::path& folder, const fs::path& outside,
          const Settings& settings) {
  std::string out = (outside / "stdout").string(), err = (outside / "stderr").string();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addchdir_np(&actions, folder.c_str());
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_addopen(&actions, 2, err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  std::vector<std::string> environment = Environment(settings, folder);
  std::vector<char*> envp;
  for (std::string& entry : environment) envp.push_back(entry.data());
  envp.push_back(nullptr);
  std::string shell = "sh", flag = "-c", text = command;
  char* argv[] = {shell.data(), flag.data(), text.data(), nullptr};
  pid_t child = -1;
  int error = posix_spawn(&child, "/bin/sh", &actions, &attributes, argv, envp.data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  Ran ran;
  if (error != 0) {
    ran.exit = 127;
    ran.err = "cannot start /bin/sh";
    return ran;
  }
  ran.exit = Await(child, settings.limit, ran.timed_out);
  ran.out = ReadFile(out);
  ran.err = ReadFile(err);
  // The folder's name differs at each run.
  for (std::string* stream : {&ran.out, &ran.err})
    *stream = ReplaceAll(*stream, folder.string(), "{FOLDER}");
  return ran;
}

std::string ShellQuoted(const std::string& text) {
  return "'" + ReplaceAll(text, "'", "'\\''") + "'";
}

// One test file on its way: what failed, and what --update would write.
class TestRun {
 public:
  TestRun(std::string path, const Settings& settings)
      : path_(std::move(path)), settings_(settings) {}

  bool Run() {
    std::string error;
    std::optional<GoldenFile> file = ParseGolden(ReadFile(path_), error);
    if (!file) {
      report_ << path_ << ":" << error << "\n";
      return false;
    }
    outside_ =
        fs::temp_directory_path() / ("millrace-golden-" + std::to_string(getpid()) + "-XXXXXX");
    std::string pattern = outside_.string();
    if (!mkdtemp(pattern.data())) {
      report_ << path_ << ": cannot make a temporary folder\n";
      return false;
    }
    outside_ = pattern;
    folder_ = outside_ / "test";
    fs::create_directory(folder_);
    for (const Step& step : file->steps) Do(step);
    if (settings_.update && !updates_.empty()) Update();
    if (!failed_ && !settings_.keep) {
      std::error_code ignored;
      fs::remove_all(outside_, ignored);
    } else {
      report_ << "  its folder: " << folder_.string() << "\n";
    }
    return !failed_;
  }

  std::string report() const { return report_.str(); }

 private:
  void Do(const Step& step) {
    if (step.kind == Step::Kind::kFile) {
      fs::path target = folder_ / step.text;
      fs::create_directories(target.parent_path());
      std::ofstream(target, std::ios::binary) << step.content;
      return;
    }
    bool query = step.kind == Step::Kind::kQuery;
    std::string command =
        query ? "millrace query --format csv " + ShellQuoted(step.text) : step.text;
    Ran ran = Shell(command, folder_, outside_, settings_);
    bool good = true;
    auto fail = [&](int line, const std::string& message) {
      report_ << path_ << ":" << line << ": " << message << "\n";
      good = false;
      failed_ = true;
    };
    if (ran.timed_out) {
      fail(step.line,
           "took longer than " + std::to_string(settings_.limit.count()) + " s: " + command);
    } else if (ran.exit != step.exit) {
      fail(step.exit_line ? step.exit_line : step.line,
           "exit " + std::to_string(ran.exit) + " instead of " + std::to_string(step.exit) + ": " +
               command);
    }
    if (step.out) Compare(*step.out, ran.out, "stdout", fail);
    if (step.err) Compare(*step.err, ran.err, "stderr", fail);
    for (const auto& [line, text] : step.out_contains) {
      if (ran.out.find(text) == std::string::npos) fail(line, "stdout lacks: " + text);
    }
    for (const auto& [line, text] : step.err_contains) {
      if (ran.err.find(text) == std::string::npos) fail(line, "stderr lacks: " + text);
    }
    for (const auto& [line, text] : step.lacks) {
      if ((ran.out + ran.err).find(text) != std::string::npos)
        fail(line, "the output must not have: " + text);
    }
    if (good) return;
    report_ << Indented("stdout", ran.out) << Indented("stderr", ran.err);
  }

  template <class Fail>
  void Compare(const Section& expected, const std::string& came, const char* stream, Fail& fail) {
    if (TrimEnd(expected.body) == TrimEnd(came)) return;
    if (settings_.update) {
      updates_.emplace_back(expected, came);
      return;
    }
    fail(expected.line,
         std::string(stream) + " differs (- expected, + came)\n" + Diff(expected.body, came));
  }

  void Update() {
    std::string text = ApplyUpdates(ReadFile(path_), updates_);
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << text;
    report_ << path_ << ": updated\n";
  }

  std::string path_;
  const Settings& settings_;
  fs::path outside_, folder_;
  std::vector<std::pair<Section, std::string>> updates_;
  std::ostringstream report_;
  bool failed_ = false;
};

bool AddPath(const std::string& path, std::vector<std::string>& files) {
  std::error_code error;
  if (!fs::is_directory(path, error)) {
    files.push_back(path);
    return fs::exists(path, error);
  }
  for (const auto& entry : fs::recursive_directory_iterator(path, error)) {
    if (entry.path().extension() == ".test") files.push_back(entry.path().string());
  }
  return !error;
}

std::optional<Settings> ParseArguments(int argc, char** argv) {
  Settings settings;
  for (int i = 1; i < argc; ++i) {
    std::string argument = argv[i];
    if (argument == "--update")
      settings.update = true;
    else if (argument == "--keep")
      settings.keep = true;
    else if (argument == "-j" && i + 1 < argc)
      settings.parallel = std::max(1, atoi(argv[++i]));
    else if (settings.millrace.empty())
      settings.millrace = fs::absolute(argument).string();
    else if (!AddPath(argument, settings.files)) {
      std::cerr << "no such test: " << argument << "\n";
      return std::nullopt;
    }
  }
  if (const char* limit = getenv("GOLDEN_SECONDS"))
    settings.limit = std::chrono::seconds(atoi(limit));
  std::sort(settings.files.begin(), settings.files.end());
  if (settings.millrace.empty() || settings.files.empty()) {
    std::cerr << "usage: golden_runner [--update] [--keep] [-j N] MILLRACE PATH…\n";
    return std::nullopt;
  }
  return settings;
}

}  // namespace

int main(int argc, char** argv) {
  std::optional<Settings> settings = ParseArguments(argc, argv);
  if (!settings) return 2;
  std::atomic<size_t> next{0};
  int passed = 0, failed = 0;
  std::mutex mutex;
  auto work = [&] {
    for (size_t i = next++; i < settings->files.size(); i = next++) {
      TestRun test(settings->files[i], *settings);
      bool good = test.Run();
      std::lock_guard lock(mutex);
      (good ? passed : failed) += 1;
      std::cout << test.report() << std::flush;
    }
  };
  {
    std::vector<std::jthread> workers;
    for (int i = 0; i < settings->parallel; ++i) workers.emplace_back(work);
  }
  std::cout << passed << " passed, " << failed << " failed\n";
  return failed == 0 ? 0 : 1;
}
