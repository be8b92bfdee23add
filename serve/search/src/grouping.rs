//! Duplicates in an answer: of records with one content or one direction, the best stands for all.
//!
//! What a search finds goes in, best first; groups come out. It knows no store: both ask it, and are asked for more until
//! enough of what they find is different.

use std::collections::HashMap;

use crate::record::normalised;
use crate::{ContentHash, Neighbour, Query, Record, SearchError};

/// A record found, and what makes another its duplicate.
pub(crate) struct Found {
    neighbour: Neighbour,
    content: Option<ContentHash>,
    direction: ContentHash,
}

impl Found {
    pub(crate) fn new(score: f32, record: Record, with_payload: bool) -> Result<Self, SearchError> {
        let Record { id, vector, payload, content } = record;
        let direction = normalised(&vector, vector.len(), || format!("record \"{id}\""))?;
        // Both zeros are the same number.
        let bytes: Vec<u8> = direction.iter().flat_map(|x| (x + 0.0).to_le_bytes()).collect();
        let payload = if with_payload { payload } else { serde_json::Value::Null };
        let told = content.filter(|_| with_payload);
        let neighbour = Neighbour { id, score, payload, content: told, duplicates: Vec::new() };
        Ok(Self { neighbour, content, direction: ContentHash::of(&bytes) })
    }
}

/// The neighbours that a query asks for, each with its duplicates. `ask` finds the best so many, or says that it knows no more.
pub(crate) fn distinct(
    query: &Query,
    listed_max: usize,
    ask: impl Fn(usize) -> Result<(Vec<Found>, bool), SearchError>,
) -> Result<Vec<Neighbour>, SearchError> {
    let wanted = query.offset + query.limit;
    // One group more than is wanted: then the duplicates of those before it have all been seen.
    let mut count = wanted + wanted / 2 + 1;
    loop {
        let (found, all) = ask(count)?;
        let groups = grouped(found, listed_max);
        if all || groups.len() > wanted {
            return Ok(groups.into_iter().skip(query.offset).take(query.limit).collect());
        }
        count = count.saturating_mul(4);
    }
}

/// Puts what was found, best first, into groups, in the order of their best.
fn grouped(found: Vec<Found>, listed_max: usize) -> Vec<Neighbour> {
    let mut groups = Vec::<Neighbour>::new();
    let (mut of_content, mut of_direction) = (HashMap::new(), HashMap::new());
    for Found { neighbour, content, direction } in found {
        let same = content.and_then(|content| of_content.get(&content)).into_iter();
        let place = same.chain(of_direction.get(&direction)).min().copied().unwrap_or(groups.len());
        if let Some(content) = content {
            of_content.entry(content).or_insert(place);
        }
        of_direction.entry(direction).or_insert(place);
        match groups.get_mut(place) {
            Some(group) if group.duplicates.len() < listed_max => group.duplicates.push(neighbour.id),
            Some(_) => {}
            None => groups.push(neighbour),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(id: &str, score: f32, picture: &str, vector: &[f32]) -> Found {
        let content = (!picture.is_empty()).then(|| ContentHash::of(picture.as_bytes()));
        let record = Record { content, ..Record::new(id, vector.to_vec(), serde_json::Value::Null) };
        Found::new(score, record, false).expect("a direction")
    }

    #[test]
    fn one_content_or_one_direction_is_one_group() {
        let all = || {
            vec![
                found("a", 1.0, "cat", &[1.0, 0.0]),
                found("b", 1.0, "", &[3.0, -0.0]),
                found("c", 0.9, "dog", &[1.0, 0.5]),
                // Another direction than a's, and then one with c's direction: each goes to the best that it is like.
                found("d", 0.8, "cat", &[1.0, 0.9]),
                found("e", 0.7, "cow", &[1.0, 0.9]),
                found("f", 0.6, "", &[0.0, 1.0]),
            ]
        };
        let ids = |listed| {
            let groups = grouped(all(), listed).into_iter();
            groups.map(|group| format!("{}{:?}", group.id, group.duplicates)).collect::<Vec<_>>()
        };
        assert_eq!(ids(9), [r#"a["b", "d", "e"]"#, "c[]", "f[]"]);
        assert_eq!(ids(1), [r#"a["b"]"#, "c[]", "f[]"]);
    }
}
