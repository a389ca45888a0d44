//! Sizes, durations, counts and switches as people write them.

use std::time::Duration;

/// A number and what stands behind it.
struct Measure<'a> {
    number: u64,
    unit: &'a str,
}

impl<'a> Measure<'a> {
    fn split(text: &'a str) -> Option<Self> {
        let text = text.trim();
        let end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
        let number = text[..end].parse().ok()?;
        Some(Self { number, unit: text[end..].trim_start() })
    }
}

/// Bytes: `64MiB`, `500MB`, `1048576`. Capitals do not matter.
pub(super) fn read_size(text: &str) -> Result<u64, String> {
    let bytes = Measure::split(text).and_then(|Measure { number, unit }| {
        let factor = match unit.to_ascii_lowercase().as_str() {
            "" | "b" => 1,
            "kib" => 1 << 10,
            "mib" => 1 << 20,
            "gib" => 1 << 30,
            "tib" => 1 << 40,
            "kb" => 1_000,
            "mb" => 1_000_000,
            "gb" => 1_000_000_000,
            "tb" => 1_000_000_000_000,
            _ => return None,
        };
        number.checked_mul(factor)
    });
    bytes.ok_or_else(|| {
        format!("{text:?} is not a size; it takes bytes, or a whole number with KiB, MiB, GiB, TiB, kB, MB, GB or TB")
    })
}

/// A size that is not zero.
pub(super) fn read_some_size(text: &str) -> Result<u64, String> {
    match read_size(text)? {
        0 => Err("the size must not be 0".to_owned()),
        bytes => Ok(bytes),
    }
}

/// `30s`, `5m`, `2h`, or seconds.
pub(super) fn read_duration(text: &str) -> Result<Duration, String> {
    let seconds = Measure::split(text).and_then(|Measure { number, unit }| {
        let factor = match unit {
            "" | "s" => 1,
            "m" => 60,
            "h" => 3600,
            _ => return None,
        };
        number.checked_mul(factor).filter(|seconds| *seconds <= LONGEST)
    });
    seconds.map(Duration::from_secs).ok_or_else(|| {
        format!(
            "{text:?} is not a duration; it takes seconds, or a whole number with s, m or h, and at most {} h",
            LONGEST / 3600
        )
    })
}

/// A hundred years of seconds, so that adding one to a moment never overflows.
const LONGEST: u64 = 100 * 365 * 24 * 3600;

/// A duration that is not zero.
pub(super) fn read_some_duration(text: &str) -> Result<Duration, String> {
    match read_duration(text)? {
        Duration::ZERO => Err("the duration must not be 0".to_owned()),
        duration => Ok(duration),
    }
}

/// A whole number from 1.
pub(super) fn read_count(text: &str) -> Result<u64, String> {
    match text.trim().parse() {
        Ok(count @ 1..) => Ok(count),
        _ => Err(format!("{text:?} is not a number; it takes whole numbers from 1")),
    }
}

/// Lines of batches; 0 is none.
pub(super) fn read_batch_lines(text: &str) -> Result<u64, String> {
    match text.trim().parse() {
        Ok(count @ 0..=1024) => Ok(count),
        _ => Err(format!("{text:?} is no number of lines; it takes whole numbers from 0 to 1024")),
    }
}

/// Whether something is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Switch {
    On,
    Off,
}

/// `on` or `off`, or another word for it.
pub(super) fn read_switch(text: &str) -> Result<Switch, String> {
    match text.to_ascii_lowercase().as_str() {
        "on" | "true" | "yes" | "1" => Ok(Switch::On),
        "off" | "false" | "no" | "0" => Ok(Switch::Off),
        _ => Err(format!("{text:?} is neither on nor off")),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{read_count, read_duration, read_size, read_some_duration, read_some_size};

    #[test]
    fn sizes_are_bytes_or_have_a_unit() {
        for (text, bytes) in [
            ("0", 0),
            ("1048576", 1 << 20),
            ("64MiB", 64 << 20),
            ("2 GiB", 2 << 30),
            ("500MB", 500_000_000),
            ("1kB", 1000),
            ("3tib", 3 << 40),
            ("7B", 7),
        ] {
            assert_eq!(read_size(text), Ok(bytes), "{text}");
        }
        for text in
            ["", "MiB", "-1", "1.5GiB", "1 apple", "1M", "99999999999999999999", "99999999TiB"]
        {
            let error = read_size(text).unwrap_err();
            assert!(error.contains(&format!("{text:?} is not a size")), "{error}");
        }
        assert_eq!(read_some_size("0 MiB").unwrap_err(), "the size must not be 0");
    }

    #[test]
    fn durations_are_seconds_or_have_a_unit() {
        for (text, seconds) in [("0", 0), ("90", 90), ("30s", 30), ("5m", 300), ("2h", 7200)] {
            assert_eq!(read_duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "s", "1d", "-1s", "1.5h", "99999999999h"] {
            assert!(read_duration(text).unwrap_err().contains("is not a duration"), "{text}");
        }
        assert_eq!(read_some_duration("0m").unwrap_err(), "the duration must not be 0");
    }

    #[test]
    fn counts_begin_at_one() {
        assert_eq!(read_count("64000000"), Ok(64_000_000));
        for text in ["0", "", "-3", "1e6", "many"] {
            assert!(read_count(text).is_err(), "{text}");
        }
    }
}
