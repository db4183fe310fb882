#include "cli/signals.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>

namespace millrace {

namespace {

// Whoever works stops within a second. Only a library that waits for a server, without asking
// anybody, does not: then the program ends as it stands, which is as safe as being killed.
std::atomic<int> patience = 1500;  // ms
constexpr char kLeft[] = "what is being read does not answer: left as it stands\n";

// A handler reaches only what is global.
std::atomic<int> caught_signal{0};
std::atomic<int> wake_end{-1};

void OnSignal(int number) {
  if (caught_signal.exchange(number) != 0) _exit(128 + number);
  char byte = 1;
  // Nothing can be done about a failure here, and a second signal still ends the program.
  [[maybe_unused]] ssize_t written = write(wake_end.load(), &byte, 1);
}

}  // namespace

Signals::Signals() {
  if (pipe2(wake_, O_CLOEXEC) != 0)
    return;  // then signals keep their default: the program just ends
  wake_end = wake_[1];
  // The handler only wakes a thread: requesting a stop runs callbacks, which no handler may.
  watcher_ = std::jthread([this] {
    char byte = 0;
    while (read(wake_[0], &byte, 1) < 0) {
    }
    if (byte == 0) return;
    source_.request_stop();
    pollfd ended = {.fd = wake_[0], .events = POLLIN};
    if (poll(&ended, 1, patience) != 0) return;
    [[maybe_unused]] ssize_t written = write(STDERR_FILENO, kLeft, sizeof kLeft - 1);
    _exit(128 + caught_signal.load());
  });
  struct sigaction action = {};
  action.sa_handler = OnSignal;
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGHUP, &action, nullptr);
}

Signals::~Signals() {
  char byte = 0;
  if (wake_[1] >= 0) [[maybe_unused]]
    ssize_t written = write(wake_[1], &byte, 1);
  if (watcher_.joinable()) watcher_.join();
  // The pipe stays open: a signal may still come.
}

int Signals::caught() const { return caught_signal.load(); }

void Signals::Allow(int milliseconds) { patience = milliseconds; }

void Signals::OutlivePipes() { signal(SIGPIPE, SIG_IGN); }

}  // namespace millrace
