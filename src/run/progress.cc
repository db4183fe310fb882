#include "run/progress.h"

#include <utility>

namespace millrace {

std::vector<TaskProgress> ProgressBoard::Look() const {
  std::lock_guard lock(mutex_);
  std::vector<TaskProgress> all;
  for (const Entry& entry : lines_) {
    TaskProgress progress = entry.progress;
    progress.elapsed = clock_.Now() - entry.began;
    progress.fraction = entry.session && !entry.works ? entry.session->Progress() : -1;
    if (progress.fraction >= 0 && progress.bytes_total > 0) {
      progress.bytes =
          static_cast<int64_t>(progress.fraction * static_cast<double>(progress.bytes_total));
    }
    all.push_back(std::move(progress));
  }
  return all;
}

ProgressBoard::Line::Line(ProgressBoard& board, std::string task) : board_(board) {
  std::lock_guard lock(board_.mutex_);
  TaskProgress progress{.task = std::move(task), .stage = "reading"};
  at_ = board_.lines_.insert(board_.lines_.end(),
                             {.progress = std::move(progress), .began = board_.clock_.Now()});
}

ProgressBoard::Line::~Line() {
  std::lock_guard lock(board_.mutex_);
  board_.lines_.erase(at_);
}

void ProgressBoard::Line::Stage(std::string stage) {
  std::lock_guard lock(board_.mutex_);
  at_->progress.stage = std::move(stage);
  at_->works = false;
}

void ProgressBoard::Line::Note(std::string note) {
  std::lock_guard lock(board_.mutex_);
  at_->progress.note = std::move(note);
}

void ProgressBoard::Line::Total(int64_t bytes) {
  std::lock_guard lock(board_.mutex_);
  at_->progress.bytes_total = bytes;
}

void ProgressBoard::Line::Rows(int64_t rows) {
  std::lock_guard lock(board_.mutex_);
  at_->progress.rows = rows;
}

void ProgressBoard::Line::Work(const std::string& stage, int64_t done, int64_t total) {
  std::lock_guard lock(board_.mutex_);
  if (!at_->works || at_->progress.stage != stage) at_->began = board_.clock_.Now();
  at_->works = true;
  at_->progress.stage = stage;
  at_->progress.bytes = done;
  at_->progress.bytes_total = total;
}

void ProgressBoard::Line::Watch(const Session* session) {
  std::lock_guard lock(board_.mutex_);
  at_->session = session;
}

}  // namespace millrace
