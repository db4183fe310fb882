// How far the running tasks are, for whoever looks from another thread.
#pragma once

#include <list>
#include <mutex>
#include <string>
#include <vector>

#include "base/env.h"
#include "engine/engine.h"
#include "run/run.h"

namespace millrace {

class ProgressBoard {
  struct Entry {
    TaskProgress progress;
    Time began;
    const Session* session = nullptr;
    bool works = false;  // what the progress tells is not the session's
  };

 public:
  explicit ProgressBoard(Clock& clock) : clock_(clock) {}

  std::vector<TaskProgress> Look() const;

  // One attempt of one task, from construction to destruction.
  class Line {
   public:
    Line(ProgressBoard& board, std::string task);
    ~Line();
    Line(const Line&) = delete;

    void Stage(std::string stage);
    void Note(std::string note);
    void Total(int64_t bytes);
    void Rows(int64_t rows);
    // Long work that is not the engine's: its rate is its own.
    void Work(const std::string& stage, int64_t done, int64_t total);
    // Whose statements are watched; null before it is destroyed.
    void Watch(const Session* session);

   private:
    ProgressBoard& board_;
    std::list<Entry>::iterator at_;
  };

 private:
  Clock& clock_;
  mutable std::mutex mutex_;
  std::list<Entry> lines_;
};

}  // namespace millrace
