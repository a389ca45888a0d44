//! `NumPy` arrays of a label for each class, as `CLIP_benchmark` writes them for pictures with several classes.

/// The most classes that an array may have.
const MOST_CLASSES: usize = 1 << 20;

/// The places of a one-dimensional array that are not 0: the classes of a picture.
///
/// # Errors
/// When the bytes are no such array, of integers, booleans or floats in little-endian order.
pub(crate) fn set_places(bytes: &[u8]) -> Result<Vec<usize>, String> {
    let body = bytes.strip_prefix(b"\x93NUMPY").ok_or("it does not begin as an array of NumPy")?;
    let (version, rest) = body.split_first_chunk::<2>().ok_or(CUT)?;
    let (length, rest) = if version[0] == 1 {
        let (length, rest) = rest.split_first_chunk::<2>().ok_or(CUT)?;
        (usize::from(u16::from_le_bytes(*length)), rest)
    } else {
        let (length, rest) = rest.split_first_chunk::<4>().ok_or(CUT)?;
        (u32::from_le_bytes(*length) as usize, rest)
    };
    let (header, data) = rest.split_at_checked(length).ok_or(CUT)?;
    let header = std::str::from_utf8(header).map_err(|_| "its header is not text")?;
    let kind = between(header, "'descr':", ",").unwrap_or_default().trim_matches([' ', '\'']);
    let width = match kind {
        "|b1" | "|u1" | "|i1" => 1,
        "<i2" | "<u2" | "<f2" => 2,
        "<i4" | "<u4" | "<f4" => 4,
        "<i8" | "<u8" | "<f8" => 8,
        other => return Err(format!("numbers of the unsupported type {other:?}")),
    };
    let shape = between(header, "'shape':", ")").unwrap_or_default();
    let shape = shape.trim().trim_start_matches('(').trim_end_matches([',', ' ']);
    let count = match shape.parse::<usize>() {
        Ok(count) if count <= MOST_CLASSES => count,
        _ => {
            return Err(format!(
                "the shape ({shape}); one dimension of at most {MOST_CLASSES} was expected"
            ));
        }
    };
    if data.len() != count * width {
        return Err(format!(
            "{} bytes of numbers; its header announces {}",
            data.len(),
            count * width
        ));
    }
    let is_float = kind.contains('f');
    let is_set = |number: &[u8]| {
        // The sign of a float is no value: -0.0 is 0.
        let (last, rest) = number.split_last().expect("a number has bytes");
        let last = if is_float { last & 0x7f } else { *last };
        last != 0 || rest.iter().any(|byte| *byte != 0)
    };
    let numbers = data.chunks_exact(width).enumerate();
    Ok(numbers.filter(|(_, number)| is_set(number)).map(|(place, _)| place).collect())
}

const CUT: &str = "it ends within its header";

fn between<'a>(text: &'a str, from: &str, to: &str) -> Option<&'a str> {
    let rest = text.split_once(from)?.1;
    Some(rest.split_once(to)?.0)
}
