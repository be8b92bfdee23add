//! MATLAB 5 files, read only: bytes in, named values out. Knows no dataset.
//!
//! The format is MathWorks' "MAT-File Format", level 5: elements of a type, a length and padding, of which arrays are made;
//! some are compressed. Sizes are limited before anything is taken from a file's word.

use std::io::Read;
use std::path::Path;

use crate::DatasetError;

/// Largest file, and largest sum of what compressed elements hold.
const BYTES_MAX: u64 = 64 << 20;
/// Arrays in arrays.
const DEPTH_MAX: usize = 6;
const MATRIX: u32 = 14;
const COMPRESSED: u32 = 15;

/// What a variable holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// Real numbers, columns first.
    Numbers(Vec<f64>),
    /// Characters.
    Text(String),
    /// An array of arrays.
    Cells(Vec<Value>),
    /// An array of records with the same fields.
    Records { fields: Vec<String>, rows: Vec<Vec<Value>> },
    /// A kind that no dataset here uses.
    Other,
}

/// The variables of a file, by name.
pub(crate) fn read(path: &Path) -> Result<Vec<(String, Value)>, DatasetError> {
    let wrong = |problem: String| {
        let expected = "a MATLAB 5 file, as the official archive has it";
        DatasetError::layout(path, problem, expected, "fetch the file again")
    };
    let length = std::fs::metadata(path).map_err(DatasetError::io(path))?.len();
    if length > BYTES_MAX {
        return Err(wrong(format!("the file has {length} bytes, more than {BYTES_MAX}")));
    }
    let bytes = std::fs::read(path).map_err(DatasetError::io(path))?;
    parse(&bytes).map_err(|problem| wrong(problem.to_owned()))
}

type Parsed<T> = Result<T, &'static str>;

fn parse(bytes: &[u8]) -> Parsed<Vec<(String, Value)>> {
    match bytes.get(124..128) {
        Some([0, 1, b'I', b'M']) => {}
        Some([1, 0, b'M', b'I']) => return Err("it was written big-endian, which is not read"),
        _ => return Err("it does not begin as a MATLAB 5 file"),
    }
    let (mut rest, mut variables, mut left) = (&bytes[128..], Vec::new(), BYTES_MAX);
    while !rest.is_empty() {
        let (kind, data) = element(&mut rest)?;
        let inflated;
        let data = if kind == COMPRESSED {
            inflated = inflate(data, &mut left)?;
            let (kind, data) = element(&mut inflated.as_slice())?;
            if kind == MATRIX { data } else { continue }
        } else if kind == MATRIX {
            data
        } else {
            continue;
        };
        variables.push(array(data, 0)?);
    }
    Ok(variables)
}

fn inflate(data: &[u8], left: &mut u64) -> Parsed<Vec<u8>> {
    let mut inflated = Vec::new();
    let read = flate2::read::ZlibDecoder::new(data).take(*left + 1).read_to_end(&mut inflated);
    let length = read.map_err(|_| "a compressed part is damaged")? as u64;
    *left = left.checked_sub(length).ok_or("its compressed parts hold too much")?;
    Ok(inflated)
}

/// Takes one element off the front: its type and its data.
fn element<'a>(rest: &mut &'a [u8]) -> Parsed<(u32, &'a [u8])> {
    const SHORT: &str = "it ends in the middle of an element";
    let (tag, after) = rest.split_first_chunk::<4>().ok_or(SHORT)?;
    let tag = u32::from_le_bytes(*tag);
    if tag >> 16 != 0 {
        // A small element: two bytes of length, and at most four of data in the tag itself.
        let length = (tag >> 16) as usize;
        let data =
            after.get(..length.min(5)).filter(|data| data.len() <= 4 && after.len() >= 4).ok_or(SHORT)?;
        *rest = &after[4..];
        return Ok((tag & 0xffff, data));
    }
    let (length, after) = after.split_first_chunk::<4>().ok_or(SHORT)?;
    let length = u32::from_le_bytes(*length) as usize;
    let data = after.get(..length).ok_or(SHORT)?;
    let padded = if tag == COMPRESSED { length } else { length.next_multiple_of(8) };
    *rest = after.get(padded..).unwrap_or_default();
    Ok((tag, data))
}

/// An array's name and value.
fn array(mut data: &[u8], depth: usize) -> Parsed<(String, Value)> {
    if data.is_empty() {
        return Ok((String::new(), Value::Numbers(Vec::new())));
    }
    if depth > DEPTH_MAX {
        return Err("its arrays are nested too deeply");
    }
    let (_, flags) = element(&mut data)?;
    let class = *flags.first().ok_or("an array has no class")?;
    let (_, sizes) = element(&mut data)?;
    let sizes = sizes.chunks_exact(4).map(|b| i32::from_le_bytes([b[0], b[1], b[2], b[3]]));
    let count = sizes
        .map(|size| usize::try_from(size).ok())
        .try_fold(1_usize, |count, size| count.checked_mul(size?))
        .filter(|&count| count as u64 <= BYTES_MAX)
        .ok_or("an array's size makes no sense")?;
    let (_, name) = element(&mut data)?;
    let name = String::from_utf8_lossy(name).into_owned();
    let value = match class {
        1 => Value::Cells((0..count).map(|_| inner(&mut data, depth)).collect::<Parsed<_>>()?),
        2 => records(&mut data, count, depth)?,
        4 => Value::Text(text(element(&mut data)?)?),
        6..=13 => Value::Numbers(
            numbers(element(&mut data)?)
                .filter(|n| n.len() == count)
                .ok_or("an array of numbers has another length than it says")?,
        ),
        _ => Value::Other,
    };
    Ok((name, value))
}

fn inner(data: &mut &[u8], depth: usize) -> Parsed<Value> {
    match element(data)? {
        (MATRIX, inside) => Ok(array(inside, depth + 1)?.1),
        _ => Err("an array holds something that is no array"),
    }
}

fn records(data: &mut &[u8], count: usize, depth: usize) -> Parsed<Value> {
    let (_, length) = element(data)?;
    let length = length.first_chunk::<4>().map(|bytes| i32::from_le_bytes(*bytes));
    let length = length.and_then(|length| usize::try_from(length).ok()).filter(|&length| length > 0);
    let (_, names) = element(data)?;
    let names = names.chunks_exact(length.ok_or("a record's field names have no length")?);
    let name = |name: &[u8]| String::from_utf8_lossy(name).trim_end_matches('\0').to_owned();
    let fields: Vec<String> = names.map(name).collect();
    if fields.is_empty() {
        return Err("a record has no fields");
    }
    let mut rows = Vec::new();
    for _ in 0..count {
        rows.push((0..fields.len()).map(|_| inner(data, depth)).collect::<Parsed<_>>()?);
    }
    Ok(Value::Records { fields, rows })
}

fn text((kind, data): (u32, &[u8])) -> Parsed<String> {
    match kind {
        1 | 2 | 16 => Ok(String::from_utf8_lossy(data).into_owned()),
        4 | 17 => {
            let units: Vec<u16> = data.chunks_exact(2).map(|b| u16::from_le_bytes([b[0], b[1]])).collect();
            String::from_utf16(&units).map_err(|_| "a text is no UTF-16")
        }
        _ => Err("a text is stored in an unknown way"),
    }
}

/// Numbers are stored in the smallest type that holds them, whatever their array's class.
fn numbers((kind, data): (u32, &[u8])) -> Option<Vec<f64>> {
    fn each<const N: usize>(data: &[u8], number: impl Fn([u8; N]) -> f64) -> Vec<f64> {
        data.as_chunks::<N>().0.iter().map(|bytes| number(*bytes)).collect()
    }
    Some(match kind {
        1 => each(data, |b: [u8; 1]| f64::from(i8::from_le_bytes(b))),
        2 => each(data, |b: [u8; 1]| f64::from(b[0])),
        3 => each(data, |b| f64::from(i16::from_le_bytes(b))),
        4 => each(data, |b| f64::from(u16::from_le_bytes(b))),
        5 => each(data, |b| f64::from(i32::from_le_bytes(b))),
        6 => each(data, |b| f64::from(u32::from_le_bytes(b))),
        7 => each(data, |b| f64::from(f32::from_le_bytes(b))),
        9 => each(data, f64::from_le_bytes),
        _ => return None,
    })
}
