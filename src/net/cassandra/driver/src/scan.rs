//! Rows of a table or a statement, page by page, several ranges of tokens at once.
use crate::decode::{batch_of, schema_of, Digest};
use crate::failure::{internal, invalid, Failure, Outcome};
use crate::session::{Retry, Session};
use crate::stop::Stop;
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use scylla::client::session::Session as Client;
use scylla::frame::response::result::{ColumnType, NativeType};
use scylla::response::PagingState;
use scylla::statement::prepared::PreparedStatement;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

pub struct Options {
    pub cql: String,
    pub ranges: usize,
    pub parallel: usize,
    pub page_rows: i32,
    pub consistency: i32,
    pub retry: Retry,
}

struct Shared {
    client: Arc<Client>,
    statement: PreparedStatement,
    schema: SchemaRef,
    ranges: Vec<(i64, i64)>,
    next: AtomicUsize,
    retry: Retry,
    digest: Mutex<Digest>,
}

pub struct Scan {
    shared: Arc<Shared>,
    batches: mpsc::Receiver<Outcome<RecordBatch>>,
    readers: Vec<JoinHandle<()>>,
}

/// The ring in pieces: from (not in it) to (in it). No row has the smallest token.
fn pieces(count: usize) -> Vec<(i64, i64)> {
    let end = |piece: usize| {
        let whole = i128::from(u64::MAX) + 1;
        (i128::from(i64::MIN) + whole * piece as i128 / count as i128).min(i64::MAX.into()) as i64
    };
    (0..count).map(|piece| (end(piece), end(piece + 1))).collect()
}

impl Scan {
    pub fn open(session: &Session, options: Options, stop: Option<&Stop>) -> Outcome<Scan> {
        let preparing = session.prepare(&options.cql, options.consistency);
        let mut statement = session.wait(stop, preparing)?;
        statement.set_page_size(options.page_rows);
        statement.set_is_idempotent(true);
        let by_token = statement.get_variable_col_specs().iter().all(|spec| {
            matches!(spec.typ(), ColumnType::Native(NativeType::BigInt))
        });
        if !by_token {
            return Err(invalid("the cluster's partitioner is not Murmur3Partitioner"));
        }
        let schema = schema_of(statement.get_current_result_set_col_specs().get().iter());
        let shared = Arc::new(Shared {
            client: session.client.clone(),
            statement,
            schema,
            ranges: pieces(options.ranges),
            next: Default::default(),
            retry: options.retry,
            digest: Default::default(),
        });
        let readers = if options.ranges == 0 { 1 } else { options.parallel.clamp(1, options.ranges) };
        let (sender, batches) = mpsc::channel(readers);
        let readers = (0..readers)
            .map(|_| session.runtime().spawn(read(shared.clone(), sender.clone())))
            .collect();
        Ok(Scan { shared, batches, readers })
    }

    pub fn schema(&self) -> &SchemaRef {
        &self.shared.schema
    }

    pub fn next(&mut self, session: &Session, stop: Option<&Stop>) -> Outcome<Option<RecordBatch>> {
        session.wait(stop, async { self.batches.recv().await.transpose() })
    }

    pub fn digest(&self) -> Digest {
        *self.shared.digest.lock().unwrap()
    }
}

impl Drop for Scan {
    fn drop(&mut self) {
        self.readers.iter().for_each(JoinHandle::abort);
    }
}

async fn read(shared: Arc<Shared>, sender: mpsc::Sender<Outcome<RecordBatch>>) {
    loop {
        let piece = shared.next.fetch_add(1, Ordering::Relaxed);
        let range = shared.ranges.get(piece).copied();
        if range.is_none() && (piece > 0 || !shared.ranges.is_empty()) {
            return;
        }
        if let Err(failure) = read_range(&shared, range, &sender).await {
            let _ = sender.send(Err(failure)).await;
            return;
        }
    }
}

async fn read_range(
    shared: &Shared,
    range: Option<(i64, i64)>,
    sender: &mpsc::Sender<Outcome<RecordBatch>>,
) -> Outcome<()> {
    let mut state = PagingState::start();
    loop {
        let page = |state: PagingState| async move {
            let (client, statement) = (&shared.client, &shared.statement);
            match range {
                Some(range) => client.execute_single_page(statement, range, state).await,
                None => client.execute_single_page(statement, (), state).await,
            }
            .map_err(Failure::from)
        };
        let (answer, next) = shared.retry.run(true, || {}, || page(state.clone())).await?;
        let rows = answer.into_rows_result().map_err(|_| invalid("the statement gives no rows"))?;
        if rows.rows_num() > 0 {
            let mut digest = Digest::default();
            let batch = batch_of(&rows, &shared.schema, Some(&mut digest))?;
            {
                let mut all = shared.digest.lock().unwrap();
                all.sum = all.sum.wrapping_add(digest.sum);
                all.rows += digest.rows;
            }
            sender.send(Ok(batch)).await.map_err(internal)?;
        }
        match next.into_paging_control_flow() {
            ControlFlow::Break(()) => return Ok(()),
            ControlFlow::Continue(next) => state = next,
        }
    }
}
