#include "connect/cassandra/misfit_rows.h"

#include <nanoarrow/nanoarrow.hpp>

#include <algorithm>

#include "base/hash.h"
#include "base/text.h"

namespace millrace::cassandra {

namespace {

constexpr size_t kMostPending = 64;  // batches in memory
constexpr const char* kReason = "_reason";

// A batch with one column more. Its other columns are those of `rows`, which it keeps.
struct Widened {
  Rows rows;
  nanoarrow::UniqueArray reasons;
  std::vector<ArrowArray*> children;
};

Status NoMemory() { return {Code::kExhausted, "no memory for rows that do not fit"}; }

Result<Rows> Widen(const Rows& rows, const std::vector<CassandraMisfit>& misfits) {
  auto widened = std::make_unique<Widened>();
  widened->rows = rows;
  ArrowArray* reasons = widened->reasons.get();
  if (ArrowArrayInitFromType(reasons, NANOARROW_TYPE_STRING) != NANOARROW_OK ||
      ArrowArrayStartAppending(reasons) != NANOARROW_OK)
    return NoMemory();
  auto next = misfits.begin();
  for (int64_t row = 0; row < rows.count(); ++row) {
    int code = NANOARROW_OK;
    if (next != misfits.end() && next->row == row) {
      std::string reason = "column " + next->column + ": " + next->reason;
      code = ArrowArrayAppendString(reasons, {reason.data(), static_cast<int64_t>(reason.size())});
      ++next;
    } else {
      code = ArrowArrayAppendNull(reasons, 1);
    }
    if (code != NANOARROW_OK) return NoMemory();
  }
  if (ArrowArrayFinishBuildingDefault(reasons, nullptr) != NANOARROW_OK) return NoMemory();

  const ArrowSchema& before = *rows.schema();
  nanoarrow::UniqueSchema schema;
  ArrowSchemaInit(schema.get());
  bool ok = ArrowSchemaSetTypeStruct(schema.get(), before.n_children + 1) == NANOARROW_OK;
  for (int64_t i = 0; ok && i < before.n_children; ++i) {
    ArrowSchemaRelease(schema->children[i]);
    ok = ArrowSchemaDeepCopy(before.children[i], schema->children[i]) == NANOARROW_OK;
    widened->children.push_back(rows.array()->children[i]);
  }
  if (ok) {
    ArrowSchema* last = schema->children[before.n_children];
    ok = ArrowSchemaSetType(last, NANOARROW_TYPE_STRING) == NANOARROW_OK &&
         ArrowSchemaSetName(last, kReason) == NANOARROW_OK;
  }
  if (!ok) return NoMemory();
  widened->children.push_back(reasons);

  ArrowArray array = *rows.array();
  array.n_children = static_cast<int64_t>(widened->children.size());
  array.children = widened->children.data();
  array.private_data = widened.release();
  array.release = [](ArrowArray* released) {
    delete static_cast<Widened*>(released->private_data);
    released->release = nullptr;
  };
  return Rows::Adopt(schema.get(), &array);
}

class Batches final : public RowReader {
 public:
  explicit Batches(std::vector<Rows> batches) : batches_(std::move(batches)) {}
  Result<std::optional<Rows>> Next(std::stop_token) override {
    if (next_ == batches_.size()) return std::optional<Rows>();
    return std::optional<Rows>(std::move(batches_[next_++]));
  }

 private:
  std::vector<Rows> batches_;
  size_t next_ = 0;
};

}  // namespace

MisfitRows::MisfitRows(Session& session)
    : session_(session), prefix_("millrace_misfits_" + NewUuid().substr(0, 8)) {}

Status MisfitRows::Add(const Rows& batch, const std::vector<CassandraMisfit>& misfits,
                       std::stop_token stop) {
  pending_.push_back(TRY(Widen(batch, misfits)));
  count_ += static_cast<int64_t>(misfits.size());
  return pending_.size() < kMostPending ? Status::Ok() : Keep(stop);
}

Status MisfitRows::Keep(std::stop_token stop) {
  if (pending_.empty()) return Status::Ok();
  std::string name = prefix_ + "_" + std::to_string(kept_.size()), once = name + "_once";
  TRY(session_.Bind(once, std::make_unique<Batches>(std::exchange(pending_, {})), stop));
  TRY(session_.Materialize(name,
                           {"SELECT *, 'contract' AS _rule FROM " + once + " WHERE " + kReason +
                            " IS NOT NULL"},
                           stop));
  kept_.push_back("SELECT * FROM " + name);
  return session_.Drop(once);
}

Result<std::optional<Sql>> MisfitRows::Finish(std::stop_token stop) {
  TRY(Keep(stop));
  if (kept_.empty()) return std::optional<Sql>();
  return std::optional<Sql>(Sql{Join(kept_, " UNION ALL ")});
}

}  // namespace millrace::cassandra
