// Ctrl-C and kill: the first asks to stop, the second ends the program at once; so does the time
// when nobody answers the first.
#pragma once

#include <stop_token>
#include <thread>

namespace millrace {

// One for the whole program, made before any thread.
class Signals {
 public:
  Signals();
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  std::stop_token stop() const { return source_.get_token(); }
  // The number of the signal that asked to stop, or 0.
  int caught() const;
  // Writing to a closed pipe fails instead of ending the program: a run goes on when `| head` has
  // seen enough.
  void OutlivePipes();
  // Whoever answers may take this long, from now on: there is something to end well.
  static void Allow(int milliseconds);

 private:
  std::stop_source source_;
  int wake_[2] = {-1, -1};
  std::jthread watcher_;
};

}  // namespace millrace
