//! The reading half: anybody's file in, records out, one row group at a time.

use std::fs::File;
use std::path::{Path, PathBuf};

use parquet::basic::{ConvertedType, Type};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, FloatType};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::types::ColumnDescPtr;
use simclr_search::{Dtype, Keep, Record};

use super::{DIMENSION, DTYPE, F16, ORIGINAL, SPACE_KEY, THUMBNAIL};
use crate::exchange::pictured::Entry;
use crate::exchange::{ExchangeError, Source};

/// Numbers of either size.
enum Numbers {
    Float(ColumnReaderImpl<FloatType>),
    Double(ColumnReaderImpl<DoubleType>),
}

/// One row group, being read.
struct Group {
    ids: Bytes,
    vectors: Numbers,
    payloads: Option<Bytes>,
    contents: Option<Bytes>,
    thumbnails: Option<Bytes>,
    originals: Option<Bytes>,
}

type Bytes = ColumnReaderImpl<ByteArrayType>;

/// Where in the file the columns are, and the level at which a value of each is there.
struct Columns {
    id: (usize, i16),
    vector: (usize, i16),
    payload: Option<(usize, i16)>,
    content: Option<(usize, i16)>,
    thumbnail: Option<(usize, i16)>,
    original: Option<(usize, i16)>,
}

/// Reads a file.
pub(in crate::exchange) struct Reader {
    path: PathBuf,
    file: SerializedFileReader<File>,
    columns: Columns,
    space_key: Option<String>,
    dtype: Dtype,
    dimension: usize,
    next_group: usize,
    group: Option<Group>,
    rows: usize,
}

impl Reader {
    pub(in crate::exchange) fn open(path: &Path) -> Result<Self, ExchangeError> {
        let failed = |e: &dyn std::fmt::Display| ExchangeError::file(path, e);
        let open =
            || SerializedFileReader::new(File::open(path).map_err(|e| failed(&e))?).map_err(|e| failed(&e));
        let file = open()?;
        let about = file.metadata().file_metadata();
        let columns = || about.schema_descr().columns().iter().enumerate();
        let place = |(i, column): (usize, &ColumnDescPtr)| (i, column.max_def_level());
        let column = |name: &str| columns().find(|(_, column)| column.path().parts()[0] == name).map(place);
        // Whoever else has written the file may call anything so.
        let picture = |name: &str| {
            let is_picture = |column: &ColumnDescPtr| is_bytes(column) && column.path().parts() == [name];
            columns().find(|(_, column)| is_picture(column)).map(place)
        };
        let needed = |name: &str| column(name).ok_or_else(|| failed(&format!("it has no column \"{name}\"")));
        let (id, vector) = (needed("id")?, needed("vector")?);
        let [payload, content] = ["payload", "content_sha256"].map(column);
        let [thumbnail, original] = [THUMBNAIL, ORIGINAL].map(picture);
        let columns = Columns { id, vector, payload, content, thumbnail, original };
        let told = |key: &str| {
            let mut pairs = about.key_value_metadata().into_iter().flatten();
            pairs.find(|pair| pair.key == key).and_then(|pair| pair.value.clone())
        };
        let dtype = if told(DTYPE).as_deref() == Some(F16) { Dtype::F16 } else { Dtype::F32 };
        let (space_key, told) = (told(SPACE_KEY), told(DIMENSION).and_then(|text| text.parse().ok()));
        let path = path.to_owned();
        let mut reader =
            Self { path, file, columns, space_key, dtype, dimension: 0, next_group: 0, group: None, rows: 0 };
        // The first vector says how long they are, or where there is none what wrote it; then everything begins anew.
        let first = reader.read(1)?.pop();
        let dimension = first.map(|entry| entry.record.vector.len()).or(told);
        let dimension = dimension.ok_or_else(|| ExchangeError::file(&reader.path, "it has no rows"))?;
        Ok(Self { file: open()?, dimension, next_group: 0, group: None, rows: 0, ..reader })
    }

    fn open_group(&self, group: usize) -> Result<Group, String> {
        let group = self.file.get_row_group(group).map_err(|e| e.to_string())?;
        let bytes = |column: usize, name: &str, kind: &str| match group.get_column_reader(column) {
            Ok(ColumnReader::ByteArrayColumnReader(reader)) => Ok(reader),
            Ok(_) => Err(format!("column \"{name}\" must be {kind}")),
            Err(e) => Err(e.to_string()),
        };
        let optional = |column: Option<(usize, i16)>, name, kind| {
            column.map(|(column, _)| bytes(column, name, kind)).transpose()
        };
        let vectors = match group.get_column_reader(self.columns.vector.0).map_err(|e| e.to_string())? {
            ColumnReader::FloatColumnReader(reader) => Numbers::Float(reader),
            ColumnReader::DoubleColumnReader(reader) => Numbers::Double(reader),
            _ => return Err("column \"vector\" must be lists of floating point numbers".to_owned()),
        };
        let Columns { id, payload, content, thumbnail, original, .. } = self.columns;
        Ok(Group {
            ids: bytes(id.0, "id", "text")?,
            vectors,
            payloads: optional(payload, "payload", "text")?,
            contents: optional(content, "content_sha256", "text")?,
            thumbnails: optional(thumbnail, THUMBNAIL, "bytes")?,
            originals: optional(original, ORIGINAL, "bytes")?,
        })
    }

    fn entries(&self, group: &mut Group, count: usize) -> Result<Vec<Entry>, String> {
        let columns = &self.columns;
        let ids = values(&mut group.ids, columns.id.1, count, text)?;
        let vectors = match &mut group.vectors {
            Numbers::Float(reader) => lists(reader, columns.vector.1, count, |x| x)?,
            Numbers::Double(reader) => lists(reader, columns.vector.1, count, |x| x as f32)?,
        };
        let rows = ids.len();
        let mut payloads = optional(&mut group.payloads, columns.payload, rows, text)?.into_iter();
        let mut contents = optional(&mut group.contents, columns.content, rows, text)?.into_iter();
        let mut thumbnails = optional(&mut group.thumbnails, columns.thumbnail, rows, picture)?.into_iter();
        let mut originals = optional(&mut group.originals, columns.original, rows, picture)?.into_iter();
        let lengths = [vectors.len(), payloads.len(), contents.len(), thumbnails.len(), originals.len()];
        if let Some(other) = lengths.iter().find(|length| **length != rows) {
            return Err(format!(
                "its columns are not of one length: {rows} ids, and {other} values of another"
            ));
        }
        let mut row = self.rows;
        let mut entry = |(id, vector): (Option<String>, _)| {
            row += 1;
            let id = id.ok_or_else(|| format!("row {row} has no id"))?;
            let payload = payloads.next().flatten();
            let payload = payload.map_or(Ok(serde_json::Value::Null), |text| serde_json::from_str(&text));
            let payload = payload.map_err(|e| format!("row {row}: the payload is not JSON: {e}"))?;
            let content = contents.next().flatten().map(|text| text.parse()).transpose();
            let content = content.map_err(|e| format!("row {row}: {e}"))?;
            let record = Record { id, vector, payload, content };
            let entry = Entry::new(record, thumbnails.next().flatten(), originals.next().flatten());
            entry.map_err(|reason| format!("row {row}: {reason}"))
        };
        ids.into_iter().zip(vectors).map(&mut entry).collect()
    }
}

impl Source for Reader {
    fn dimension(&self) -> usize {
        self.dimension
    }

    fn space_key(&self) -> Option<&str> {
        self.space_key.as_deref()
    }

    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn keep(&self) -> Keep {
        let Columns { thumbnail, original, .. } = &self.columns;
        Keep { thumbnails: thumbnail.is_some(), originals: original.is_some() }
    }

    fn read(&mut self, count: usize) -> Result<Vec<Entry>, ExchangeError> {
        let failed = |path: &Path, reason: String| ExchangeError::file(path, reason);
        loop {
            if let Some(mut group) = self.group.take() {
                let entries = self.entries(&mut group, count).map_err(|reason| failed(&self.path, reason))?;
                if !entries.is_empty() {
                    (self.rows, self.group) = (self.rows + entries.len(), Some(group));
                    return Ok(entries);
                }
            }
            if self.next_group == self.file.num_row_groups() {
                return Ok(Vec::new());
            }
            let group = self.open_group(self.next_group).map_err(|reason| failed(&self.path, reason))?;
            (self.next_group, self.group) = (self.next_group + 1, Some(group));
        }
    }
}

/// Whether a column is of bytes that are no text, one value a row.
fn is_bytes(column: &ColumnDescPtr) -> bool {
    let plain = column.logical_type_ref().is_none() && column.converted_type() == ConvertedType::NONE;
    plain && column.physical_type() == Type::BYTE_ARRAY && column.max_rep_level() == 0
}

/// The next values of a column of bytes; where a value is not there, none.
fn values<T>(
    reader: &mut Bytes,
    there: i16,
    count: usize,
    value: fn(&ByteArray) -> Result<T, String>,
) -> Result<Vec<Option<T>>, String> {
    let (mut levels, mut values) = (Vec::new(), Vec::new());
    reader.read_records(count, Some(&mut levels), None, &mut values).map_err(|e| e.to_string())?;
    if there == 0 {
        return values.iter().map(|bytes| value(bytes).map(Some)).collect();
    }
    let mut values = values.iter();
    let mut one = |level: &i16| (*level == there).then(|| values.next()).flatten().map(value).transpose();
    levels.iter().map(&mut one).collect()
}

/// The same of a column that may be missing.
fn optional<T>(
    reader: &mut Option<Bytes>,
    column: Option<(usize, i16)>,
    rows: usize,
    value: fn(&ByteArray) -> Result<T, String>,
) -> Result<Vec<Option<T>>, String> {
    match (reader, column) {
        (Some(reader), Some((_, there))) => values(reader, there, rows, value),
        _ => Ok((0..rows).map(|_| None).collect()),
    }
}

fn text(bytes: &ByteArray) -> Result<String, String> {
    bytes.as_utf8().map(str::to_owned).map_err(|e| e.to_string())
}

fn picture(bytes: &ByteArray) -> Result<Vec<u8>, String> {
    Ok(bytes.data().to_vec())
}

/// The next lists of a column of lists; every one must be there, and every number in it.
fn lists<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    there: i16,
    count: usize,
    number: impl Fn(T::T) -> f32,
) -> Result<Vec<Vec<f32>>, String> {
    let (mut levels, mut continues, mut values) = (Vec::new(), Vec::new(), Vec::new());
    let read = reader.read_records(count, Some(&mut levels), Some(&mut continues), &mut values);
    let (_, numbers, _) = read.map_err(|e| e.to_string())?;
    if continues.is_empty() && numbers > 0 {
        return Err("column \"vector\" must be lists of numbers, not numbers".to_owned());
    }
    if levels.iter().any(|&level| level < there) {
        return Err("column \"vector\" has an empty list, or one with a number missing".to_owned());
    }
    let mut lists: Vec<Vec<f32>> = Vec::new();
    for (value, continues) in values.into_iter().zip(continues) {
        match lists.last_mut() {
            Some(list) if continues > 0 => list.push(number(value)),
            _ => lists.push(vec![number(value)]),
        }
    }
    Ok(lists)
}
