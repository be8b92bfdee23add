//! A run's lines as a TensorBoard event file: TFRecord frames (length, crc, data, crc) around `Event` messages.
//!
//! Every start of a run writes a file of its own, which says from which step on it replaces what earlier files hold: what
//! a killed run wrote after its last checkpoint is not shown twice. Written from the published format; field numbers are
//! event.proto's and summary.proto's own.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use prost::{Message, Oneof};

use super::Line;
use crate::TrainError;
use crate::run_folder::RunFolder;

const PREFIX: &str = "events.out.tfevents.";
/// `SessionLog.SessionStatus.START`.
const START: i32 = 1;

#[derive(Clone, PartialEq, Message)]
struct Event {
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(oneof = "What", tags = "3, 5, 7")]
    what: Option<What>,
}

#[derive(Clone, PartialEq, Oneof)]
enum What {
    #[prost(string, tag = "3")]
    FileVersion(String),
    #[prost(message, tag = "5")]
    Summary(Summary),
    #[prost(message, tag = "7")]
    SessionLog(SessionLog),
}

#[derive(Clone, PartialEq, Message)]
struct SessionLog {
    #[prost(int32, tag = "1")]
    status: i32,
}

#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    value: Vec<Value>,
}

#[derive(Clone, PartialEq, Message)]
struct Value {
    #[prost(string, tag = "1")]
    tag: String,
    /// Optional, so that a zero is written too.
    #[prost(float, optional, tag = "2")]
    simple_value: Option<f32>,
}

/// One start's event file.
#[derive(Debug)]
pub(crate) struct Events {
    path: PathBuf,
    file: File,
}

impl Events {
    /// Begins a file of what comes after step `step`.
    pub(crate) fn begin(run: &RunFolder, step: u64) -> Result<Self, TrainError> {
        let (path, file) = create(run)?;
        let mut events = Self { path, file };
        events.write(0, What::FileVersion("brain.Event:2".into()))?;
        events.write(step + 1, What::SessionLog(SessionLog { status: START }))?;
        Ok(events)
    }

    /// Appends a line's numbers.
    pub(crate) fn line(&mut self, line: &Line) -> Result<(), TrainError> {
        let (step, values) = match line {
            Line::Step(record) => (
                record.step,
                vec![
                    ("train/loss", Some(record.loss)),
                    ("train/learning_rate", Some(record.rate)),
                    ("train/pictures_per_second", Some(record.pictures_per_second)),
                    ("train/waiting", Some(record.waiting)),
                ],
            ),
            Line::Monitor(looked) => (
                looked.step,
                vec![("monitor/knn", Some(looked.look.knn)), ("monitor/linear", looked.look.linear)],
            ),
            Line::Broken(_) => return Ok(()),
        };
        #[expect(clippy::cast_possible_truncation, reason = "TensorBoard's scalars are f32")]
        let value = |(tag, number): (&str, Option<f64>)| {
            number.map(|number| Value { tag: tag.to_owned(), simple_value: Some(number as f32) })
        };
        let value = values.into_iter().filter_map(value).collect();
        self.write(step, What::Summary(Summary { value }))
    }

    fn write(&mut self, step: u64, what: What) -> Result<(), TrainError> {
        let wall_time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let step = i64::try_from(step).unwrap_or(i64::MAX);
        let event = Event { wall_time, step, what: Some(what) };
        // One call a frame: a kill leaves whole frames, or half of the last one, which readers wait for and pass over.
        self.file.write_all(&frame(&event.encode_to_vec())).map_err(TrainError::io(&self.path))
    }
}

/// Readers take a folder's files in the order of their names, so a name never sorts before an earlier one, whatever the
/// clock says.
fn create(run: &RunFolder) -> Result<(PathBuf, File), TrainError> {
    let folder = run.path();
    let names = std::fs::read_dir(folder).map_err(TrainError::io(folder))?;
    let seconds_of = |name: &str| name.strip_prefix(PREFIX)?.split('.').next()?.parse::<u64>().ok();
    let latest = names.filter_map(|item| seconds_of(item.ok()?.file_name().to_str()?)).max();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let seconds = latest.map_or(now, |latest| now.max(latest + 1));
    let path = run.file(&format!("{PREFIX}{seconds:010}.simclr"));
    let file = OpenOptions::new().create_new(true).append(true).open(&path).map_err(TrainError::io(&path))?;
    Ok((path, file))
}

/// Length, its crc, data, its crc; numbers are little-endian.
fn frame(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let crc = |bytes: &[u8]| masked(crc32c(bytes)).to_le_bytes();
    [&length[..], &crc(&length), data, &crc(data)].concat()
}

/// TFRecord's masking, which keeps a crc of data that holds crcs from being trivial.
fn masked(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xA282_EAD8)
}

/// CRC-32C (Castagnoli), reflected.
fn crc32c(bytes: &[u8]) -> u32 {
    let byte = |crc: u32, &byte: &u8| {
        let bit = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0x82F6_3B78 } else { crc >> 1 };
        (0..8).fold(crc ^ u32::from(byte), bit)
    };
    !bytes.iter().fold(!0, byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_castagnolis() {
        // The check value of the CRC catalogue, and RFC 3720's 32 zeros.
        assert_eq!(crc32c(b"123456789"), 0xE306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8A91_36AA);
    }

    /// Written by the package tensorboard 2.21.0: its `RecordWriter` and its `Event`.
    #[test]
    fn frames_and_events_are_tensorboards_own_bytes() {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(hex(&frame(b"hello")), "0500000000000000eab2043e68656c6c6fbb1f1c19");
        let event = |step, what| Event { wall_time: 1.5, step, what: Some(what) }.encode_to_vec();
        let value = vec![Value { tag: "a/b".into(), simple_value: Some(0.0) }];
        let summary = event(3, What::Summary(Summary { value }));
        assert_eq!(hex(&summary), "09000000000000f83f10032a0c0a0a0a03612f621500000000");
        let start = event(4, What::SessionLog(SessionLog { status: START }));
        assert_eq!(hex(&start), "09000000000000f83f10043a020801");
    }

    #[test]
    fn names_keep_their_order_whatever_the_clock_says() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(format!("{PREFIX}9000000000.simclr")), "").unwrap();
        let (path, _) = create(&RunFolder::new(folder.path())).unwrap();
        assert!(path.to_str().unwrap().ends_with("9000000001.simclr"), "{}", path.display());
    }
}
