//! Encoded rows on their way to the servers: a few in one request, where the same replicas have them.
use crate::failure::{internal, Failure, Kind, Outcome};
use crate::session::Retry;
use futures::stream::{self, StreamExt};
use scylla::client::session::Session as Client;
use scylla::cluster::ClusterState;
use scylla::serialize::row::{RowSerializationContext, SerializeRow};
use scylla::serialize::writers::RowWriter;
use scylla::serialize::SerializationError;
use scylla::statement::batch::{Batch, BatchStatement, BatchType};
use scylla::statement::prepared::PreparedStatement;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use tokio::sync::{mpsc, Notify, Semaphore};

// batch_size_warn_threshold of a server with its own settings, and what it counts for a cell beside
// its value: more, and it writes a warning into its log.
const BATCH_BYTES: usize = 5 * 1024;
const CELL_BYTES: usize = 16; // beyond the four that its length takes here

pub struct Row {
    pub statement: usize,
    pub replicas: u128, // equal where they are the same
    pub bytes: Range<usize>,
    pub number: i64,
}

#[derive(Default)]
pub struct Chunk {
    pub bytes: Vec<u8>,
    pub rows: Vec<Row>,
}

impl Chunk {
    fn values(&self, row: &Row) -> Encoded<'_> {
        Encoded(&self.bytes[row.bytes.clone()])
    }
}

/// Values that are encoded already.
struct Encoded<'a>(&'a [u8]);

impl SerializeRow for Encoded<'_> {
    fn serialize(
        &self,
        _: &RowSerializationContext<'_>,
        writer: &mut RowWriter,
    ) -> Result<(), SerializationError> {
        let mut rest = self.0;
        while let Some((length, after)) = rest.split_first_chunk::<4>() {
            let cell = writer.make_cell_writer();
            rest = match i32::from_be_bytes(*length) {
                -1 => {
                    cell.set_null();
                    after
                }
                -2 => {
                    cell.set_unset();
                    after
                }
                length => {
                    let (value, after) = after.split_at(length as usize);
                    cell.set_value(value).map_err(SerializationError::new)?;
                    after
                }
            };
        }
        Ok(())
    }
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

struct Statement {
    one: PreparedStatement,
    many: Vec<OnceLock<Batch>>, // the first is of two rows
}

impl Statement {
    fn batch(&self, rows: usize) -> &Batch {
        self.many[rows - 2].get_or_init(|| {
            let each = BatchStatement::PreparedStatement(self.one.clone());
            let mut batch = Batch::new_with_statements(BatchType::Unlogged, vec![each; rows]);
            if let Some(consistency) = self.one.get_consistency() {
                batch.set_consistency(consistency);
            }
            batch.set_is_idempotent(self.one.get_is_idempotent());
            batch.set_execution_profile_handle(self.one.get_execution_profile_handle().cloned());
            batch
        })
    }
}

pub struct Sender {
    client: Arc<Client>,
    statements: Vec<Statement>,
    repeatable: bool,
    retry: Retry,
    batch_rows: AtomicUsize, // one, once the server refused more
    given: AtomicU64,
    done: AtomicU64,
    repeated: AtomicI64,
    failed: AtomicBool,
    failure: Mutex<Option<Failure>>,
    moved: Notify,
}

impl Sender {
    pub fn new(
        client: Arc<Client>,
        statements: Vec<PreparedStatement>,
        repeatable: bool,
        retry: Retry,
        batch_rows: usize,
    ) -> Sender {
        // Of a batch that failed, a part may be there: that must do no harm.
        let batch_rows = if repeatable { batch_rows.max(1) } else { 1 };
        let statements = statements.into_iter().map(|one| Statement {
            one,
            many: (1..batch_rows).map(|_| OnceLock::new()).collect(),
        });
        Sender {
            client,
            statements: statements.collect(),
            repeatable,
            retry,
            batch_rows: batch_rows.into(),
            given: Default::default(),
            done: Default::default(),
            repeated: Default::default(),
            failed: Default::default(),
            failure: Default::default(),
            moved: Notify::new(),
        }
    }

    pub fn repeated(&self) -> i64 {
        self.repeated.load(Ordering::Relaxed)
    }

    /// Counts them as given; those that can go together stand together.
    pub fn take(&self, chunk: &mut Chunk) {
        self.given.fetch_add(chunk.rows.len() as u64, Ordering::SeqCst);
        if self.batch_rows.load(Ordering::Relaxed) == 1 {
            return;
        }
        let cluster = self.client.get_cluster_state();
        if cluster.get_nodes_info().len() > 1 {
            for at in 0..chunk.rows.len() {
                let replicas = self.replicas(&cluster, chunk, &chunk.rows[at]);
                // Of whom none are known, it goes alone.
                chunk.rows[at].replicas = replicas.unwrap_or(at as u128);
            }
        }
        chunk.rows.sort_by_key(|row| (row.statement, row.replicas));
    }

    fn replicas(&self, cluster: &ClusterState, chunk: &Chunk, row: &Row) -> Option<u128> {
        let statement = &self.statements[row.statement].one;
        let table = statement.get_table_spec()?;
        let token = statement.calculate_token(&chunk.values(row)).ok().flatten()?;
        let nodes = cluster.get_token_endpoints(table.ks_name(), table.table_name(), token);
        let ids = nodes.iter().map(|(node, _)| node.host_id.as_u128());
        ids.reduce(u128::wrapping_add) // in whatever order
    }

    /// The rows of each request.
    fn cut(&self, chunk: &Chunk) -> Vec<Range<usize>> {
        let most = self.batch_rows.load(Ordering::Relaxed);
        let mut requests = Vec::with_capacity(chunk.rows.len() / most + 1);
        let (mut first, mut bytes) = (0, 0);
        for (at, row) in chunk.rows.iter().enumerate() {
            let before = &chunk.rows[first];
            let cells = self.statements[row.statement].one.get_variable_col_specs().len();
            let more = row.bytes.len() + CELL_BYTES * cells;
            let apart = row.statement != before.statement || row.replicas != before.replicas;
            let full = at - first == most || bytes + more > BATCH_BYTES;
            if at > first && (apart || full) {
                requests.push(first..at);
                (first, bytes) = (at, 0);
            }
            bytes += more;
        }
        requests.push(first..chunk.rows.len());
        requests
    }

    async fn request(&self, chunk: &Chunk, rows: &[Row]) -> Outcome<()> {
        let statement = &self.statements[rows[0].statement];
        let answer = match rows {
            [row] => self.client.execute_unpaged(&statement.one, chunk.values(row)).await,
            rows => {
                let values: Vec<_> = rows.iter().map(|row| chunk.values(row)).collect();
                self.client.batch(statement.batch(rows.len()), values).await
            }
        };
        answer.map(|_| ()).map_err(Failure::from)
    }

    async fn send(&self, chunk: &Chunk, rows: &[Row]) {
        if !self.failed.load(Ordering::Relaxed) {
            // What is rare is apart: a request on its way is no larger than it must be.
            if let Err(failure) = self.request(chunk, rows).await {
                Box::pin(self.send_again(chunk, rows, failure)).await;
            }
        }
        let done = self.done.fetch_add(rows.len() as u64, Ordering::SeqCst) + rows.len() as u64;
        let all = done == self.given.load(Ordering::SeqCst);
        if all || self.failed.load(Ordering::Relaxed) {
            self.moved.notify_waiters();
        }
    }

    async fn send_again(&self, chunk: &Chunk, rows: &[Row], failure: Failure) {
        // A node may not have heard yet of a table that was just made at another.
        let unheard = failure.kind == Kind::NotFound;
        let unheard = unheard && self.client.await_schema_agreement().await.is_ok();
        let before = (!unheard).then_some(failure);
        let Err(failure) = self.insist(chunk, rows, before).await else { return };
        if failure.may_pass() || rows.len() == 1 {
            return self.fail(failure, &rows[0]);
        }
        // One of them is refused, or their number.
        for row in rows {
            if let Err(failure) = self.insist(chunk, std::slice::from_ref(row), None).await {
                return self.fail(failure, row);
            }
        }
        self.batch_rows.store(1, Ordering::Relaxed);
    }

    async fn insist(&self, chunk: &Chunk, rows: &[Row], before: Option<Failure>) -> Outcome<()> {
        let mut before = before;
        let told = || {
            self.repeated.fetch_add(1, Ordering::Relaxed);
        };
        let attempt = || {
            let before = before.take();
            async move {
                match before {
                    Some(failure) => Err(failure),
                    None => self.request(chunk, rows).await,
                }
            }
        };
        self.retry.run(self.repeatable, told, attempt).await
    }

    fn fail(&self, failure: Failure, row: &Row) {
        let mut first = self.failure.lock().unwrap();
        first.get_or_insert(failure.context(&format!("row {}", row.number + 1)));
        self.failed.store(true, Ordering::SeqCst);
    }

    pub fn check(&self) -> Outcome<()> {
        if !self.failed.load(Ordering::SeqCst) {
            return Ok(());
        }
        Err(self.failure.lock().unwrap().clone().unwrap_or_else(|| internal("a row failed")))
    }

    pub async fn idle(&self) -> Outcome<()> {
        loop {
            let moved = self.moved.notified();
            tokio::pin!(moved);
            moved.as_mut().enable();
            self.check()?;
            if self.done.load(Ordering::SeqCst) == self.given.load(Ordering::SeqCst) {
                return Ok(());
            }
            moved.await;
        }
    }

    /// Until the other end is dropped. `in_flight`: rows, no fewer than those of a request.
    pub async fn run(self: Arc<Self>, waiting: mpsc::Receiver<Chunk>, in_flight: usize) {
        let room = Semaphore::new(in_flight);
        let chunks = stream::unfold(waiting, |mut waiting| async move {
            waiting.recv().await.map(|chunk| (Arc::new(chunk), waiting))
        });
        let requests = chunks.flat_map(|chunk| {
            stream::iter(self.cut(&chunk)).map(move |rows| (chunk.clone(), rows))
        });
        let admitted = requests.then(|(chunk, rows)| async {
            let room = room.acquire_many(rows.len() as u32).await.expect("it is never closed");
            (chunk, rows, room)
        });
        admitted
            .for_each_concurrent(None, |(chunk, rows, room)| {
                let sender = &self;
                async move {
                    sender.send(&chunk, &chunk.rows[rows]).await;
                    drop(room);
                }
            })
            .await;
    }
}
