//! What was listed against what is here: a reader's dataset in, a dataset of pictures that exist out, or the first thing
//! that is missing.

use crate::{Dataset, DatasetError, Entry, Sample, Split};

/// Leaves out pictures that are not here where `partial` allows it, and says so; classes keep their places.
pub(crate) fn settle(mut dataset: Dataset, entry: &Entry, partial: bool) -> Result<Dataset, DatasetError> {
    let advice = advice(entry);
    let lacks = std::mem::take(&mut dataset.lacks);
    if let (Some(lack), false) = (lacks.first(), partial) {
        let problem =
            if lack.path.exists() { lack.so.clone() } else { format!("it is missing: {}", lack.so) };
        return Err(DatasetError::layout(&lack.path, problem, entry.layout, &advice));
    }
    let below =
        |path: &std::path::Path| path.strip_prefix(&dataset.root).unwrap_or(path).display().to_string();
    let notes: Vec<String> = lacks.iter().map(|lack| format!("{}: {}", below(&lack.path), lack.so)).collect();
    dataset.missing.extend(notes);
    if let Some(official) = entry.classes.filter(|&n| n != dataset.classes.len()) {
        let problem = format!("there are {} classes", dataset.classes.len());
        if !partial {
            let expected = format!("{official} classes, as {} officially has", entry.title);
            return Err(DatasetError::layout(&dataset.root, problem, &expected, &advice));
        }
        dataset.missing.push(format!("{problem}, officially {official}"));
    }
    for split in Split::ALL {
        leave_out(&mut dataset, split, entry, partial)?;
    }
    if partial {
        regroup(&mut dataset);
    } else {
        every_class(&dataset)?;
    }
    Ok(dataset)
}

fn advice(entry: &Entry) -> String {
    format!("unpack {} there, or go on with what is here (`--partial`)", entry.archive)
}

fn leave_out(dataset: &mut Dataset, split: Split, entry: &Entry, partial: bool) -> Result<(), DatasetError> {
    let Some(samples) = dataset.split(split) else { return Ok(()) };
    let (here, absent): (Vec<&Sample>, Vec<&Sample>) = samples.iter().partition(|sample| sample.exists());
    let Some(first) = absent.first() else { return Ok(()) };
    let problem = format!("{split}: {} of {} listed pictures are missing", absent.len(), samples.len());
    let example = first.name();
    if !partial {
        let problem = format!("{problem}, the first is {example}");
        return Err(DatasetError::layout(&dataset.root, problem, entry.layout, &advice(entry)));
    }
    let here = here.into_iter().cloned().collect();
    dataset.missing.push(format!("{problem}, such as {example}"));
    dataset.keep(split, here);
    Ok(())
}

/// Splits without a picture are dropped; without training pictures there are no splits any more, only pictures.
fn regroup(dataset: &mut Dataset) {
    for split in [Split::Validation, Split::Test] {
        if dataset.split(split).is_some_and(<[Sample]>::is_empty) {
            dataset.remove(split);
            dataset.missing.push(format!("{split}: none of its pictures is here, so there is no such split"));
        }
    }
    if dataset.split(Split::Train).is_none_or(<[Sample]>::is_empty) {
        let others = [Split::Validation, Split::Test].map(|split| dataset.remove(split)).concat();
        if !others.is_empty() {
            let note = "train: none of its pictures is here; the other splits' are divided anew instead";
            dataset.missing.push(note.to_owned());
        }
        dataset.keep(Split::Train, others);
    }
}

/// Refuses what no classifier can be fitted on or judged by: a class without a picture in some split.
fn every_class(dataset: &Dataset) -> Result<(), DatasetError> {
    for split in Split::ALL.into_iter().filter(|&s| dataset.split(s).is_some()) {
        let counts = dataset.count_by_class(split);
        if let Some(empty) = counts.iter().position(|&n| n == 0) {
            return Err(DatasetError::layout(
                &dataset.root,
                format!("class `{}` has no picture in the {split} split", dataset.classes[empty]),
                "at least one picture of every class in every split",
                "add pictures of that class, or remove it everywhere",
            ));
        }
    }
    Ok(())
}
