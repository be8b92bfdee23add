//! The writing half: records in, row groups out.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::ColumnPath;
use simclr_search::{CollectionConfig, Dtype, Keep};

use super::{DIMENSION, DTYPE, F16, ORIGINAL, SPACE_KEY, THUMBNAIL};
use crate::exchange::pictured::Entry;
use crate::exchange::{ExchangeError, Sink};

const SCHEMA: &str = "message record {
    required binary id (STRING);
    required group vector (LIST) { repeated group list { required float element; } }
    required binary payload (STRING);
    optional binary content_sha256 (STRING);
";

/// Writes a file, or what is to become one elsewhere.
pub(in crate::exchange) struct Writer<W: Write + Send> {
    path: PathBuf,
    writer: SerializedFileWriter<W>,
    keep: Keep,
}

impl Writer<File> {
    pub(in crate::exchange) fn create(path: &Path, config: &CollectionConfig) -> Result<Self, ExchangeError> {
        let file = File::create(path).map_err(|e| ExchangeError::file(path, e))?;
        Self::over(path, file, config)
    }
}

impl<W: Write + Send> Writer<W> {
    /// Writes to `out`, of which errors speak as `path`.
    pub(in crate::exchange) fn over(
        path: &Path,
        out: W,
        config: &CollectionConfig,
    ) -> Result<Self, ExchangeError> {
        let failed = |e: ParquetError| ExchangeError::file(path, e);
        let pictures = [(config.keep.thumbnails, THUMBNAIL), (config.keep.originals, ORIGINAL)];
        let pictures = pictures.into_iter().filter_map(|(kept, name)| kept.then_some(name));
        let columns: String = pictures.clone().map(|name| format!("optional binary {name};\n")).collect();
        let schema = Arc::new(parse_message_type(&format!("{SCHEMA}{columns}}}")).map_err(failed)?);
        // Directions of pictures neither repeat nor compress.
        let numbers = ColumnPath::from(vec!["vector".to_owned(), "list".to_owned(), "element".to_owned()]);
        let mut about =
            vec![(SPACE_KEY, config.space_key.clone()), (DIMENSION, config.dimension.to_string())];
        if config.dtype == Dtype::F16 {
            about.push((DTYPE, F16.to_owned()));
        }
        let about = about.into_iter().map(|(key, value)| KeyValue::new(key.to_owned(), value)).collect();
        let mut properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_column_compression(numbers.clone(), Compression::UNCOMPRESSED)
            .set_column_dictionary_enabled(numbers, false)
            .set_key_value_metadata(Some(about));
        for name in pictures {
            // Nor do these; and the least and the largest of them would lie in the footer.
            let column = ColumnPath::from(name);
            properties = properties
                .set_column_compression(column.clone(), Compression::UNCOMPRESSED)
                .set_column_dictionary_enabled(column.clone(), false)
                .set_column_statistics_enabled(column, EnabledStatistics::None);
        }
        let writer = SerializedFileWriter::new(out, schema, Arc::new(properties.build())).map_err(failed)?;
        Ok(Self { path: path.to_owned(), writer, keep: config.keep })
    }

    pub(in crate::exchange) fn write_entries(&mut self, entries: Vec<Entry>) -> Result<(), ExchangeError> {
        self.write_group(entries).map_err(|e| ExchangeError::file(&self.path, e))
    }

    /// Ends the file, and gives back what it was written to.
    pub(in crate::exchange) fn into_inner(self) -> Result<W, ExchangeError> {
        let Self { path, writer, .. } = self;
        writer.into_inner().map_err(|e| ExchangeError::file(&path, e))
    }

    fn write_group(&mut self, entries: Vec<Entry>) -> Result<(), ParquetError> {
        let (records, pictures): (Vec<_>, Vec<_>) =
            entries.into_iter().map(|Entry { record, pictured }| (record, pictured)).unzip();
        let records = || records.iter();
        let numbers: Vec<f32> = records().flat_map(|record| record.vector.iter().copied()).collect();
        // Each number is there (1), and continues the list (1) unless it begins one (0).
        let (there, begins) = (vec![1; numbers.len()], |vector: &Vec<f32>| {
            (0..vector.len()).map(|i| i16::from(i > 0)).collect::<Vec<_>>()
        });
        let continues: Vec<i16> = records().flat_map(|record| begins(&record.vector)).collect();
        let mut columns = vec![
            (records().map(|record| record.id.as_str().into()).collect(), None),
            (records().map(|record| record.payload.to_string().into_bytes().into()).collect(), None),
            optional(records().map(|record| Some(record.content?.to_string().into_bytes())).collect()),
        ];
        let pictures = pictures.into_iter().map(|pictured| pictured.map(|p| (p.thumbnail, p.original)));
        let (thumbnails, originals): (Vec<_>, Vec<_>) = pictures.map(Option::unwrap_or_default).unzip();
        let kept = [(self.keep.thumbnails, thumbnails), (self.keep.originals, originals)];
        columns.extend(kept.into_iter().filter_map(|(kept, values)| kept.then(|| optional(values))));
        let (mut group, mut columns) = (self.writer.next_row_group()?, columns.into_iter());
        while let Some(mut column) = group.next_column()? {
            match column.untyped() {
                ColumnWriter::ByteArrayColumnWriter(writer) => {
                    let (values, there) = columns.next().unwrap_or_default();
                    writer.write_batch(&values, there.as_deref(), None)?
                }
                ColumnWriter::FloatColumnWriter(writer) => {
                    writer.write_batch(&numbers, Some(&there), Some(&continues))?
                }
                _ => return Err(ParquetError::General("a column of another kind".to_owned())),
            };
            column.close()?;
        }
        group.close().map(|_| ())
    }
}

/// Values that are there, and of which rows.
type Column = (Vec<ByteArray>, Option<Vec<i16>>);

fn optional(values: Vec<Option<Vec<u8>>>) -> Column {
    let there = values.iter().map(|value| i16::from(value.is_some())).collect();
    (values.into_iter().flatten().map(ByteArray::from).collect(), Some(there))
}

impl Sink for Writer<File> {
    fn write(&mut self, entries: Vec<Entry>) -> Result<(), ExchangeError> {
        self.write_entries(entries)
    }

    fn finish(self: Box<Self>) -> Result<(), ExchangeError> {
        let path = self.path.clone();
        self.into_inner()?.sync_all().map_err(|e| ExchangeError::file(&path, e))
    }
}
