#include "run/command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "base/descriptor.h"
#include "base/text.h"

extern char** environ;

namespace millrace {

namespace {

using std::chrono::duration_cast, std::chrono::milliseconds, std::chrono::steady_clock;

constexpr milliseconds kGrace{700};  // between SIGTERM and SIGKILL
constexpr size_t kLastLine = 300;    // bytes of it that go into the message

// The last line that is not blank, of output that comes in pieces.
class LastLine {
 public:
  void Add(std::string_view bytes) {
    for (char c : bytes) {
      if (c != '\n') {
        if (current_.size() < kLastLine) current_ += c;
      } else {
        if (!Trim(current_).empty()) last_ = current_;
        current_.clear();
      }
    }
  }
  std::string Text() const { return std::string(Trim(Trim(current_).empty() ? last_ : current_)); }

 private:
  std::string current_, last_;
};

std::vector<char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<std::string> Environment(const std::map<std::string, std::string>& added) {
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    std::string_view text = *entry;
    if (!added.contains(std::string(text.substr(0, text.find('='))))) all.emplace_back(text);
  }
  for (const auto& [name, value] : added) all.push_back(name + "=" + value);
  return all;
}

struct Child {
  pid_t process = -1;
  Descriptor output;  // what it prints; read end
  Descriptor alive;   // pidfd: readable when it has ended
};

// Between fork and exec only async-signal-safe calls: other threads may hold any lock.
[[noreturn]] void BecomeCommand(char** arguments, char** environment, const char* folder,
                                int output, int failure) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // must not outlive a killed run
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  int nothing = ::open("/dev/null", O_RDONLY);
  int error = 0;
  if (::dup2(nothing, 0) < 0 || ::dup2(output, 1) < 0 || ::dup2(output, 2) < 0 ||
      ::chdir(folder) != 0)
    error = errno;
  if (error == 0) {
    ::execvpe(arguments[0], arguments, environment);
    error = errno;
  }
  [[maybe_unused]] ssize_t written = ::write(failure, &error, sizeof error);
  ::_exit(127);
}

Status Start(const TaskCommand& command, Child& child) {
  std::vector<std::string> environment = Environment(command.environment);
  std::vector<char*> argument_pointers = Pointers(command.arguments),
                     environment_pointers = Pointers(environment);
  int output[2], failure[2];
  if (::pipe2(output, O_CLOEXEC) != 0) return FromErrno("pipe", errno);
  child.output = Descriptor(output[0]);
  Descriptor output_end(output[1]);
  if (::pipe2(failure, O_CLOEXEC) != 0) return FromErrno("pipe", errno);
  Descriptor failed(failure[0]), failure_end(failure[1]);

  child.process = ::fork();
  if (child.process < 0) return FromErrno("fork", errno);
  if (child.process == 0) {
    BecomeCommand(argument_pointers.data(), environment_pointers.data(), command.folder.c_str(),
                  output[1], failure[1]);
  }
  ::setpgid(child.process, child.process);  // whoever of the two is first
  failure_end.Close();
  int error = 0;
  if (::read(failed.get(), &error, sizeof error) == sizeof error) {
    ::waitpid(child.process, nullptr, 0);
    Status status = FromErrno("command " + command.arguments[0], error);
    return error == ENOENT ? NotFound(status.message(), "is it installed, and on the PATH?")
                           : status;
  }
  child.alive = Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, child.process, 0)));
  if (child.alive.get() < 0) return FromErrno("pidfd_open", errno);
  return Status::Ok();
}

// Copies output to the log until the child has ended. Returns its wait status.
int Follow(const Child& child, TaskLog& log, LastLine& last, int stopped) {
  pollfd events[] = {
      {child.alive.get(), POLLIN, 0}, {child.output.get(), POLLIN, 0}, {stopped, POLLIN, 0}};
  std::optional<steady_clock::time_point> kill_at;
  for (bool ended = false; !ended;) {
    int timeout = -1;
    if (kill_at)
      timeout =
          std::max<int>(0, duration_cast<milliseconds>(*kill_at - steady_clock::now()).count());
    if (::poll(events, std::size(events), timeout) < 0) continue;
    ended = events[0].revents != 0;
    if (kill_at && steady_clock::now() >= *kill_at) {
      ::kill(-child.process, SIGKILL);
      kill_at.reset();
    }
    if (events[2].revents != 0) {
      ::kill(-child.process, SIGTERM);
      kill_at = steady_clock::now() + kGrace;
      events[2] = {-1, 0, 0};
    }
    if (events[1].revents == 0) continue;
    char bytes[65536];
    ssize_t length = ::read(child.output.get(), bytes, sizeof bytes);
    if (length > 0) {
      log.Raw({bytes, static_cast<size_t>(length)});
      last.Add({bytes, static_cast<size_t>(length)});
    } else {
      events[1] = {-1, 0, 0};
    }
  }
  ::kill(-child.process,
         SIGKILL);  // what it left behind in its group; before its number can be another's
  int status = 0;
  ::waitpid(child.process, &status, 0);
  return status;
}

// What was printed before the end and not yet read; what the command left running may go on
// printing.
void Drain(const Child& child, TaskLog& log, LastLine& last) {
  ::fcntl(child.output.get(), F_SETFL, O_NONBLOCK);
  char bytes[65536];
  for (ssize_t length; (length = ::read(child.output.get(), bytes, sizeof bytes)) > 0;) {
    log.Raw({bytes, static_cast<size_t>(length)});
    last.Add({bytes, static_cast<size_t>(length)});
  }
}

}  // namespace

Status RunCommand(const TaskCommand& command, TaskLog& log, std::stop_token stop) {
  log.Line("command: " + Join(command.arguments, " "));
  Child child;
  TRY(Start(command, child));
  Descriptor stopped(::eventfd(0, EFD_CLOEXEC));
  std::stop_callback wake(stop, [&] { ::eventfd_write(stopped.get(), 1); });
  LastLine last;
  int status = Follow(child, log, last, stopped.get());
  Drain(child, log, last);

  if (stop.stop_requested()) return Canceled();
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return Status::Ok();
  std::string how = WIFSIGNALED(status)
                        ? std::string("was ended by signal ") + ::strsignal(WTERMSIG(status))
                        : "ended with status " + std::to_string(WEXITSTATUS(status));
  if (std::string text = last.Text(); !text.empty()) how += ": " + text;
  return Invalid("command " + command.arguments[0] + " " + how, "its output is in the task's log");
}

}  // namespace millrace
