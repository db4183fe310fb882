//! Rows of an answer as Arrow arrays, in the types that rows can have (data/schema.h).
use crate::failure::{internal, invalid, Outcome};
use crate::value;
use arrow_array::builder::{
    BinaryBuilder, BooleanBuilder, PrimitiveBuilder, StringBuilder,
};
use arrow_array::types::{
    Date32Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type, Int8Type,
    TimestampMicrosecondType,
};
use arrow_array::{
    ArrayRef, ListArray, MapArray, RecordBatch, RecordBatchOptions, StructArray,
};
use arrow_buffer::{NullBufferBuilder, OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use num_bigint::BigInt;
use scylla::deserialize::row::ColumnIterator;
use scylla::frame::response::result::{CollectionType, ColumnSpec, ColumnType, NativeType};
use scylla::response::query_result::QueryRowsResult;
use std::sync::Arc;
use uuid::Uuid;

pub fn arrow_type(cql: &ColumnType) -> DataType {
    use NativeType as N;
    match cql {
        ColumnType::Native(native) => match native {
            N::Boolean => DataType::Boolean,
            N::TinyInt => DataType::Int8,
            N::SmallInt => DataType::Int16,
            N::Int => DataType::Int32,
            N::BigInt | N::Counter => DataType::Int64,
            N::Float => DataType::Float32,
            N::Double => DataType::Float64,
            N::Blob => DataType::Binary,
            N::Date => DataType::Date32,
            N::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            // Text is the one type that holds all of them exactly.
            _ => DataType::Utf8,
        },
        ColumnType::Collection { typ, .. } => match typ {
            CollectionType::List(item) | CollectionType::Set(item) => list_of(item),
            CollectionType::Map(key, item) => {
                let entry = Fields::from(vec![
                    Field::new("key", arrow_type(key), false),
                    Field::new("value", arrow_type(item), true),
                ]);
                DataType::Map(Field::new("entries", DataType::Struct(entry), false).into(), false)
            }
            _ => DataType::Utf8,
        },
        ColumnType::Vector { typ, .. } => list_of(typ),
        ColumnType::UserDefinedType { definition, .. } => DataType::Struct(
            definition
                .field_types
                .iter()
                .map(|(name, cql)| Field::new(name.to_string(), arrow_type(cql), true))
                .collect(),
        ),
        ColumnType::Tuple(items) => DataType::Struct(
            items
                .iter()
                .enumerate()
                .map(|(at, cql)| Field::new(format!("f{}", at + 1), arrow_type(cql), true))
                .collect(),
        ),
        _ => DataType::Utf8,
    }
}

fn list_of(item: &ColumnType) -> DataType {
    DataType::List(Field::new("item", arrow_type(item), true).into())
}

pub fn schema_of<'a>(specs: impl Iterator<Item = &'a ColumnSpec<'a>>) -> SchemaRef {
    let fields: Vec<Field> =
        specs.map(|spec| Field::new(spec.name(), arrow_type(spec.typ()), true)).collect();
    Arc::new(Schema::new(fields))
}

/// A column that is being filled.
enum Column {
    Bool(BooleanBuilder),
    I8(PrimitiveBuilder<Int8Type>),
    I16(PrimitiveBuilder<Int16Type>),
    I32(PrimitiveBuilder<Int32Type>),
    I64(PrimitiveBuilder<Int64Type>),
    F32(PrimitiveBuilder<Float32Type>),
    F64(PrimitiveBuilder<Float64Type>),
    Date(PrimitiveBuilder<Date32Type>),
    Time(PrimitiveBuilder<TimestampMicrosecondType>),
    Text(StringBuilder),
    Bytes(BinaryBuilder),
    List(Box<Column>, Vec<i32>, NullBufferBuilder),
    Map(Box<Column>, Box<Column>, Vec<i32>, NullBufferBuilder),
    Struct(Vec<Column>, NullBufferBuilder),
}

fn fixed<const N: usize>(bytes: &[u8]) -> Outcome<[u8; N]> {
    bytes.try_into().map_err(|_| internal(format!("{} bytes where {N} were expected", bytes.len())))
}

/// The next element with its length before it; None: a null.
fn element<'a>(bytes: &mut &'a [u8]) -> Outcome<Option<&'a [u8]>> {
    let cut_short = || internal("a value is cut short");
    let length = i32::from_be_bytes(fixed(bytes.get(..4).ok_or_else(cut_short)?)?);
    *bytes = &bytes[4..];
    if length < 0 {
        return Ok(None);
    }
    let element = bytes.get(..length as usize).ok_or_else(cut_short)?;
    *bytes = &bytes[length as usize..];
    Ok(Some(element))
}

fn text_of(native: &NativeType, bytes: &[u8]) -> Outcome<String> {
    Ok(match native {
        NativeType::Uuid | NativeType::Timeuuid => {
            Uuid::from_bytes(fixed(bytes)?).hyphenated().to_string()
        }
        NativeType::Inet => value::show_inet(bytes).ok_or_else(|| internal("no IP address"))?,
        NativeType::Varint => BigInt::from_signed_bytes_be(bytes).to_string(),
        NativeType::Decimal => {
            let scale = i32::from_be_bytes(fixed(bytes.get(..4).unwrap_or_default())?);
            value::show_decimal(&BigInt::from_signed_bytes_be(&bytes[4..]), scale)
        }
        NativeType::Time => {
            let nanos = i64::from_be_bytes(fixed(bytes)?);
            if !(0..value::NANOS_A_DAY).contains(&nanos) {
                return Err(internal("no time of day"));
            }
            value::show_time(nanos)
        }
        NativeType::Duration => {
            value::show_duration(bytes).ok_or_else(|| internal("no duration"))?
        }
        _ => std::str::from_utf8(bytes).map_err(|_| invalid("text is not UTF-8"))?.to_string(),
    })
}

impl Column {
    fn new(cql: &ColumnType) -> Column {
        match (cql, arrow_type(cql)) {
            (_, DataType::Boolean) => Column::Bool(BooleanBuilder::new()),
            (_, DataType::Int8) => Column::I8(Default::default()),
            (_, DataType::Int16) => Column::I16(Default::default()),
            (_, DataType::Int32) => Column::I32(Default::default()),
            (_, DataType::Int64) => Column::I64(Default::default()),
            (_, DataType::Float32) => Column::F32(Default::default()),
            (_, DataType::Float64) => Column::F64(Default::default()),
            (_, DataType::Date32) => Column::Date(Default::default()),
            (_, DataType::Timestamp(_, _)) => Column::Time(Default::default()),
            (_, DataType::Binary) => Column::Bytes(BinaryBuilder::new()),
            (
                ColumnType::Collection {
                    typ: CollectionType::List(item) | CollectionType::Set(item), ..
                }
                | ColumnType::Vector { typ: item, .. },
                _,
            ) => Column::List(Box::new(Column::new(item)), vec![0], NullBufferBuilder::new(0)),
            (ColumnType::Collection { typ: CollectionType::Map(key, item), .. }, _) => Column::Map(
                Box::new(Column::new(key)),
                Box::new(Column::new(item)),
                vec![0],
                NullBufferBuilder::new(0),
            ),
            (ColumnType::UserDefinedType { definition, .. }, _) => Column::Struct(
                definition.field_types.iter().map(|(_, cql)| Column::new(cql)).collect(),
                NullBufferBuilder::new(0),
            ),
            (ColumnType::Tuple(items), _) => {
                Column::Struct(items.iter().map(Column::new).collect(), NullBufferBuilder::new(0))
            }
            _ => Column::Text(StringBuilder::new()),
        }
    }

    fn put_null(&mut self) {
        match self {
            Column::Bool(column) => column.append_null(),
            Column::I8(column) => column.append_null(),
            Column::I16(column) => column.append_null(),
            Column::I32(column) => column.append_null(),
            Column::I64(column) => column.append_null(),
            Column::F32(column) => column.append_null(),
            Column::F64(column) => column.append_null(),
            Column::Date(column) => column.append_null(),
            Column::Time(column) => column.append_null(),
            Column::Text(column) => column.append_null(),
            Column::Bytes(column) => column.append_null(),
            Column::List(_, offsets, valid) | Column::Map(_, _, offsets, valid) => {
                offsets.push(*offsets.last().unwrap());
                valid.append_null();
            }
            Column::Struct(fields, valid) => {
                fields.iter_mut().for_each(Column::put_null);
                valid.append_null();
            }
        }
    }

    fn put(&mut self, cql: &ColumnType, bytes: Option<&[u8]>) -> Outcome<()> {
        let Some(mut bytes) = bytes else {
            self.put_null();
            return Ok(());
        };
        // An empty value of a type that has none, from days of Thrift: as good as null.
        let may_be_empty = matches!(
            cql,
            ColumnType::Native(NativeType::Text | NativeType::Ascii | NativeType::Blob)
                | ColumnType::UserDefinedType { .. } | ColumnType::Tuple(_)
        );
        if bytes.is_empty() && !may_be_empty {
            self.put_null();
            return Ok(());
        }
        match self {
            Column::Bool(column) => column.append_value(bytes[0] != 0),
            Column::I8(column) => column.append_value(i8::from_be_bytes(fixed(bytes)?)),
            Column::I16(column) => column.append_value(i16::from_be_bytes(fixed(bytes)?)),
            Column::I32(column) => column.append_value(i32::from_be_bytes(fixed(bytes)?)),
            Column::I64(column) => column.append_value(i64::from_be_bytes(fixed(bytes)?)),
            Column::F32(column) => column.append_value(f32::from_be_bytes(fixed(bytes)?)),
            Column::F64(column) => column.append_value(f64::from_be_bytes(fixed(bytes)?)),
            Column::Date(column) => {
                column.append_value(value::get_date(u32::from_be_bytes(fixed(bytes)?)))
            }
            Column::Time(column) => {
                let millis = i64::from_be_bytes(fixed(bytes)?);
                let micros = millis.checked_mul(1000);
                column.append_value(micros.ok_or_else(|| invalid("a timestamp is out of range"))?)
            }
            Column::Text(column) => match cql {
                ColumnType::Native(NativeType::Text | NativeType::Ascii) => column.append_value(
                    std::str::from_utf8(bytes).map_err(|_| invalid("text is not UTF-8"))?,
                ),
                ColumnType::Native(native) => column.append_value(text_of(native, bytes)?),
                _ => return Err(invalid("a type that this client does not know")),
            },
            Column::Bytes(column) => column.append_value(bytes),
            Column::List(column, offsets, valid) => {
                let count = put_elements(column, cql, &mut bytes)?;
                offsets.push(offsets.last().unwrap() + count);
                valid.append_non_null();
            }
            Column::Map(keys, values, offsets, valid) => {
                let ColumnType::Collection { typ: CollectionType::Map(key, item), .. } = cql else {
                    return Err(internal("no map"));
                };
                let count = i32::from_be_bytes(fixed(&bytes[..4])?);
                bytes = &bytes[4..];
                for _ in 0..count {
                    keys.put(key, element(&mut bytes)?)?;
                    values.put(item, element(&mut bytes)?)?;
                }
                offsets.push(offsets.last().unwrap() + count);
                valid.append_non_null();
            }
            Column::Struct(fields, valid) => {
                for (at, field) in fields.iter_mut().enumerate() {
                    let cql = match cql {
                        ColumnType::Tuple(items) => &items[at],
                        ColumnType::UserDefinedType { definition, .. } => {
                            &definition.field_types[at].1
                        }
                        _ => return Err(internal("no struct")),
                    };
                    // Fields that a type got later are not there.
                    let value = if bytes.is_empty() { None } else { element(&mut bytes)? };
                    field.put(cql, value)?;
                }
                valid.append_non_null();
            }
        }
        Ok(())
    }

    fn finish(&mut self, data_type: &DataType) -> Outcome<ArrayRef> {
        let taken = |offsets: &mut Vec<i32>| {
            OffsetBuffer::new(ScalarBuffer::from(std::mem::replace(offsets, vec![0])))
        };
        Ok(match self {
            Column::Bool(column) => Arc::new(column.finish()),
            Column::I8(column) => Arc::new(column.finish()),
            Column::I16(column) => Arc::new(column.finish()),
            Column::I32(column) => Arc::new(column.finish()),
            Column::I64(column) => Arc::new(column.finish()),
            Column::F32(column) => Arc::new(column.finish()),
            Column::F64(column) => Arc::new(column.finish()),
            Column::Date(column) => Arc::new(column.finish()),
            Column::Time(column) => Arc::new(column.finish().with_timezone("UTC")),
            Column::Text(column) => Arc::new(column.finish()),
            Column::Bytes(column) => Arc::new(column.finish()),
            Column::List(item, offsets, valid) => {
                let DataType::List(field) = data_type else { return Err(internal("no list")) };
                let values = item.finish(field.data_type())?;
                Arc::new(
                    ListArray::try_new(field.clone(), taken(offsets), values, valid.finish())
                        .map_err(internal)?,
                )
            }
            Column::Map(key, item, offsets, valid) => {
                let DataType::Map(field, _) = data_type else { return Err(internal("no map")) };
                let DataType::Struct(entry) = field.data_type() else {
                    return Err(internal("no entries"));
                };
                let columns =
                    vec![key.finish(entry[0].data_type())?, item.finish(entry[1].data_type())?];
                let entries =
                    StructArray::try_new(entry.clone(), columns, None).map_err(internal)?;
                Arc::new(
                    MapArray::try_new(field.clone(), taken(offsets), entries, valid.finish(), false)
                        .map_err(internal)?,
                )
            }
            Column::Struct(columns, valid) => {
                let DataType::Struct(fields) = data_type else {
                    return Err(internal("no struct"));
                };
                let mut arrays = Vec::new();
                for (column, field) in columns.iter_mut().zip(fields) {
                    arrays.push(column.finish(field.data_type())?);
                }
                Arc::new(
                    StructArray::try_new(fields.clone(), arrays, valid.finish())
                        .map_err(internal)?,
                )
            }
        })
    }
}

fn put_elements(column: &mut Column, cql: &ColumnType, bytes: &mut &[u8]) -> Outcome<i32> {
    match cql {
        ColumnType::Collection {
            typ: CollectionType::List(item) | CollectionType::Set(item), ..
        } => {
            let count = i32::from_be_bytes(fixed(bytes.get(..4).unwrap_or_default())?);
            *bytes = &bytes[4..];
            for _ in 0..count {
                column.put(item, element(bytes)?)?;
            }
            Ok(count)
        }
        ColumnType::Vector { typ, dimensions } => {
            let size = match &**typ {
                ColumnType::Native(native) => native.type_size_for_vector(),
                _ => None,
            };
            for _ in 0..*dimensions {
                let length = match size {
                    Some(size) => size,
                    None => value::get_vint(bytes)
                        .ok_or_else(|| internal("a vector is cut short"))? as usize,
                };
                let one = bytes.get(..length).ok_or_else(|| internal("a vector is cut short"))?;
                column.put(typ, Some(one))?;
                *bytes = &bytes[length..];
            }
            Ok(i32::from(*dimensions))
        }
        _ => Err(internal("no list")),
    }
}

/// What tells whether two sets of rows are equal, in whatever order they come.
#[derive(Default, Clone, Copy)]
pub struct Digest {
    pub sum: u128,
    pub rows: i64,
}

/// All rows of an answer. `digest` grows by them.
pub fn batch_of(
    rows: &QueryRowsResult,
    schema: &SchemaRef,
    digest: Option<&mut Digest>,
) -> Outcome<RecordBatch> {
    let types: Vec<&ColumnType> = rows.column_specs().iter().map(|spec| spec.typ()).collect();
    let mut columns: Vec<Column> = types.iter().map(|cql| Column::new(cql)).collect();
    let mut sum = Digest::default();
    let mut raw = Vec::new();
    for row in rows.rows::<ColumnIterator>().map_err(internal)? {
        raw.clear();
        for (at, cell) in row.map_err(internal)?.enumerate() {
            let slice = cell.map_err(internal)?.slice.map(|slice| slice.as_slice());
            raw.extend_from_slice(&slice.map_or(-1, |bytes| bytes.len() as i32).to_be_bytes());
            raw.extend_from_slice(slice.unwrap_or_default());
            columns[at]
                .put(types[at], slice)
                .map_err(|error| error.context(&format!("column {}", schema.field(at).name())))?;
        }
        if digest.is_some() {
            sum.sum = sum.sum.wrapping_add(twox_hash::XxHash3_128::oneshot(&raw));
        }
        sum.rows += 1;
    }
    let mut arrays = Vec::new();
    for (column, field) in columns.iter_mut().zip(schema.fields()) {
        arrays.push(column.finish(field.data_type())?);
    }
    if let Some(digest) = digest {
        digest.sum = digest.sum.wrapping_add(sum.sum);
        digest.rows += sum.rows;
    }
    let options = RecordBatchOptions::new().with_row_count(Some(sum.rows as usize));
    RecordBatch::try_new_with_options(schema.clone(), arrays, &options).map_err(internal)
}
