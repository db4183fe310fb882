//! The C interface of driver.h. No panic crosses it, and no value but whole Arrow arrays.
mod decode;
mod encode;
mod failure;
mod scan;
mod sender;
mod session;
mod stop;
mod value;
mod writer;

use arrow_array::ffi::{from_ffi_and_data_type, to_ffi, FFI_ArrowArray, FFI_ArrowSchema};
use arrow_array::{Array, RecordBatch, StructArray};
use arrow_schema::{DataType, Schema};
use failure::{internal, invalid, Outcome};
use scan::Scan;
use session::{Retry, Session};
use std::ffi::{c_char, CStr, CString};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::time::Duration;
use stop::Stop;
use writer::Writer;

#[repr(C)]
pub struct McqlError {
    text: *mut c_char,
}

#[repr(C)]
pub struct McqlOptions {
    hosts: *const *const c_char,
    host_count: i32,
    local_dc: *const c_char,
    user: *const c_char,
    password: *const c_char,
    tls: i32,
    ca_file: *const c_char,
    cert_file: *const c_char,
    key_file: *const c_char,
    verify: i32,
    connect_timeout_ms: i64,
    request_timeout_ms: i64,
    compression: i32,
    connections: i32,
    threads: i32,
}

#[repr(C)]
pub struct McqlStatement {
    cql: *const c_char,
    values: *const i32,
    value_count: i32,
}

#[repr(C)]
pub struct McqlWriterOptions {
    upsert: McqlStatement,
    remove: McqlStatement,
    remove_column: i32,
    keys: *const i32,
    key_count: i32,
    skip_nulls: i32,
    repeatable: i32,
    consistency: i32,
    in_flight: i32,
    batch_rows: i32,
    retries: i32,
    first_pause_ms: i64,
    longest_pause_ms: i64,
    speculative_after_ms: i64,
    speculative_most: i32,
}

#[repr(C)]
pub struct McqlScanOptions {
    cql: *const c_char,
    ranges: i32,
    parallel: i32,
    page_rows: i32,
    consistency: i32,
    retries: i32,
    first_pause_ms: i64,
    longest_pause_ms: i64,
}

pub struct McqlWriter {
    writer: Writer,
    session: *const Session,
}

pub struct McqlScan {
    scan: Scan,
    session: *const Session,
}

/// Runs `work`; its failure, or a panic in it, is told by the number and the text.
fn guarded(error: *mut McqlError, work: impl FnOnce() -> Outcome<()>) -> i32 {
    let outcome = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let words = panic.downcast_ref::<String>().map(String::as_str);
        let words = words.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(internal(format!("the CQL client panicked: {}", words.unwrap_or("no reason"))))
    });
    let Err(failure) = outcome else { return 0 };
    if let Some(error) = unsafe { error.as_mut() } {
        let text = failure.text.replace('\0', " ");
        error.text = CString::new(text).map_or(std::ptr::null_mut(), CString::into_raw);
    }
    failure.kind as i32
}

unsafe fn text(pointer: *const c_char) -> Outcome<String> {
    if pointer.is_null() {
        return Ok(String::new());
    }
    let text = CStr::from_ptr(pointer).to_str();
    text.map(str::to_string).map_err(|_| invalid("a text is not UTF-8"))
}

unsafe fn numbers<'a>(pointer: *const i32, count: i32) -> &'a [i32] {
    if count <= 0 {
        return &[];
    }
    std::slice::from_raw_parts(pointer, count as usize)
}

fn millis(count: i64) -> Duration {
    Duration::from_millis(count.max(0) as u64)
}

unsafe fn give(
    batch: RecordBatch,
    schema: *mut FFI_ArrowSchema,
    array: *mut FFI_ArrowArray,
) -> Outcome<()> {
    let rows: StructArray = batch.into();
    let (ffi_array, ffi_schema) = to_ffi(&rows.to_data()).map_err(internal)?;
    if !schema.is_null() {
        std::ptr::write(schema, ffi_schema);
    }
    if !array.is_null() {
        std::ptr::write(array, ffi_array);
    }
    Ok(())
}

#[no_mangle]
pub unsafe extern "C" fn mcql_free_text(text: *mut c_char) {
    if !text.is_null() {
        drop(CString::from_raw(text));
    }
}

#[no_mangle]
pub extern "C" fn mcql_stop_new() -> *mut Stop {
    Box::into_raw(Box::default())
}

#[no_mangle]
pub unsafe extern "C" fn mcql_stop_request(stop: *mut Stop) {
    (*stop).request();
}

#[no_mangle]
pub unsafe extern "C" fn mcql_stop_free(stop: *mut Stop) {
    drop(Box::from_raw(stop));
}

#[no_mangle]
pub unsafe extern "C" fn mcql_connect(
    options: *const McqlOptions,
    stop: *const Stop,
    session: *mut *mut Session,
    error: *mut McqlError,
) -> i32 {
    guarded(error, || {
        let given = &*options;
        let mut hosts = Vec::new();
        for at in 0..given.host_count as usize {
            hosts.push(text(*given.hosts.add(at))?);
        }
        let options = session::Options {
            hosts,
            local_dc: text(given.local_dc)?,
            user: text(given.user)?,
            password: text(given.password)?,
            tls: given.tls != 0,
            ca_file: text(given.ca_file)?,
            cert_file: text(given.cert_file)?,
            key_file: text(given.key_file)?,
            verify: given.verify,
            connect_timeout: millis(given.connect_timeout_ms),
            request_timeout: millis(given.request_timeout_ms),
            compression: given.compression,
            connections: given.connections as usize,
            threads: given.threads as usize,
        };
        *session = Box::into_raw(Box::new(Session::connect(&options, stop.as_ref())?));
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn mcql_close(session: *mut Session) {
    if !session.is_null() {
        guarded(std::ptr::null_mut(), || {
            drop(Box::from_raw(session));
            Ok(())
        });
    }
}

#[no_mangle]
pub unsafe extern "C" fn mcql_query(
    session: *const Session,
    cql: *const c_char,
    consistency: i32,
    stop: *const Stop,
    schema: *mut FFI_ArrowSchema,
    array: *mut FFI_ArrowArray,
    error: *mut McqlError,
) -> i32 {
    guarded(error, || {
        let rows = (*session).query(&text(cql)?, consistency, stop.as_ref())?;
        if schema.is_null() && array.is_null() {
            return Ok(());
        }
        give(rows.ok_or_else(|| invalid("the statement gives no rows"))?, schema, array)
    })
}

unsafe fn statement(given: &McqlStatement) -> Outcome<writer::StatementOptions> {
    let values = numbers(given.values, given.value_count).to_vec();
    Ok(writer::StatementOptions { cql: text(given.cql)?, values })
}

#[no_mangle]
pub unsafe extern "C" fn mcql_writer_open(
    session: *const Session,
    options: *const McqlWriterOptions,
    schema: *const FFI_ArrowSchema,
    stop: *const Stop,
    writer: *mut *mut McqlWriter,
    error: *mut McqlError,
) -> i32 {
    guarded(error, || {
        let given = &*options;
        let after = given.speculative_after_ms;
        let options = writer::Options {
            upsert: statement(&given.upsert)?,
            remove: match given.remove.value_count {
                0 => None,
                _ => Some(statement(&given.remove)?),
            },
            remove_column: usize::try_from(given.remove_column).ok(),
            keys: numbers(given.keys, given.key_count).iter().map(|key| *key as usize).collect(),
            skip_nulls: given.skip_nulls != 0,
            repeatable: given.repeatable != 0,
            consistency: given.consistency,
            in_flight: given.in_flight.max(1) as usize,
            batch_rows: given.batch_rows.max(1) as usize,
            retry: Retry {
                most: given.retries,
                first: millis(given.first_pause_ms),
                longest: millis(given.longest_pause_ms),
            },
            speculative: (after > 0).then(|| (millis(after), given.speculative_most as usize)),
        };
        let fields = Schema::try_from(&*schema).map_err(internal)?.fields;
        let opened = Writer::open(&*session, options, fields, stop.as_ref())?;
        *writer = Box::into_raw(Box::new(McqlWriter { writer: opened, session }));
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn mcql_write(
    writer: *mut McqlWriter,
    array: *mut FFI_ArrowArray,
    first_timestamp: i64,
    stop: *const Stop,
    misfits_schema: *mut FFI_ArrowSchema,
    misfits: *mut FFI_ArrowArray,
    error: *mut McqlError,
) -> i32 {
    let taken = FFI_ArrowArray::from_raw(array);
    guarded(error, || {
        let McqlWriter { writer, session } = &mut *writer;
        let data = from_ffi_and_data_type(taken, writer.data_type()).map_err(internal)?;
        let rows = StructArray::from(data);
        let found = writer.write(&**session, &rows, first_timestamp, stop.as_ref())?;
        give(found.batch(), misfits_schema, misfits)
    })
}

#[no_mangle]
pub unsafe extern "C" fn mcql_flush(
    writer: *mut McqlWriter,
    stop: *const Stop,
    repeated: *mut i64,
    error: *mut McqlError,
) -> i32 {
    guarded(error, || {
        let McqlWriter { writer, session } = &*writer;
        *repeated = writer.flush(&**session, stop.as_ref())?;
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn mcql_writer_close(writer: *mut McqlWriter) {
    if !writer.is_null() {
        drop(Box::from_raw(writer));
    }
}

#[no_mangle]
pub unsafe extern "C" fn mcql_scan_open(
    session: *const Session,
    options: *const McqlScanOptions,
    stop: *const Stop,
    scan: *mut *mut McqlScan,
    schema: *mut FFI_ArrowSchema,
    error: *mut McqlError,
) -> i32 {
    guarded(error, || {
        let given = &*options;
        let options = scan::Options {
            cql: text(given.cql)?,
            ranges: given.ranges.max(0) as usize,
            parallel: given.parallel.max(1) as usize,
            page_rows: given.page_rows,
            consistency: given.consistency,
            retry: Retry {
                most: given.retries,
                first: millis(given.first_pause_ms),
                longest: millis(given.longest_pause_ms),
            },
        };
        let opened = Scan::open(&*session, options, stop.as_ref())?;
        let columns = DataType::Struct(opened.schema().fields().clone());
        std::ptr::write(schema, FFI_ArrowSchema::try_from(&columns).map_err(internal)?);
        *scan = Box::into_raw(Box::new(McqlScan { scan: opened, session }));
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn mcql_scan_next(
    scan: *mut McqlScan,
    stop: *const Stop,
    array: *mut FFI_ArrowArray,
    error: *mut McqlError,
) -> i32 {
    guarded(error, || {
        let McqlScan { scan, session } = &mut *scan;
        std::ptr::write(array, FFI_ArrowArray::empty());
        match scan.next(&**session, stop.as_ref())? {
            Some(batch) => give(batch, std::ptr::null_mut(), array),
            None => Ok(()),
        }
    })
}

#[no_mangle]
pub unsafe extern "C" fn mcql_scan_digest(scan: *const McqlScan, digest: *mut u8, rows: *mut i64) {
    let of_all = (*scan).scan.digest();
    std::ptr::copy_nonoverlapping(of_all.sum.to_be_bytes().as_ptr(), digest, 16);
    *rows = of_all.rows;
}

#[no_mangle]
pub unsafe extern "C" fn mcql_scan_close(scan: *mut McqlScan) {
    if !scan.is_null() {
        drop(Box::from_raw(scan));
    }
}
