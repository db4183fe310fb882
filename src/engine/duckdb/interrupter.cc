#include "engine/duckdb/interrupter.h"

#include <duckdb.h>

#include <chrono>

namespace millrace::duck {

Interrupter::Interrupter() : thread_([this](std::stop_token ended) { Work(ended); }) {}

void Interrupter::Watch::Wake::operator()() const {
  std::lock_guard lock(owner->mutex_);
  owner->woken_ = true;
  owner->changed_.notify_all();
}

Interrupter::Watch::Watch(Interrupter& owner, _duckdb_connection* connection, std::stop_token stop)
    : owner_(owner), stop_(std::move(stop)), connection_(connection) {
  if (!stop_.stop_possible()) return;
  {
    std::lock_guard lock(owner_.mutex_);
    place_ = owner_.watches_.insert(owner_.watches_.end(), this);
  }
  callback_.emplace(stop_, Wake{&owner_});
}

Interrupter::Watch::~Watch() {
  if (!callback_) return;
  callback_.reset();
  std::lock_guard lock(owner_.mutex_);
  owner_.watches_.erase(place_);
}

bool Interrupter::InterruptStopped() {
  bool any = false;
  for (Watch* watch : watches_) {
    if (!watch->stop_.stop_requested()) continue;
    duckdb_interrupt(watch->connection_);
    any = true;
  }
  return any;
}

void Interrupter::Work(std::stop_token ended) {
  std::unique_lock lock(mutex_);
  while (!ended.stop_requested()) {
    changed_.wait(lock, ended, [this] { return woken_; });
    woken_ = false;
    while (!ended.stop_requested() && InterruptStopped()) {
      changed_.wait_for(lock, ended, std::chrono::milliseconds(20), [] { return false; });
    }
  }
}

}  // namespace millrace::duck
