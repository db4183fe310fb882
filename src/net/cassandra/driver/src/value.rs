//! Single values of CQL's own types, from text and into text. Formats: the specification of the
//! native protocol, version 4, section 6, and that of vectors (Cassandra 5).
use num_bigint::BigInt;
use std::fmt::Write;
use std::net::IpAddr;

pub const NANOS_A_DAY: i64 = 86_400_000_000_000;
const DATE_ZERO: i64 = 1 << 31;

pub fn put_date(days: i32, out: &mut Vec<u8>) {
    out.extend_from_slice(&((i64::from(days) + DATE_ZERO) as u32).to_be_bytes());
}

pub fn get_date(raw: u32) -> i32 {
    (i64::from(raw) - DATE_ZERO) as i32
}

/// Unsigned, as durations and vectors have it: the first byte's leading ones count the others.
pub fn put_vint(value: u64, out: &mut Vec<u8>) {
    let bits = 64 - value.leading_zeros();
    let extra = (bits.max(1) - 1) / 7;
    if extra >= 8 {
        out.push(0xff);
        return out.extend_from_slice(&value.to_be_bytes());
    }
    let bytes = (value | (!(0xffu64 >> extra) & 0xff) << (8 * extra)).to_be_bytes();
    out.extend_from_slice(&bytes[7 - extra as usize..]);
}

pub fn get_vint(bytes: &mut &[u8]) -> Option<u64> {
    let (&first, rest) = bytes.split_first()?;
    let extra = first.leading_ones() as usize;
    let mut value = if extra >= 8 { 0 } else { u64::from(first) & (0xff >> extra) };
    for &byte in rest.get(..extra)? {
        value = value << 8 | u64::from(byte);
    }
    *bytes = &rest[extra..];
    Some(value)
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// "-12.50" or "1e3" → unscaled digits and how many stand behind the point.
pub fn parse_decimal(text: &str) -> Option<(BigInt, i32)> {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], text[at + 1..].parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let unsigned = digits.strip_prefix(['-', '+']).unwrap_or(&digits);
    if unsigned.is_empty() || !unsigned.bytes().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let scale = i32::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
    Some((digits.strip_prefix('+').unwrap_or(&digits).parse().ok()?, scale))
}

pub fn show_decimal(unscaled: &BigInt, scale: i32) -> String {
    if scale <= 0 {
        let zeros = if scale < -1000 { 0 } else { -scale as usize };
        if scale < -1000 {
            return format!("{unscaled}E{}", -i64::from(scale));
        }
        return format!("{unscaled}{}", "0".repeat(if *unscaled == BigInt::ZERO { 0 } else { zeros }));
    }
    let digits = unscaled.magnitude().to_string();
    let width = scale as usize + 1;
    let padded = format!("{digits:0>width$}");
    let sign = if *unscaled < BigInt::ZERO { "-" } else { "" };
    let point = padded.len() - scale as usize;
    format!("{sign}{}.{}", &padded[..point], &padded[point..])
}

pub fn put_decimal(unscaled: &BigInt, scale: i32, out: &mut Vec<u8>) {
    out.extend_from_slice(&scale.to_be_bytes());
    out.extend_from_slice(&unscaled.to_signed_bytes_be());
}

// Days since 1970-01-01 of a proleptic Gregorian date (H. Hinnant, chrono-compatible algorithms).
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn month_length(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

pub fn parse_date(text: &str) -> Option<i32> {
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let mut parts = rest.splitn(3, '-');
    let mut next = |least: usize| {
        let part = parts.next()?;
        let good = part.len() >= least && part.bytes().all(|c| c.is_ascii_digit());
        if good { part.parse::<i64>().ok() } else { None }
    };
    let (year, month, day) = (next(4)?, next(1)?, next(1)?);
    let year = if negative { -year } else { year };
    let good = year.abs() <= 5_900_000
        && (1..=12).contains(&month)
        && (1..=month_length(year, month)).contains(&day);
    if good { i32::try_from(days_of(year, month, day)).ok() } else { None }
}

/// Nanoseconds since midnight of "05:17", "05:17:00" or "05:17:00.123456789".
pub fn parse_time(text: &str) -> Option<i64> {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut parts = clock.split(':');
    let mut next = || {
        let part = parts.next()?;
        let good = !part.is_empty() && part.len() <= 2 && part.bytes().all(|c| c.is_ascii_digit());
        if good { part.parse::<i64>().ok() } else { None }
    };
    let (hours, minutes) = (next()?, next()?);
    let seconds = match clock.matches(':').count() {
        1 => 0,
        2 => next()?,
        _ => return None,
    };
    if fraction.len() > 9 || !fraction.bytes().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let nanos: i64 = format!("{fraction:0<9}").parse().ok()?;
    let good = hours < 24 && minutes < 60 && seconds < 60;
    good.then_some(((hours * 60 + minutes) * 60 + seconds) * 1_000_000_000 + nanos)
}

pub fn show_time(nanos: i64) -> String {
    let seconds = nanos / 1_000_000_000;
    let (h, m, s) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let mut text = format!("{h:02}:{m:02}:{s:02}");
    let fraction = nanos % 1_000_000_000;
    if fraction != 0 {
        let digits = format!("{fraction:09}");
        let _ = write!(text, ".{}", digits.trim_end_matches('0'));
    }
    text
}

/// Milliseconds since 1970 of "2026-11-21", "2026-11-21 05:17:00.123" or "2026-11-21T05:17:00Z";
/// without a zone it is UTC. Smaller parts of a second are cut off.
pub fn parse_timestamp(text: &str) -> Option<i64> {
    let (date, time) = match text.find(['T', ' ']) {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, ""),
    };
    let midnight = i64::from(parse_date(date)?) * 86_400_000;
    if time.is_empty() {
        return (date.len() == text.len()).then_some(midnight);
    }
    let (clock, zone) = match time.find(['Z', '+', '-']) {
        Some(at) => (&time[..at], &time[at..]),
        None => (time, "Z"),
    };
    let offset = match zone {
        "Z" => 0,
        _ => {
            let digits: String = zone[1..].chars().filter(|c| *c != ':').collect();
            let good = (digits.len() == 2 || digits.len() == 4)
                && digits.bytes().all(|c| c.is_ascii_digit());
            if !good {
                return None;
            }
            let hours: i64 = digits[..2].parse().ok()?;
            let minutes: i64 = if digits.len() == 4 { digits[2..].parse().ok()? } else { 0 };
            let total = hours * 60 + minutes;
            if zone.starts_with('-') { -total } else { total }
        }
    };
    Some(midnight + parse_time(clock.trim_end())? / 1_000_000 - offset * 60_000)
}

/// "1y2mo3w4d5h6m7s8ms9us10ns", with a minus before all of it: Cassandra's own form.
pub fn put_duration(text: &str, out: &mut Vec<u8>) -> bool {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let (mut months, mut days, mut nanos) = (0i64, 0i64, 0i64);
    if rest.is_empty() {
        return false;
    }
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let unit = rest[digits..].bytes().take_while(|c| !c.is_ascii_digit()).count();
        let Ok(count) = rest[..digits].parse::<i64>() else { return false };
        let (into, factor) = match rest[digits..digits + unit].to_ascii_lowercase().as_str() {
            "y" => (&mut months, 12),
            "mo" => (&mut months, 1),
            "w" => (&mut days, 7),
            "d" => (&mut days, 1),
            "h" => (&mut nanos, 3_600_000_000_000),
            "m" => (&mut nanos, 60_000_000_000),
            "s" => (&mut nanos, 1_000_000_000),
            "ms" => (&mut nanos, 1_000_000),
            "us" | "µs" => (&mut nanos, 1000),
            "ns" => (&mut nanos, 1),
            _ => return false,
        };
        let Some(sum) = count.checked_mul(factor).and_then(|part| into.checked_add(part)) else {
            return false;
        };
        *into = sum;
        rest = &rest[digits + unit..];
    }
    if i32::try_from(months).is_err() || i32::try_from(days).is_err() {
        return false;
    }
    for part in [months, days, nanos] {
        put_vint(zigzag(sign * part), out);
    }
    true
}

pub fn show_duration(mut bytes: &[u8]) -> Option<String> {
    let mut next = || get_vint(&mut bytes).map(unzigzag);
    let (months, days, nanos) = (next()?, next()?, next()?);
    let mut text = String::new();
    if months < 0 || days < 0 || nanos < 0 {
        text.push('-');
    }
    let mut put = |count: u64, unit: &str| {
        if count > 0 {
            let _ = write!(text, "{count}{unit}");
        }
    };
    let (months, nanos) = (months.unsigned_abs(), nanos.unsigned_abs());
    put(months / 12, "y");
    put(months % 12, "mo");
    put(days.unsigned_abs(), "d");
    put(nanos / 3_600_000_000_000, "h");
    put(nanos / 60_000_000_000 % 60, "m");
    put(nanos / 1_000_000_000 % 60, "s");
    put(nanos / 1_000_000 % 1000, "ms");
    put(nanos / 1000 % 1000, "us");
    put(nanos % 1000, "ns");
    if text.is_empty() {
        text.push_str("0s");
    }
    Some(text)
}

pub fn put_inet(text: &str, out: &mut Vec<u8>) -> bool {
    match text.parse() {
        Ok(IpAddr::V4(address)) => out.extend_from_slice(&address.octets()),
        Ok(IpAddr::V6(address)) => out.extend_from_slice(&address.octets()),
        Err(_) => return false,
    }
    true
}

pub fn show_inet(bytes: &[u8]) -> Option<String> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Some(IpAddr::from(four).to_string());
    }
    <[u8; 16]>::try_from(bytes).ok().map(|sixteen| IpAddr::from(sixteen).to_string())
}
