//! Queries per second, exact and approximate, on clustered vectors; one JSON line per figure.
//!
//! Figures per CPU second hold on a busy machine too; those per second are what a user of this machine sees.
//!
//! ```text
//! cargo run --release -p simclr-search --example search_bench -- [records 20000] [dimension 128] [queries 1000]
//! ```

#[path = "../tests/common/mod.rs"]
mod common;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{clustered, config, query, record};
use simclr_search::{Collection, Collections, Kernel, Limits, Query, SearchError};

const NEIGHBOURS: usize = 10;
const BATCH: usize = 1000;
const SINGLE_WRITES: usize = 100;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let numbers: Vec<usize> = std::env::args().skip(1).map(|a| a.parse()).collect::<Result<_, _>>()?;
    let argument = |i: usize, default| numbers.get(i).copied().unwrap_or(default);
    let (records, dimension, queries) = (argument(0, 20_000), argument(1, 128), argument(2, 1000));
    println!(r#"{{"records":{records},"dimension":{dimension},"kernel":"{}"}}"#, Kernel::best().name());
    let vectors = clustered(1, records + queries, dimension, (records / 100).max(1));
    let (stored, queries) = vectors.split_at(records);

    let folder = tempfile::tempdir()?;
    let limits = |approximate_from| Limits { approximate_from, ..Limits::default() };
    let collections = Collections::open(folder.path(), limits(usize::MAX))?;
    let collection = collections.create("bench", config(dimension))?;
    fill(&collection, stored)?;
    let exact = ask(&collection, queries, true)?;
    drop((collection, collections));

    let (started, cpu) = (Instant::now(), cpu_seconds());
    let collections = Collections::open(folder.path(), limits(1))?;
    report("open, without the graph", "s", started.elapsed().as_secs_f64());
    let collection = collections.get("bench")?;
    collection.wait_until_built(Duration::from_secs(24 * 3600));
    let statistics = collection.statistics();
    report("open and build, of CPU", "CPU s", cpu_seconds() - cpu);
    report("build", "s", statistics.build_time.as_secs_f64());
    report("repaired", "nodes", statistics.repaired as f64);
    let approximate = ask(&collection, queries, false)?;
    let hits: usize = exact.iter().zip(&approximate).map(|(e, a)| e.intersection(a).count()).sum();
    report("recall@10", "", hits as f64 / (NEIGHBOURS.min(records) * queries.len()) as f64);
    Ok(())
}

fn fill(collection: &Arc<Collection>, stored: &[Vec<f32>]) -> Result<(), SearchError> {
    let started = Instant::now();
    for (batch, vectors) in stored.chunks(BATCH).enumerate() {
        let named = vectors.iter().enumerate();
        let records = named.map(|(i, v)| record(format!("{:08}", batch * BATCH + i), v.clone()));
        collection.upsert(records.collect())?;
    }
    report("upsert in batches of 1000", "records/s", stored.len() as f64 / started.elapsed().as_secs_f64());
    let single = |i: usize| collection.upsert(vec![record(format!("{i:08}"), stored[i].clone())]);
    let (started, writes) = (Instant::now(), SINGLE_WRITES.min(stored.len()));
    (0..writes).try_for_each(|i| single(i).map(drop))?;
    report("upsert one by one, each synced", "records/s", writes as f64 / started.elapsed().as_secs_f64());
    let started = Instant::now();
    std::thread::scope(|scope| {
        let writers = (0..16)
            .map(|w| scope.spawn(move || (w..writes).step_by(16).try_for_each(|i| single(i).map(drop))));
        let writers: Vec<_> = writers.collect();
        writers.into_iter().try_for_each(|writer| writer.join().expect("a writer panicked"))
    })?;
    report("upsert by 16 writers, each synced", "records/s", writes as f64 / started.elapsed().as_secs_f64());
    Ok(())
}

/// Searches one query at a time and reports how fast; what each found.
fn ask(
    collection: &Collection,
    queries: &[Vec<f32>],
    exact: bool,
) -> Result<Vec<HashSet<String>>, SearchError> {
    let name = if exact { "exact" } else { "approximate" };
    let (mut found, mut times, cpu) = (Vec::new(), Vec::new(), cpu_seconds());
    for vector in queries {
        let started = Instant::now();
        let neighbours = collection.search(&Query { exact, ..query(vector, NEIGHBOURS) })?;
        times.push(started.elapsed().as_secs_f64());
        found.push(neighbours.into_iter().map(|n| n.id).collect());
    }
    report(&format!("{name}, of CPU"), "queries/CPU s", times.len() as f64 / (cpu_seconds() - cpu));
    report(name, "queries/s", times.len() as f64 / times.iter().sum::<f64>());
    times.sort_by(f64::total_cmp);
    report(&format!("{name}, 99th percentile"), "ms", 1000.0 * times[times.len() * 99 / 100]);
    Ok(found)
}

/// CPU time this process has used, in steps of a hundredth of a second; not a number where Linux does not say.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // After the program's name, which may hold anything, user and system time are the 12th and 13th words.
    let words: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = |i: usize| words.get(i).and_then(|word| word.parse::<f64>().ok()).unwrap_or(f64::NAN);
    (ticks(11) + ticks(12)) / 100.0
}

fn report(name: &str, unit: &str, value: f64) {
    println!(r#"{{"name":"{name}","value":{value:.4},"unit":"{unit}"}}"#);
}
