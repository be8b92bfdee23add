//! The reading half: anybody's file in, records out, one row group at a time.

use std::fs::File;
use std::path::{Path, PathBuf};

use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArrayType, DataType, DoubleType, FloatType};
use parquet::file::reader::{FileReader, SerializedFileReader};
use simclr_search::{Dtype, Record};

use super::{DIMENSION, DTYPE, F16, SPACE_KEY};
use crate::exchange::{ExchangeError, Source};

/// Numbers of either size.
enum Numbers {
    Float(ColumnReaderImpl<FloatType>),
    Double(ColumnReaderImpl<DoubleType>),
}

/// One row group, being read.
struct Group {
    ids: ColumnReaderImpl<ByteArrayType>,
    vectors: Numbers,
    payloads: Option<ColumnReaderImpl<ByteArrayType>>,
    contents: Option<ColumnReaderImpl<ByteArrayType>>,
}

/// Where in the file the columns are, and the level at which a value of each is there.
struct Columns {
    id: (usize, i16),
    vector: (usize, i16),
    payload: Option<(usize, i16)>,
    content: Option<(usize, i16)>,
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
        let column = |name: &str| {
            let columns = about.schema_descr().columns().iter();
            let found = columns.enumerate().find(|(_, column)| column.path().parts()[0] == name);
            found.map(|(i, column)| (i, column.max_def_level()))
        };
        let needed = |name: &str| column(name).ok_or_else(|| failed(&format!("it has no column \"{name}\"")));
        let (id, vector) = (needed("id")?, needed("vector")?);
        let columns = Columns { id, vector, payload: column("payload"), content: column("content_sha256") };
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
        let dimension = first.map(|record| record.vector.len()).or(told);
        let dimension = dimension.ok_or_else(|| ExchangeError::file(&reader.path, "it has no rows"))?;
        Ok(Self { file: open()?, dimension, next_group: 0, group: None, rows: 0, ..reader })
    }

    fn open_group(&self, group: usize) -> Result<Group, String> {
        let group = self.file.get_row_group(group).map_err(|e| e.to_string())?;
        let text = |column: usize, name: &str| match group.get_column_reader(column) {
            Ok(ColumnReader::ByteArrayColumnReader(reader)) => Ok(reader),
            Ok(_) => Err(format!("column \"{name}\" must be text")),
            Err(e) => Err(e.to_string()),
        };
        let vectors = match group.get_column_reader(self.columns.vector.0).map_err(|e| e.to_string())? {
            ColumnReader::FloatColumnReader(reader) => Numbers::Float(reader),
            ColumnReader::DoubleColumnReader(reader) => Numbers::Double(reader),
            _ => return Err("column \"vector\" must be lists of floating point numbers".to_owned()),
        };
        let payloads = self.columns.payload.map(|(column, _)| text(column, "payload")).transpose()?;
        let contents = self.columns.content.map(|(column, _)| text(column, "content_sha256")).transpose()?;
        Ok(Group { ids: text(self.columns.id.0, "id")?, vectors, payloads, contents })
    }

    fn records(&self, group: &mut Group, count: usize) -> Result<Vec<Record>, String> {
        let ids = texts(&mut group.ids, self.columns.id.1, count)?;
        let (vectors, level) = (&mut group.vectors, self.columns.vector.1);
        let vectors = match vectors {
            Numbers::Float(reader) => lists(reader, level, count, |x| x)?,
            Numbers::Double(reader) => lists(reader, level, count, |x| x as f32)?,
        };
        let optional = |reader: &mut Option<_>, column: Option<(usize, i16)>| match (reader, column) {
            (Some(reader), Some((_, level))) => texts(reader, level, count),
            _ => Ok(vec![None; ids.len()]),
        };
        let payloads = optional(&mut group.payloads, self.columns.payload)?;
        let contents = optional(&mut group.contents, self.columns.content)?;
        let lengths = [ids.len(), vectors.len(), payloads.len(), contents.len()];
        if lengths.iter().any(|length| *length != lengths[0]) {
            let [ids, vectors, payloads, contents] = lengths;
            return Err(format!(
                "{ids} ids, {vectors} vectors, {payloads} payloads and {contents} content hashes"
            ));
        }
        let rows = ids.into_iter().zip(vectors).zip(payloads.into_iter().zip(contents)).enumerate();
        rows.map(|(i, ((id, vector), (payload, content)))| {
            let row = self.rows + i + 1;
            let id = id.ok_or_else(|| format!("row {row} has no id"))?;
            let payload = payload.map_or(Ok(serde_json::Value::Null), |text| serde_json::from_str(&text));
            let payload = payload.map_err(|e| format!("row {row}: the payload is not JSON: {e}"))?;
            let content = content.map(|text| text.parse()).transpose();
            let content = content.map_err(|e| format!("row {row}: {e}"))?;
            Ok(Record { id, vector, payload, content })
        })
        .collect()
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

    fn read(&mut self, count: usize) -> Result<Vec<Record>, ExchangeError> {
        let failed = |path: &Path, reason: String| ExchangeError::file(path, reason);
        loop {
            if let Some(mut group) = self.group.take() {
                let records = self.records(&mut group, count).map_err(|reason| failed(&self.path, reason))?;
                if !records.is_empty() {
                    (self.rows, self.group) = (self.rows + records.len(), Some(group));
                    return Ok(records);
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

/// The next values of a column of texts; where a value is not there, none.
fn texts(
    reader: &mut ColumnReaderImpl<ByteArrayType>,
    there: i16,
    count: usize,
) -> Result<Vec<Option<String>>, String> {
    let (mut levels, mut values) = (Vec::new(), Vec::new());
    let read = reader.read_records(count, Some(&mut levels), None, &mut values).map_err(|e| e.to_string())?;
    if there == 0 {
        levels = vec![0; read.0];
    }
    let mut values = values.iter();
    let mut text = |level: &i16| match (*level == there).then(|| values.next()).flatten() {
        Some(bytes) => bytes.as_utf8().map(|text| Some(text.to_owned())).map_err(|e| e.to_string()),
        None => Ok(None),
    };
    levels.iter().map(&mut text).collect()
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
