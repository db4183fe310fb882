#include "engine/engine.h"

#include <utility>

#include "engine/duckdb/instance.h"
#include "engine/duckdb/session.h"

namespace millrace {

namespace {

class DuckEngine : public Engine {
 public:
  explicit DuckEngine(std::shared_ptr<duck::Instance> instance) : instance_(std::move(instance)) {}

  Result<std::unique_ptr<Session>> Open(std::string_view label, SessionUse use) override {
    return duck::DuckSession::Open(instance_, std::string(label), use);
  }

  Status Reach(const ObjectStore& store) override { return instance_->Reach(store); }

 private:
  std::shared_ptr<duck::Instance> instance_;
};

}  // namespace

Result<std::unique_ptr<Engine>> OpenDuckDb(const EngineOptions& options) {
  return std::unique_ptr<Engine>(new DuckEngine(TRY(duck::Instance::Open(options))));
}

}  // namespace millrace
