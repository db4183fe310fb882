// millrace init
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <set>

#include "base/text.h"
#include "cli/command.h"
#include "cli/embedded.h"
#include "cli/words.h"

namespace millrace {

namespace {

namespace fs = std::filesystem;

std::vector<std::string> ExampleNames() {
  std::set<std::string> names;
  for (const EmbeddedFile& file : EmbeddedExamples()) {
    size_t slash = file.path.find('/');
    if (slash != std::string_view::npos) names.emplace(file.path.substr(0, slash));
  }
  return {names.begin(), names.end()};
}

Status CreateFile(const fs::path& path, std::string_view bytes) {
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  if (error) return FromErrno("cannot make " + path.parent_path().string(), error.value());
  int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd < 0) return FromErrno("cannot write " + path.string(), errno);
  Status status;
  while (!bytes.empty() && status.ok()) {
    ssize_t count = write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno != EINTR) status = FromErrno("cannot write " + path.string(), errno);
    if (count > 0) bytes.remove_prefix(static_cast<size_t>(count));
  }
  if (close(fd) != 0 && status.ok()) status = FromErrno("cannot write " + path.string(), errno);
  return status;
}

Result<int> WriteProject(Invocation& invocation, const std::string& folder,
                         const std::string& example) {
  std::string prefix = example + "/";
  std::vector<const EmbeddedFile*> files;
  for (const EmbeddedFile& file : EmbeddedExamples()) {
    if (file.path.starts_with(prefix)) files.push_back(&file);
  }
  if (files.empty()) {
    std::string closest = Closest(example, ExampleNames());
    return Invalid("there is no example '" + example + "'",
                   closest.empty() ? "there are: " + Join(ExampleNames(), ", ")
                                   : "did you mean '" + closest + "'?");
  }
  // All or nothing: what is in the way is found before the first file is written.
  for (const EmbeddedFile* file : files) {
    fs::path path = fs::path(folder) / file->path.substr(prefix.size());
    std::error_code error;
    if (fs::exists(fs::symlink_status(path, error))) {
      return Invalid(path.string() + " exists already, and init overwrites nothing",
                     "choose another folder");
    }
  }
  for (const EmbeddedFile* file : files) {
    TRY(CreateFile(fs::path(folder) / file->path.substr(prefix.size()), file->bytes));
  }
  if (invocation.options.quiet) return kExitDone;
  std::string here = folder == "." ? "millrace " : "millrace -C " + folder + " ";
  Terminal& terminal = invocation.terminal;
  terminal.Print(terminal.Paint(Style::kGreen, "✓") + " " + Counted(files.size(), "file") +
                 " written to " + folder + "\n\nNext:\n  " + here + "run      make its tables\n  " +
                 here + "tables   see them\n");
  return kExitDone;
}

}  // namespace

Action DeclareInit(Options& options) {
  struct Arguments {
    std::string folder, example = "minimal";
  };
  auto given = std::make_shared<Arguments>();
  options.Argument("DIR", &given->folder,
                   "Where to; made when missing, and nothing in it is overwritten");
  options.Value("--example", "NAME", &given->example,
                "One of " + Join(ExampleNames(), ", "));
  options.Example("millrace init shop", "a small project to change into your own");
  options.Example("millrace init flights --example flights",
                  "336,776 flights, from files to figures");
  return [given](Invocation& invocation) {
    return WriteProject(invocation, given->folder, given->example);
  };
}

}  // namespace millrace
