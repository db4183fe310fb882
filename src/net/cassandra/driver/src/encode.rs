//! Arrow values as CQL has them on the wire.
use crate::value;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type,
    Int8Type, TimestampMicrosecondType,
};
use arrow_array::Array;
use arrow_schema::{DataType, TimeUnit};
use num_bigint::BigInt;
use scylla::frame::response::result::{CollectionType, ColumnType, NativeType};
use uuid::Uuid;

/// What an Arrow array has in one place; only the types that rows can have (data/schema.h).
enum Value<'a> {
    Bool(bool),
    Int(i64),
    Decimal(i128, i32),
    Float(f32),
    Double(f64),
    Text(&'a str),
    Bytes(&'a [u8]),
    Days(i32),
    Micros(i64),
}

/// Why a value does not fit, as the end of "'x' …".
type Fit = Result<(), &'static str>;

fn value_at(array: &dyn Array, row: usize) -> Option<Value<'_>> {
    Some(match array.data_type() {
        DataType::Boolean => Value::Bool(array.as_boolean().value(row)),
        DataType::Int8 => Value::Int(array.as_primitive::<Int8Type>().value(row).into()),
        DataType::Int16 => Value::Int(array.as_primitive::<Int16Type>().value(row).into()),
        DataType::Int32 => Value::Int(array.as_primitive::<Int32Type>().value(row).into()),
        DataType::Int64 => Value::Int(array.as_primitive::<Int64Type>().value(row)),
        DataType::Float32 => Value::Float(array.as_primitive::<Float32Type>().value(row)),
        DataType::Float64 => Value::Double(array.as_primitive::<Float64Type>().value(row)),
        DataType::Decimal128(_, scale) => {
            Value::Decimal(array.as_primitive::<Decimal128Type>().value(row), i32::from(*scale))
        }
        DataType::Utf8 => Value::Text(array.as_string::<i32>().value(row)),
        DataType::LargeUtf8 => Value::Text(array.as_string::<i64>().value(row)),
        DataType::Binary => Value::Bytes(array.as_binary::<i32>().value(row)),
        DataType::LargeBinary => Value::Bytes(array.as_binary::<i64>().value(row)),
        DataType::Date32 => Value::Days(array.as_primitive::<Date32Type>().value(row)),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            Value::Micros(array.as_primitive::<TimestampMicrosecondType>().value(row))
        }
        _ => return None,
    })
}

/// The column's name in SQL, for messages.
pub fn name_of(data_type: &DataType) -> String {
    match data_type {
        DataType::Boolean => "BOOLEAN".into(),
        DataType::Int8 => "TINYINT".into(),
        DataType::Int16 => "SMALLINT".into(),
        DataType::Int32 => "INTEGER".into(),
        DataType::Int64 => "BIGINT".into(),
        DataType::Float32 => "FLOAT".into(),
        DataType::Float64 => "DOUBLE".into(),
        DataType::Decimal128(precision, scale) => format!("DECIMAL({precision},{scale})"),
        DataType::Utf8 | DataType::LargeUtf8 => "VARCHAR".into(),
        DataType::Binary | DataType::LargeBinary => "BLOB".into(),
        DataType::Date32 => "DATE".into(),
        DataType::Timestamp(_, None) => "TIMESTAMP".into(),
        DataType::Timestamp(_, Some(_)) => "TIMESTAMPTZ".into(),
        DataType::List(item) | DataType::LargeList(item) => {
            format!("{}[]", name_of(item.data_type()))
        }
        DataType::Map(_, _) => "MAP".into(),
        DataType::Struct(_) => "STRUCT".into(),
        other => other.to_string(),
    }
}

pub fn cql_name(cql: &ColumnType) -> String {
    match cql {
        ColumnType::Native(native) => format!("{native:?}").to_lowercase(),
        ColumnType::Collection { typ, .. } => match typ {
            CollectionType::List(item) => format!("list<{}>", cql_name(item)),
            CollectionType::Set(item) => format!("set<{}>", cql_name(item)),
            CollectionType::Map(key, item) => {
                format!("map<{}, {}>", cql_name(key), cql_name(item))
            }
            _ => "collection".into(),
        },
        ColumnType::Vector { typ, dimensions } => {
            format!("vector<{}, {dimensions}>", cql_name(typ))
        }
        ColumnType::UserDefinedType { definition, .. } => definition.name.to_string(),
        ColumnType::Tuple(items) => {
            let names: Vec<_> = items.iter().map(cql_name).collect();
            format!("tuple<{}>", names.join(", "))
        }
        other => format!("{other:?}"),
    }
}

fn native_takes(native: &NativeType, data_type: &DataType) -> bool {
    use NativeType as N;
    let number = data_type.is_integer() || matches!(data_type, DataType::Decimal128(_, _));
    let text = matches!(data_type, DataType::Utf8 | DataType::LargeUtf8);
    let bytes = matches!(data_type, DataType::Binary | DataType::LargeBinary);
    let time = matches!(data_type, DataType::Timestamp(_, _));
    match native {
        N::Counter => false,
        N::Ascii | N::Text => text,
        N::TinyInt | N::SmallInt | N::Int | N::BigInt | N::Varint => number || text,
        N::Float | N::Double | N::Decimal => number || data_type.is_floating() || text,
        N::Boolean => *data_type == DataType::Boolean || text,
        N::Blob => bytes,
        N::Date => *data_type == DataType::Date32 || text,
        N::Timestamp => time || *data_type == DataType::Date32 || text,
        N::Uuid | N::Timeuuid => text || bytes,
        N::Time | N::Inet | N::Duration => text,
        _ => false,
    }
}

/// Whether values of one can become values of the other; else why not.
pub fn check(cql: &ColumnType, data_type: &DataType) -> Result<(), String> {
    let refused = || Err(format!("{} cannot become {}", name_of(data_type), cql_name(cql)));
    match (cql, data_type) {
        (ColumnType::Native(NativeType::Counter), _) => {
            Err("a counter cannot be set, only counted up: it cannot be written twice".into())
        }
        (ColumnType::Native(native), _) => {
            if native_takes(native, data_type) { Ok(()) } else { refused() }
        }
        (
            ColumnType::Collection {
                typ: CollectionType::List(item) | CollectionType::Set(item), ..
            }
            | ColumnType::Vector { typ: item, .. },
            DataType::List(field) | DataType::LargeList(field),
        ) => check(item, field.data_type()),
        (ColumnType::Collection { typ: CollectionType::Map(key, item), .. }, DataType::Map(of, _)) => {
            let DataType::Struct(entry) = of.data_type() else { return refused() };
            check(key, entry[0].data_type())?;
            check(item, entry[1].data_type())
        }
        (ColumnType::UserDefinedType { definition, .. }, DataType::Struct(fields)) => {
            for field in fields {
                let known = definition.field_types.iter().find(|(name, _)| name == field.name());
                let Some((_, cql)) = known else {
                    return Err(format!("{} has no field {}", definition.name, field.name()));
                };
                check(cql, field.data_type())?;
            }
            Ok(())
        }
        (ColumnType::Tuple(items), DataType::Struct(fields)) if items.len() == fields.len() => {
            items.iter().zip(fields).try_for_each(|(cql, field)| check(cql, field.data_type()))
        }
        _ => refused(),
    }
}

fn put_int(value: i64, native: &NativeType, out: &mut Vec<u8>) -> Fit {
    const TOO_LARGE: &str = "is out of range";
    match native {
        NativeType::TinyInt => {
            out.extend_from_slice(&i8::try_from(value).map_err(|_| TOO_LARGE)?.to_be_bytes())
        }
        NativeType::SmallInt => {
            out.extend_from_slice(&i16::try_from(value).map_err(|_| TOO_LARGE)?.to_be_bytes())
        }
        NativeType::Int => {
            out.extend_from_slice(&i32::try_from(value).map_err(|_| TOO_LARGE)?.to_be_bytes())
        }
        _ => out.extend_from_slice(&value.to_be_bytes()),
    }
    Ok(())
}

fn whole_of(unscaled: i128, scale: i32) -> Option<i128> {
    let unit = 10i128.checked_pow(u32::try_from(scale).ok()?)?;
    (unscaled % unit == 0).then_some(unscaled / unit)
}

fn put_whole(native: &NativeType, value: &Value, out: &mut Vec<u8>) -> Fit {
    const NO_NUMBER: &str = "is not a whole number";
    let small = match value {
        Value::Int(value) => *value,
        Value::Decimal(unscaled, scale) => {
            let whole = whole_of(*unscaled, *scale).ok_or(NO_NUMBER)?;
            i64::try_from(whole).map_err(|_| "is out of range")?
        }
        Value::Text(text) => text.trim().parse().map_err(|_| NO_NUMBER)?,
        _ => return Err(NO_NUMBER),
    };
    put_int(small, native, out)
}

fn put_varint(value: &Value, out: &mut Vec<u8>) -> Fit {
    let big: BigInt = match value {
        Value::Int(value) => (*value).into(),
        Value::Decimal(unscaled, scale) => {
            whole_of(*unscaled, *scale).ok_or("is not a whole number")?.into()
        }
        Value::Text(text) => text.trim().parse().map_err(|_| "is not a whole number")?,
        _ => return Err("is not a whole number"),
    };
    out.extend_from_slice(&big.to_signed_bytes_be());
    Ok(())
}

fn double_of(value: &Value) -> Result<f64, &'static str> {
    Ok(match value {
        Value::Int(value) => *value as f64,
        // By way of its digits: the nearest double, which a division may miss.
        Value::Decimal(unscaled, scale) => {
            value::show_decimal(&(*unscaled).into(), *scale).parse().map_err(|_| "is no number")?
        }
        Value::Float(value) => f64::from(*value),
        Value::Double(value) => *value,
        Value::Text(text) => text.trim().parse().map_err(|_| "is no number")?,
        _ => return Err("is no number"),
    })
}

fn put_float(value: &Value, out: &mut Vec<u8>) -> Fit {
    let narrow = match value {
        Value::Float(value) => *value,
        Value::Text(text) => text.trim().parse().map_err(|_| "is no number")?,
        other => {
            let wide = double_of(other)?;
            let narrow = wide as f32;
            if narrow.is_infinite() && wide.is_finite() {
                return Err("is out of range");
            }
            narrow
        }
    };
    out.extend_from_slice(&narrow.to_be_bytes());
    Ok(())
}

fn put_decimal(value: &Value, out: &mut Vec<u8>) -> Fit {
    let (unscaled, scale) = match value {
        Value::Int(value) => ((*value).into(), 0),
        Value::Decimal(unscaled, scale) => ((*unscaled).into(), *scale),
        Value::Text(text) => value::parse_decimal(text.trim()).ok_or("is no number")?,
        Value::Float(value) => value::parse_decimal(&value.to_string()).ok_or("is no number")?,
        Value::Double(value) => value::parse_decimal(&value.to_string()).ok_or("is no number")?,
        _ => return Err("is no number"),
    };
    value::put_decimal(&unscaled, scale, out);
    Ok(())
}

fn put_uuid(of_time: bool, value: &Value, out: &mut Vec<u8>) -> Fit {
    let uuid = match value {
        Value::Text(text) => Uuid::try_parse(text.trim()).map_err(|_| "is no UUID")?,
        Value::Bytes(bytes) => Uuid::from_slice(bytes).map_err(|_| "is no UUID of 16 bytes")?,
        _ => return Err("is no UUID"),
    };
    if of_time && uuid.get_version_num() != 1 {
        return Err("is no UUID of version 1");
    }
    out.extend_from_slice(uuid.as_bytes());
    Ok(())
}

fn put_native(native: &NativeType, value: &Value, out: &mut Vec<u8>) -> Fit {
    use NativeType as N;
    match (native, value) {
        (N::Text, Value::Text(text)) => out.extend_from_slice(text.as_bytes()),
        (N::Ascii, Value::Text(text)) if text.is_ascii() => out.extend_from_slice(text.as_bytes()),
        (N::Ascii, _) => return Err("has characters that are not ASCII"),
        (N::TinyInt | N::SmallInt | N::Int | N::BigInt, value) => {
            return put_whole(native, value, out)
        }
        (N::Varint, value) => return put_varint(value, out),
        (N::Decimal, value) => return put_decimal(value, out),
        (N::Float, value) => return put_float(value, out),
        (N::Double, value) => out.extend_from_slice(&double_of(value)?.to_be_bytes()),
        (N::Boolean, Value::Bool(value)) => out.push(u8::from(*value)),
        (N::Boolean, Value::Text(text)) => match text.trim().to_ascii_lowercase().as_str() {
            "true" => out.push(1),
            "false" => out.push(0),
            _ => return Err("is neither true nor false"),
        },
        (N::Blob, Value::Bytes(bytes)) => out.extend_from_slice(bytes),
        (N::Date, Value::Days(days)) => value::put_date(*days, out),
        (N::Date, Value::Text(text)) => {
            value::put_date(value::parse_date(text.trim()).ok_or("is no date like 2026-11-21")?, out)
        }
        (N::Timestamp, Value::Micros(micros)) => {
            out.extend_from_slice(&micros.div_euclid(1000).to_be_bytes())
        }
        (N::Timestamp, Value::Days(days)) => {
            out.extend_from_slice(&(i64::from(*days) * 86_400_000).to_be_bytes())
        }
        (N::Timestamp, Value::Text(text)) => {
            let millis = value::parse_timestamp(text.trim());
            out.extend_from_slice(
                &millis.ok_or("is no time like 2026-11-21T05:17:00.123Z")?.to_be_bytes(),
            )
        }
        (N::Time, Value::Text(text)) => {
            let nanos = value::parse_time(text.trim()).ok_or("is no time of day like 05:17:00.123")?;
            out.extend_from_slice(&nanos.to_be_bytes())
        }
        (N::Uuid, value) => return put_uuid(false, value, out),
        (N::Timeuuid, value) => return put_uuid(true, value, out),
        (N::Inet, Value::Text(text)) => {
            if !value::put_inet(text.trim(), out) {
                return Err("is no IP address");
            }
        }
        (N::Duration, Value::Text(text)) => {
            if !value::put_duration(text.trim(), out) {
                return Err("is no duration like 1mo2d3h");
            }
        }
        _ => return Err("does not fit"),
    }
    Ok(())
}

fn length_at(out: &mut [u8], at: usize) -> Fit {
    let length = i32::try_from(out.len() - at - 4).map_err(|_| "is longer than 2 GB")?;
    out[at..at + 4].copy_from_slice(&length.to_be_bytes());
    Ok(())
}

/// With its length before it; a null is -1.
pub fn put_cell(cql: &ColumnType, array: &dyn Array, row: usize, out: &mut Vec<u8>) -> Fit {
    if array.is_null(row) {
        out.extend_from_slice(&(-1i32).to_be_bytes());
        return Ok(());
    }
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    put_content(cql, array, row, out)?;
    length_at(out, at)
}

fn put_list(item: &ColumnType, values: &dyn Array, out: &mut Vec<u8>) -> Fit {
    if values.null_count() > 0 {
        return Err("has a null in it, which a collection cannot hold");
    }
    out.extend_from_slice(&(values.len() as i32).to_be_bytes());
    (0..values.len()).try_for_each(|row| put_cell(item, values, row, out))
}

fn put_vector(item: &ColumnType, dimensions: u16, values: &dyn Array, out: &mut Vec<u8>) -> Fit {
    if values.len() != usize::from(dimensions) {
        return Err("does not have as many elements as the vector");
    }
    if values.null_count() > 0 {
        return Err("has a null in it, which a vector cannot hold");
    }
    let fixed = match item {
        ColumnType::Native(native) => native.type_size_for_vector().is_some(),
        _ => false,
    };
    for row in 0..values.len() {
        if fixed {
            put_content(item, values, row, out)?;
        } else {
            let mut element = Vec::new();
            put_content(item, values, row, &mut element)?;
            value::put_vint(element.len() as u64, out);
            out.extend_from_slice(&element);
        }
    }
    Ok(())
}

fn put_content(cql: &ColumnType, array: &dyn Array, row: usize, out: &mut Vec<u8>) -> Fit {
    let items = || match array.data_type() {
        DataType::List(_) => Some(array.as_list::<i32>().value(row)),
        DataType::LargeList(_) => Some(array.as_list::<i64>().value(row)),
        _ => None,
    };
    match cql {
        ColumnType::Native(native) => {
            put_native(native, &value_at(array, row).ok_or("does not fit")?, out)
        }
        ColumnType::Collection {
            typ: CollectionType::List(item) | CollectionType::Set(item), ..
        } => put_list(item, &items().ok_or("does not fit")?, out),
        ColumnType::Vector { typ, dimensions } => {
            put_vector(typ, *dimensions, &items().ok_or("does not fit")?, out)
        }
        ColumnType::Collection { typ: CollectionType::Map(key, item), .. } => {
            let entries = array.as_map().value(row);
            let (keys, values) = (entries.column(0), entries.column(1));
            if keys.null_count() + values.null_count() > 0 {
                return Err("has a null in it, which a collection cannot hold");
            }
            out.extend_from_slice(&(entries.len() as i32).to_be_bytes());
            for entry in 0..entries.len() {
                put_cell(key, keys, entry, out)?;
                put_cell(item, values, entry, out)?;
            }
            Ok(())
        }
        ColumnType::UserDefinedType { definition, .. } => {
            let fields = array.as_struct();
            for (name, cql) in &definition.field_types {
                match fields.column_by_name(name) {
                    Some(values) => put_cell(cql, values, row, out)?,
                    None => out.extend_from_slice(&(-1i32).to_be_bytes()),
                }
            }
            Ok(())
        }
        ColumnType::Tuple(items) => {
            let fields = array.as_struct();
            items.iter().zip(fields.columns()).try_for_each(|(cql, values)| {
                put_cell(cql, values, row, out)
            })
        }
        _ => Err("does not fit"),
    }
}

/// The value as messages show it: cut short.
pub fn show(array: &dyn Array, row: usize) -> String {
    const MOST: usize = 60;
    let text = match value_at(array, row) {
        Some(Value::Text(text)) => format!("'{text}'"),
        Some(Value::Int(value)) => value.to_string(),
        Some(Value::Decimal(unscaled, scale)) => value::show_decimal(&unscaled.into(), scale),
        Some(Value::Float(value)) => value.to_string(),
        Some(Value::Double(value)) => value.to_string(),
        Some(Value::Bytes(bytes)) => format!("a BLOB of {} bytes", bytes.len()),
        _ => format!("the {}", name_of(array.data_type())),
    };
    match text.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}
