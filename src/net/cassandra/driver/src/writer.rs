//! Rows for a table: encoded by the caller's thread, sent by the session's.
use crate::encode;
use crate::failure::{internal, invalid, Outcome};
use crate::sender::{Chunk, Row, Sender};
use crate::session::{Retry, Session};
use crate::stop::Stop;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray, StructArray};
use arrow_schema::{DataType, Field, Fields, Schema};
use scylla::frame::response::result::ColumnType;
use scylla::policies::speculative_execution::SimpleSpeculativeExecutionPolicy;
use scylla::statement::prepared::PreparedStatement;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
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
    pub batch_rows: usize,
    pub retry: Retry,
    pub speculative: Option<(Duration, usize)>,
}

enum Source {
    Timestamp,
    Column { index: usize, cql: ColumnType<'static>, key: bool, whole_partition_key: bool },
}

pub struct Writer {
    sender: Arc<Sender>,
    sending: JoinHandle<()>,
    statements: Vec<Vec<Source>>, // what they take
    fields: Fields,
    remove_column: Option<usize>,
    skip_nulls: bool,
    chunks: mpsc::Sender<Chunk>,
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
        let (mut prepared, mut statements) = (Vec::new(), Vec::new());
        for each in std::iter::once(&options.upsert).chain(&options.remove) {
            let preparing = session.prepare(&each.cql, options.consistency);
            let mut statement = session.wait(stop, preparing)?;
            statement.set_is_idempotent(options.repeatable);
            statement.set_execution_profile_handle(Some(profile.clone()));
            statements.push(bind(&statement, &each.values, &options.keys, &fields)?);
            prepared.push(statement);
        }
        let sender = Arc::new(Sender::new(
            session.client.clone(),
            prepared,
            options.repeatable,
            options.retry,
            options.batch_rows.min(options.in_flight),
        ));
        let (chunks, waiting) = mpsc::channel(CHUNKS_WAITING);
        let sending = session.runtime().spawn(sender.clone().run(waiting, options.in_flight));
        Ok(Writer {
            sender,
            sending,
            statements,
            fields,
            remove_column: options.remove_column,
            skip_nulls: options.skip_nulls,
            chunks,
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
            self.sender.check()?;
            let last = (first + CHUNK_ROWS).min(rows.len());
            let mut chunk = self.encode(rows, first..last, first_timestamp, &mut misfits);
            if chunk.rows.is_empty() {
                continue;
            }
            self.sender.take(&mut chunk);
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
                    replicas: 0,
                    bytes: start..chunk.bytes.len(),
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
        for value in &self.statements[statement] {
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
        session.wait(stop, self.sender.idle())?;
        Ok(self.sender.repeated())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.sending.abort();
    }
}
