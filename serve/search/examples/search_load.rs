//! What filters cost, and what searches notice of sealing; one JSON object.
//!
//! ```text
//! cargo run --release -p simclr-search --example search_load -- FOLDER [records 100000] [dimension 512] [queries 500]
//! ```
//! Filters allow from one record in a thousand to every other. Sealing: the same searches, quiet and while as many
//! records again as are worth a segment are sealed.

#[path = "../tests/common/mod.rs"]
mod common;

use std::path::Path;
use std::time::{Duration, Instant};

use common::{clustered, config, query};
use serde_json::{Value, json};
use simclr_search::{Collection, Collections, Filter, Limits, Query, Record, SearchError};

const NEIGHBOURS: usize = 10;
const CALL: usize = 1000;
/// Searches while nothing else happens.
const QUIET: usize = 4000;
/// Each allows the records whose number it divides.
const SHARES: [usize; 7] = [1000, 100, 50, 20, 10, 2, 1];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let folder = arguments.first().ok_or("name a folder that is not there yet")?;
    let number = |i: usize, default| arguments.get(i).map_or(Ok(default), |text| text.parse::<usize>());
    let (records, dimension, queries) = (number(1, 100_000)?, number(2, 512)?, number(3, 500)?);
    let more = records / 4;
    let vectors = clustered(1, records + more + queries, dimension, (records / 100).max(1));
    let (stored, rest) = vectors.split_at(records);
    let (later, queries) = rest.split_at(more);

    let limits = |approximate_from| Limits { approximate_from, ..Limits::default() };
    let collections = Collections::open(Path::new(folder), limits(usize::MAX))?;
    fill(&*collections.create("bench", config(dimension))?, stored, 0)?;
    drop(collections);
    let collections = Collections::open(Path::new(folder), limits(records / 2))?;
    let collection = collections.get("bench")?;
    collection.wait_until_built(Duration::from_secs(24 * 3600));

    let filters = SHARES.map(|share| filtered(&collection, queries, share));
    let filters = filters.into_iter().collect::<Result<Vec<_>, _>>()?;
    let quiet = times(&collection, queries, |searches| searches < QUIET)?;
    fill(&collection, later, records)?;
    let sealing = times(&collection, queries, |_| collection.statistics().building)?;
    let problem = collection.statistics().problem;
    println!(
        "{}",
        json!({"records": records, "dimension": dimension, "filters": filters, "quiet": summary(quiet),
               "sealing": summary(sealing), "problem": problem})
    );
    Ok(())
}

fn fill(collection: &Collection, vectors: &[Vec<f32>], first: usize) -> Result<(), SearchError> {
    for (part, vectors) in vectors.chunks(CALL).enumerate() {
        let record = |(i, vector): (usize, &Vec<f32>)| {
            let n = first + part * CALL + i;
            let shares: serde_json::Map<String, Value> =
                SHARES.iter().map(|share| (format!("every{share}"), json!(n % share))).collect();
            Record::new(format!("{n:08}"), vector.clone(), Value::Object(shares))
        };
        collection.upsert(vectors.iter().enumerate().map(record).collect())?;
    }
    Ok(())
}

/// Recall against exact search, times, and that every answer is full, where one record in `share` is allowed.
fn filtered(collection: &Collection, queries: &[Vec<f32>], share: usize) -> Result<Value, SearchError> {
    let filter = (share > 1).then(|| Filter::Equals { field: format!("every{share}"), value: json!(0) });
    let ask = |vector: &Vec<f32>, exact| {
        let query = Query { exact, filter: filter.clone(), ..query(vector, NEIGHBOURS) };
        let started = Instant::now();
        let found = collection.search(&query)?;
        let ids: Vec<String> = found.into_iter().map(|neighbour| neighbour.id).collect();
        Ok((ids, started.elapsed().as_secs_f64()))
    };
    let (mut hits, mut full, mut took, mut exactly) = (0, true, Vec::new(), Vec::new());
    for vector in queries {
        let (found, time) = ask(vector, false)?;
        let (truth, exact) = ask(vector, true)?;
        hits += found.iter().filter(|id| truth.contains(id)).count();
        full &= found.len() == NEIGHBOURS;
        took.push(time);
        exactly.push(exact);
    }
    let recall = hits as f64 / (NEIGHBOURS * queries.len()) as f64;
    Ok(
        json!({"one_in": share, "recall": recall, "full": full, "walk": summary(took), "exact": summary(exactly)}),
    )
}

/// How long each search takes, as long as `going` says so of their number; one at least.
fn times(
    collection: &Collection,
    queries: &[Vec<f32>],
    going: impl Fn(usize) -> bool,
) -> Result<Vec<f64>, SearchError> {
    let mut times = Vec::new();
    for vector in queries.iter().cycle() {
        let started = Instant::now();
        collection.search(&query(vector, NEIGHBOURS))?;
        times.push(started.elapsed().as_secs_f64());
        if !going(times.len()) {
            break;
        }
    }
    Ok(times)
}

fn summary(mut times: Vec<f64>) -> Value {
    times.sort_by(f64::total_cmp);
    let at = |share: usize| 1e3 * times[(times.len() * share / 100).min(times.len() - 1)];
    json!({"searches": times.len(), "ms_p50": at(50), "ms_p99": at(99)})
}
