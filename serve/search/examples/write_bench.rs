//! Durable writes: upserts a second of many writers at once, and how long one takes until it is found; one JSON object.
//!
//! ```text
//! cargo run --release -p simclr-search --example write_bench -- FOLDER [writers 32] [seconds 3] [dimension 512]
//! ```

#[path = "../tests/common/mod.rs"]
mod common;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::{Numbers, config, query, record};
use simclr_search::{Collections, Limits};

/// Writes whose time until found is measured, one at a time.
const SINGLE: usize = 200;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let folder = arguments.first().ok_or("name a folder on the disk to be measured")?;
    let number = |i: usize, default: u64| arguments.get(i).map_or(Ok(default), |text| text.parse());
    let (writers, seconds, dimension) = (number(1, 32)?, number(2, 3)?, number(3, 512)? as usize);
    let collections = Collections::open(Path::new(folder), Limits::default())?;
    let collection = collections.create("written", config(dimension))?;
    let mut numbers = Numbers(9);
    let mut waits = Vec::with_capacity(SINGLE);
    for i in 0..SINGLE {
        let vector = numbers.vector(dimension);
        let started = Instant::now();
        collection.upsert(vec![record(format!("single-{i}"), vector.clone())])?;
        let found = collection.search(&query(&vector, 1))?;
        waits.push(started.elapsed().as_secs_f64() * 1e3);
        assert_eq!(found[0].id, format!("single-{i}"), "an answered upsert is searchable");
    }
    waits.sort_by(f64::total_cmp);
    let (started, written) = (Instant::now(), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for writer in 0..writers {
            let (collection, written) = (&collection, &written);
            scope.spawn(move || {
                let mut numbers = Numbers(writer);
                for i in 0.. {
                    if started.elapsed() >= Duration::from_secs(seconds) {
                        return;
                    }
                    let one = record(format!("{writer}-{i}"), numbers.vector(dimension));
                    collection.upsert(vec![one]).expect("stored");
                    written.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    let rate = written.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64();
    let (middle, slow) = (waits[SINGLE / 2], waits[SINGLE * 99 / 100]);
    println!(
        r#"{{"upserts_per_second":{rate:.1},"searchable_ms_p50":{middle:.3},"searchable_ms_p99":{slow:.3}}}"#
    );
    Ok(())
}
