"""Rows that travel together: two nodes with half of the rows each, of which the other takes no batches of rows."""
from world import equal, must

SMALL = "batch_size_warn_threshold: 1KiB\nbatch_size_fail_threshold: 1KiB"
ROWS = 20000


def two_test_rows_go_together_to_who_has_them(here, other):
    here.sink(f"SELECT range AS id, repeat('x', 200) || range AS v FROM range({ROWS})", {"key": "id"})
    sent = here.cql("SELECT sum(sent_count) AS n FROM system_views.internode_outbound")[0].n
    here.run().ok()
    sent = here.cql("SELECT sum(sent_count) AS n FROM system_views.internode_outbound")[0].n - sent
    must(sent < ROWS / 20, f"one node sent the other {sent} messages: rows went to who has them not")
    largest = {row.name: row.max for row in here.cql("SELECT * FROM system_views.batch_metrics")}
    must(8 <= largest["partitions_per_unlogged_batch"] <= 12, f"rows of a batch: {largest}")
    must(not here.server.logged("Unlogged batch covering"), "the server warns of batches")
    with open(other.log, encoding="utf-8") as log:
        refused = sum("batch_size_fail_threshold" in line for line in log)
    must(0 < refused < ROWS / 20, f"the other node refused {refused} batches")
    rows = here.cql("SELECT id, v, writetime(v) AS at FROM KS.t")
    equal({row.id: row.v for row in rows}, {n: "x" * 200 + str(n) for n in range(ROWS)})
    equal(len({row.at for row in rows}), ROWS, "timestamps")
