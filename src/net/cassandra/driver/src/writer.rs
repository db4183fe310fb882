//! Rows on their way to a table: encoded by the caller's thread, sent by the session's.
use crate::encode;
use crate::failure::{internal, invalid, Failure, Outcome};
use crate::session::{Retry, Session};
use crate::stop::Stop;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray, StructArray};
use arrow_schema::{DataType, Field, Fields, Schema};
use futures::stream::{self, StreamExt};
use scylla::client::session::Session as Client;
use scylla::frame::response::result::ColumnType;
use scylla::policies::speculative_execution::SimpleSpeculativeExecutionPolicy;
use scylla::serialize::row::{RowSerializationContext, SerializeRow};
use scylla::serialize::writers::RowWriter;
use scylla::serialize::SerializationError;
use scylla::statement::prepared::PreparedStatement;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{mpsc, Notify};
use tokio::task::JoinHandle;

const CHUNK_ROWS: usize = 2048;
const CHUNKS_WAITING: usize = 4;
const LONGEST_KEY: usize = 65535; // bytes: the server keeps its length in 16 bits
const TIMESTAMP: i32 = -1;

pub struct StatementOptions {
    pub cql: String,
    pub values: Vec<i32>,
}

pub struct Options {
    pub upsert: StatementOptions,
    pub remove: Option<StatementOptions>,
    pub remove_column: Option<usize>,
    pub keys: Vec<usize>,
    pub skip_nulls: bool,
    pub repeatable: bool,
    pub consistency: i32,
    pub in_flight: usize,
    pub retry: Retry,
    pub speculative: Option<(Duration, usize)>,
}

enum Source {
    Timestamp,
    Column { index: usize, cql: ColumnType<'static>, key: bool, whole_partition_key: bool },
}

struct Statement {
    prepared: PreparedStatement,
    values: Vec<Source>,
}

struct Row {
    statement: usize,
    start: usize,
    end: usize,
    number: i64,
}

struct Chunk {
    bytes: Vec<u8>,
    rows: Vec<Row>,
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

struct Shared {
    client: Arc<Client>,
    statements: Vec<PreparedStatement>,
    repeatable: bool,
    retry: Retry,
    given: AtomicU64,
    done: AtomicU64,
    repeated: AtomicI64,
    failed: AtomicBool,
    failure: Mutex<Option<Failure>>,
    moved: Notify,
}

impl Shared {
    async fn send(&self, chunk: &Chunk, row: &Row) {
        if !self.failed.load(Ordering::Relaxed) {
            let values = &chunk.bytes[row.start..row.end];
            let statement = &self.statements[row.statement];
            // What is rare is apart: a row on its way is no larger than it must be.
            if let Err(error) = self.client.execute_unpaged(statement, Encoded(values)).await {
                Box::pin(self.send_again(row, values, error.into())).await;
            }
        }
        let done = self.done.fetch_add(1, Ordering::SeqCst) + 1;
        let all = done == self.given.load(Ordering::SeqCst);
        if all || self.failed.load(Ordering::Relaxed) {
            self.moved.notify_waiters();
        }
    }

    async fn send_again(&self, row: &Row, values: &[u8], failure: Failure) {
        let mut failure = Some(failure);
        let statement = &self.statements[row.statement];
        let told = || {
            self.repeated.fetch_add(1, Ordering::Relaxed);
        };
        let sent = self.retry.run(self.repeatable, told, || {
            let before = failure.take();
            async move {
                if let Some(failure) = before {
                    return Err(failure);
                }
                let answer = self.client.execute_unpaged(statement, Encoded(values)).await;
                answer.map(|_| ()).map_err(Failure::from)
            }
        });
        if let Err(failure) = sent.await {
            let mut first = self.failure.lock().unwrap();
            first.get_or_insert(failure.context(&format!("row {}", row.number + 1)));
            self.failed.store(true, Ordering::SeqCst);
        }
    }

    fn check(&self) -> Outcome<()> {
        if !self.failed.load(Ordering::SeqCst) {
            return Ok(());
        }
        Err(self.failure.lock().unwrap().clone().unwrap_or_else(|| internal("a row failed")))
    }

    async fn idle(&self) -> Outcome<()> {
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
}

pub struct Writer {
    shared: Arc<Shared>,
    statements: Vec<Statement>,
    fields: Fields,
    remove_column: Option<usize>,
    skip_nulls: bool,
    chunks: mpsc::Sender<Chunk>,
    sender: JoinHandle<()>,
    written: i64,
}

#[derive(Default)]
pub struct Misfits {
    rows: Vec<i64>,
    columns: Vec<String>,
    reasons: Vec<String>,
}

impl Misfits {
    pub fn batch(self) -> RecordBatch {
        let schema = Schema::new(vec![
            Field::new("row", DataType::Int64, false),
            Field::new("column", DataType::Utf8, false),
            Field::new("reason", DataType::Utf8, false),
        ]);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from(self.rows)),
            Arc::new(StringArray::from(self.columns)),
            Arc::new(StringArray::from(self.reasons)),
        ];
        RecordBatch::try_new(Arc::new(schema), columns).expect("columns of one length")
    }
}

fn bind(
    prepared: &PreparedStatement,
    values: &[i32],
    keys: &[usize],
    fields: &Fields,
) -> Outcome<Vec<Source>> {
    let specs = prepared.get_variable_col_specs();
    if specs.len() != values.len() {
        return Err(internal("a statement has more or fewer parameters than values"));
    }
    let partition = prepared.get_variable_pk_indexes();
    let mut bound = Vec::new();
    let mut wrong = Vec::new();
    for (at, (spec, value)) in specs.iter().zip(values).enumerate() {
        if *value == TIMESTAMP {
            bound.push(Source::Timestamp);
            continue;
        }
        let index = usize::try_from(*value).map_err(internal)?;
        let field = fields.get(index).ok_or_else(|| internal("no such column"))?;
        if let Err(why) = encode::check(spec.typ(), field.data_type()) {
            wrong.push(format!("column {}: {why}", field.name()));
        }
        let alone = partition.len() == 1 && usize::from(partition[0].index) == at;
        bound.push(Source::Column {
            index,
            cql: spec.typ().clone(),
            key: keys.contains(&index),
            whole_partition_key: alone,
        });
    }
    if wrong.is_empty() {
        return Ok(bound);
    }
    Err(invalid(wrong.join("; ")))
}

impl Writer {
    pub fn open(
        session: &Session,
        options: Options,
        fields: Fields,
        stop: Option<&Stop>,
    ) -> Outcome<Writer> {
        let mut profile = session.profile();
        if let Some((after, most)) = options.speculative {
            profile = profile.speculative_execution_policy(Some(Arc::new(
                SimpleSpeculativeExecutionPolicy { max_retry_count: most, retry_interval: after },
            )));
        }
        let profile = profile.build().into_handle();
        let mut statements = Vec::new();
        for each in std::iter::once(&options.upsert).chain(&options.remove) {
            let prepared = session.prepare(&each.cql, options.consistency);
            let mut prepared = session.wait(stop, prepared)?;
            prepared.set_is_idempotent(options.repeatable);
            prepared.set_execution_profile_handle(Some(profile.clone()));
            let values = bind(&prepared, &each.values, &options.keys, &fields)?;
            statements.push(Statement { prepared, values });
        }
        let shared = Arc::new(Shared {
            client: session.client.clone(),
            statements: statements.iter().map(|each| each.prepared.clone()).collect(),
            repeatable: options.repeatable,
            retry: options.retry,
            given: Default::default(),
            done: Default::default(),
            repeated: Default::default(),
            failed: Default::default(),
            failure: Default::default(),
            moved: Notify::new(),
        });
        let (chunks, waiting) = mpsc::channel(CHUNKS_WAITING);
        let sending = send_all(waiting, shared.clone(), options.in_flight.max(1));
        Ok(Writer {
            shared,
            statements,
            fields,
            remove_column: options.remove_column,
            skip_nulls: options.skip_nulls,
            chunks,
            sender: session.runtime().spawn(sending),
            written: 0,
        })
    }

    pub fn data_type(&self) -> DataType {
        DataType::Struct(self.fields.clone())
    }

    pub fn write(
        &mut self,
        session: &Session,
        rows: &StructArray,
        first_timestamp: i64,
        stop: Option<&Stop>,
    ) -> Outcome<Misfits> {
        let mut misfits = Misfits::default();
        for first in (0..rows.len()).step_by(CHUNK_ROWS) {
            self.shared.check()?;
            let last = (first + CHUNK_ROWS).min(rows.len());
            let chunk = self.encode(rows, first..last, first_timestamp, &mut misfits);
            if chunk.rows.is_empty() {
                continue;
            }
            self.shared.given.fetch_add(chunk.rows.len() as u64, Ordering::SeqCst);
            let Err(full) = self.chunks.try_send(chunk) else { continue };
            let chunk = match full {
                mpsc::error::TrySendError::Full(chunk) => chunk,
                mpsc::error::TrySendError::Closed(_) => return Err(internal("the sender ended")),
            };
            let sending = async { self.chunks.send(chunk).await.map_err(internal) };
            session.wait(stop, sending)?;
        }
        self.written += rows.len() as i64;
        Ok(misfits)
    }

    fn encode(
        &self,
        rows: &StructArray,
        range: std::ops::Range<usize>,
        first_timestamp: i64,
        misfits: &mut Misfits,
    ) -> Chunk {
        let mut chunk = Chunk {
            bytes: Vec::with_capacity(range.len() * 128),
            rows: Vec::with_capacity(range.len()),
        };
        let removed: Option<&BooleanArray> =
            self.remove_column.map(|column| rows.column(column).as_boolean());
        for row in range {
            let gone = removed.is_some_and(|column| column.is_valid(row) && column.value(row));
            let statement = usize::from(gone);
            let start = chunk.bytes.len();
            let timestamp = first_timestamp + row as i64;
            match self.encode_row(statement, rows, row, timestamp, &mut chunk.bytes) {
                Ok(()) => chunk.rows.push(Row {
                    statement,
                    start,
                    end: chunk.bytes.len(),
                    number: self.written + row as i64,
                }),
                Err((column, why)) => {
                    chunk.bytes.truncate(start);
                    misfits.rows.push(row as i64);
                    misfits.columns.push(self.fields[column].name().clone());
                    let shown = encode::show(rows.column(column).as_ref(), row);
                    misfits.reasons.push(if rows.column(column).is_null(row) {
                        why.to_string()
                    } else {
                        format!("{shown} {why}")
                    });
                }
            }
        }
        chunk
    }

    fn encode_row(
        &self,
        statement: usize,
        rows: &StructArray,
        row: usize,
        timestamp: i64,
        out: &mut Vec<u8>,
    ) -> Result<(), (usize, &'static str)> {
        for value in &self.statements[statement].values {
            match value {
                Source::Timestamp => {
                    out.extend_from_slice(&8i32.to_be_bytes());
                    out.extend_from_slice(&timestamp.to_be_bytes());
                }
                Source::Column { index, cql, key, whole_partition_key } => {
                    let column = rows.column(*index).as_ref();
                    let null = column.is_null(row);
                    if null && *key {
                        return Err((*index, "a key cannot be null"));
                    }
                    if null && self.skip_nulls {
                        out.extend_from_slice(&(-2i32).to_be_bytes());
                        continue;
                    }
                    let start = out.len();
                    encode::put_cell(cql, column, row, out).map_err(|why| (*index, why))?;
                    let length = out.len() - start - 4;
                    if *whole_partition_key && length == 0 {
                        return Err((*index, "is empty, which a partition key cannot be"));
                    }
                    if *key && length > LONGEST_KEY {
                        return Err((*index, "is longer than a key can be: 65535 bytes"));
                    }
                }
            }
        }
        Ok(())
    }

    pub fn flush(&self, session: &Session, stop: Option<&Stop>) -> Outcome<i64> {
        session.wait(stop, self.shared.idle())?;
        Ok(self.shared.repeated.load(Ordering::Relaxed))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.sender.abort();
    }
}

async fn send_all(waiting: mpsc::Receiver<Chunk>, shared: Arc<Shared>, in_flight: usize) {
    let chunks = stream::unfold(waiting, |mut waiting| async move {
        waiting.recv().await.map(|chunk| (Arc::new(chunk), waiting))
    });
    let rows = chunks.flat_map(|chunk| {
        stream::iter((0..chunk.rows.len()).map(move |row| (chunk.clone(), row)))
    });
    rows.for_each_concurrent(in_flight, |(chunk, row)| {
        let shared = &shared;
        async move { shared.send(&chunk, &chunk.rows[row]).await }
    })
    .await;
}
