//! Recall against speed, on vectors that other libraries are measured on too: `tools/bench/search_peers.py` runs this.
//!
//! ```text
//! search_curve <stored.npy> <queries.npy> <nearest.npy> <folder> [ef …]
//! ```
//! `stored` and `queries` are f32, `nearest` i32 with the ten nearest rows of each query. A collection is made in
//! `folder`, unless it is there. Out comes one JSON object: build time, bytes a walk reads of each vector and bytes that
//! memory holds besides, and for each ef recall@10 and queries per CPU second, one query a call and a thousand a call.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use simclr_search::{Collection, CollectionConfig, Collections, Kernel, Limits, Query, Record};

const NEIGHBOURS: usize = 10;
const CALL: usize = 1000;
const SECONDS: f64 = 0.7;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [stored, queries, nearest, folder, efs @ ..] = words.as_slice() else {
        return Err("usage: search_curve <stored.npy> <queries.npy> <nearest.npy> <folder> [ef …]".into());
    };
    let (dimension, queries) = npy(Path::new(queries), "<f4", f32::from_le_bytes)?;
    let (_, nearest) = npy(Path::new(nearest), "<i4", i32::from_le_bytes)?;
    let folder = Path::new(folder);
    if !folder.join("collections").exists() {
        let limits = Limits { approximate_from: usize::MAX, ..Limits::default() };
        let collections = Collections::open(folder, limits)?;
        let collection = collections.create("bench", CollectionConfig::new(dimension, ""))?;
        let (_, stored) = npy(Path::new(stored), "<f4", f32::from_le_bytes)?;
        let record = |(i, v): (usize, &[f32])| Record::new(format!("{i}"), v.to_vec(), Value::Null);
        let records: Vec<Record> = stored.chunks_exact(dimension).enumerate().map(record).collect();
        records.chunks(CALL).try_for_each(|chunk| collection.upsert(chunk.to_vec()).map(drop))?;
    }
    let (opening, held) = (Instant::now(), anonymous_bytes());
    let collections = Collections::open(folder, Limits { approximate_from: 1, ..Limits::default() })?;
    let opened = opening.elapsed().as_secs_f64();
    let collection = collections.get("bench")?;
    let (building, cpu) = (Instant::now(), cpu_seconds());
    collection.wait_until_built(Duration::from_secs(24 * 3600));
    let built = json!({"seconds": building.elapsed().as_secs_f64(), "cpu_seconds": cpu_seconds() - cpu});
    let statistics = collection.statistics();
    let held = anonymous_bytes() - held;
    let queries: Vec<&[f32]> = queries.chunks_exact(dimension).collect();
    let mut curve = Vec::new();
    for ef in efs {
        curve.push(measure(&collection, &queries, &nearest, ef.parse()?)?);
    }
    let [walked, held] = [statistics.walked_bytes as f64, held].map(|b| b / statistics.records as f64);
    println!(
        "{}",
        json!({"name": "ours", "kernel": Kernel::best().name(), "open_seconds": opened, "build": built,
               "build_seconds": statistics.build_time.as_secs_f64(), "repaired": statistics.repaired,
               "bytes_per_vector": walked, "held_bytes_per_vector": held, "curve": curve})
    );
    Ok(())
}

/// Recall and speed at one ef; 0 is exact search.
fn measure(
    collection: &Collection,
    queries: &[&[f32]],
    nearest: &[i32],
    ef: usize,
) -> Result<Value, Failure> {
    let query = |vector: &&[f32]| {
        let mut query = Query { with_payload: false, ..Query::new(vector.to_vec(), NEIGHBOURS) };
        if ef == 0 {
            query.exact = true;
        } else {
            query.ef = Some(ef);
        }
        query
    };
    let queries: Vec<Query> = queries.iter().map(query).collect();
    let (mut hits, truth) = (0, nearest.chunks_exact(NEIGHBOURS));
    for (answers, truth) in queries.chunks(CALL).zip(truth.collect::<Vec<_>>().chunks(CALL)) {
        for (answer, truth) in collection.search_many(answers)?.iter().zip(truth) {
            let rows = answer.iter().map(|n| n.id.parse::<i32>());
            hits += rows.filter(|row| row.as_ref().is_ok_and(|row| truth.contains(row))).count();
        }
    }
    let single = speed(
        || queries.iter().take(CALL).try_for_each(|q| collection.search(q).map(drop)),
        CALL.min(queries.len()),
    )?;
    let batch = speed(
        || collection.search_many(&queries[..CALL.min(queries.len())]).map(drop),
        CALL.min(queries.len()),
    )?;
    let recall = hits as f64 / (NEIGHBOURS * queries.len()) as f64;
    Ok(json!({"ef": ef, "recall": recall, "single": single, "batch": batch}))
}

/// Queries a CPU second.
fn speed<E: std::error::Error + 'static>(
    mut ask: impl FnMut() -> Result<(), E>,
    queries: usize,
) -> Result<f64, Failure> {
    ask()?;
    let (started, mut asked) = (cpu_seconds(), 0);
    while cpu_seconds() - started < SECONDS {
        ask()?;
        asked += queries;
    }
    Ok(asked as f64 / (cpu_seconds() - started))
}

/// CPU time this process has used, in steps of a hundredth of a second; not a number where Linux does not say.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // After the program's name, which may hold anything, user and system time are the 12th and 13th words.
    let words: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = |i: usize| words.get(i).and_then(|word| word.parse::<f64>().ok()).unwrap_or(f64::NAN);
    (ticks(11) + ticks(12)) / 100.0
}

/// Bytes of this process that no file stands behind; not a number where Linux does not say.
fn anonymous_bytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<f64>().ok())
        .map_or(f64::NAN, |kb| kb * 1024.0)
}

/// The length of a row and all numbers of a two-dimensional array in numpy's format.
fn npy<T>(path: &Path, kind: &str, number: fn([u8; 4]) -> T) -> Result<(usize, Vec<T>), Failure> {
    let bytes = std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let header = usize::from(u16::from_le_bytes([bytes[8], bytes[9]])) + 10;
    let text = String::from_utf8_lossy(&bytes[10..header]);
    let columns = text.split_once("'shape': (").and_then(|(_, rest)| rest.split_once(')'));
    let columns = columns.and_then(|(shape, _)| shape.split(',').nth(1)?.trim().parse().ok());
    match columns {
        Some(columns) if text.contains(kind) && text.contains("False") => {
            Ok((columns, bytes[header..].as_chunks::<4>().0.iter().map(|b| number(*b)).collect()))
        }
        _ => Err(format!("{}: not a two-dimensional array of {kind}: {text}", path.display()).into()),
    }
}
