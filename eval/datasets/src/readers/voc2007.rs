//! PASCAL VOC2007, classification: `ImageSets/Main/<class>_{train,val,test}.txt` mark every picture of `JPEGImages` as
//! showing the class (1), not showing it (−1), or showing only objects that are difficult (0).
//!
//! Where a picture's annotation is here, marks must agree with it; so a class's file in another's place is found.

use std::path::Path;
use std::sync::Arc;

use crate::lists::{List, Once};
use crate::{Dataset, DatasetError, Label, Mark, Split};

const LISTS: [(Split, &str); 3] =
    [(Split::Train, "train"), (Split::Validation, "val"), (Split::Test, "test")];
const CLASSES: [&str; 20] = [
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
];

pub(super) fn read(root: &Path, name: &str) -> Result<Dataset, DatasetError> {
    let mut dataset = Dataset::new(name, root, CLASSES.map(str::to_owned).to_vec());
    let mut once = Once::default();
    for (split, part) in LISTS {
        let main = root.join("ImageSets/Main");
        let file = |class: &str| main.join(format!("{class}_{part}.txt"));
        if let Some(absent) = CLASSES.iter().map(|class| file(class)).find(|path| !path.is_file()) {
            dataset.lack(absent, format!("the {split} pictures' marks are not known"));
            continue;
        }
        let lists: Vec<List> =
            CLASSES.iter().map(|class| List::read(&file(class))).collect::<Result<_, _>>()?;
        let columns = lists.iter().map(column).collect::<Result<Vec<_>, _>>()?;
        same_pictures(&lists, &columns)?;
        for row in &columns[0] {
            once.check(&lists[0], row.line, row.picture)?;
        }
        check_annotations(root, &lists, &columns)?;
        let samples = (0..columns[0].len()).map(|row| {
            let marks: Arc<[Mark]> = columns.iter().map(|column| column[row].mark).collect();
            dataset.picture(format!("JPEGImages/{}.jpg", columns[0][row].picture), Label::Marks(marks))
        });
        let samples = samples.collect();
        dataset.set(split, samples);
    }
    Ok(dataset)
}

struct Row<'a> {
    line: usize,
    picture: &'a str,
    mark: Mark,
}

fn column(list: &List) -> Result<Vec<Row<'_>>, DatasetError> {
    let row = |(line, text)| {
        let mut words = str::split_whitespace(text);
        let picture = words.next().unwrap_or_default();
        let mark = match (words.next(), words.next()) {
            (Some("1"), None) => Mark::Present,
            (Some("0"), None) => Mark::Difficult,
            (Some("-1"), None) => Mark::Absent,
            _ => return Err(list.wrong(line, format!("`{text}`"), "a picture's number and 1, 0 or -1")),
        };
        Ok(Row { line, picture, mark })
    };
    list.lines().map(row).collect()
}

/// Every class's file must have the pictures of the first, and marks of its own.
fn same_pictures(lists: &[List], columns: &[Vec<Row<'_>>]) -> Result<(), DatasetError> {
    let first = lists[0].path.display();
    for (list, column) in lists.iter().zip(columns) {
        if let Some((row, other)) = column.iter().zip(&columns[0]).find(|(a, b)| a.picture != b.picture) {
            let expected = format!("picture {}, as in {first}", other.picture);
            return Err(list.wrong(row.line, format!("picture {}", row.picture), &expected));
        }
        if column.len() != columns[0].len() {
            let expected = format!("{} pictures, as in {first}", columns[0].len());
            return Err(list.too_short(format!("the list has {} pictures", column.len()), &expected));
        }
    }
    let marks = |at: usize| columns[at].iter().map(|row| row.mark);
    for b in 1..columns.len() {
        let shown = marks(b).find(|&mark| mark != Mark::Absent);
        let twin = (0..b).find(|&a| shown.is_some() && marks(a).eq(marks(b)));
        if let Some(a) = twin {
            let problem = format!("the marks are those of {}, to the last", lists[a].path.display());
            let line = columns[b].iter().find(|row| row.mark != Mark::Absent).map_or(1, |row| row.line);
            return Err(lists[b].wrong(line, problem, &format!("marks of the class {}", CLASSES[b])));
        }
    }
    Ok(())
}

fn check_annotations(root: &Path, lists: &[List], columns: &[Vec<Row<'_>>]) -> Result<(), DatasetError> {
    for (row, Row { picture, .. }) in columns[0].iter().enumerate() {
        let path = root.join("Annotations").join(format!("{picture}.xml"));
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let objects = objects(&text);
        for ((list, column), class) in lists.iter().zip(columns).zip(CLASSES) {
            let mut shown =
                objects.iter().filter(|(name, _)| *name == class).map(|(_, difficult)| *difficult);
            let expected = match (shown.clone().count(), shown.all(|difficult| difficult)) {
                (0, _) => (Mark::Absent, "-1: no such object"),
                (_, true) => (Mark::Difficult, "0: only difficult objects"),
                (_, false) => (Mark::Present, "1: an object that is not difficult"),
            };
            if column[row].mark != expected.0 {
                let problem = format!("picture {picture} is marked otherwise than {} says", path.display());
                let expected = format!("{class} {}", expected.1);
                return Err(list.wrong(column[row].line, problem, &expected));
            }
        }
    }
    Ok(())
}

/// Name and difficulty of every object of an annotation; parts of objects are left out.
fn objects(xml: &str) -> Vec<(&str, bool)> {
    let object = |text: &'_ str| -> Option<(usize, usize)> {
        let start = text.find("<name>")? + "<name>".len();
        Some((start, start + text[start..].find("</name>")?))
    };
    xml.split("<object>")
        .skip(1)
        .filter_map(|text| {
            let (start, end) = object(text)?;
            let own = text.find("<part>").map_or(text, |part| &text[..part]);
            let rest = text.rfind("</part>").map_or("", |part| &text[part..]);
            let is_difficult = |text: &str| text.contains("<difficult>1</difficult>");
            Some((text[start..end].trim(), is_difficult(own) || is_difficult(rest)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::objects;

    #[test]
    fn parts_are_no_objects_and_difficulty_is_the_objects_own() {
        let xml = "<annotation><object><name>person</name><difficult>1</difficult>\
                   <part><name>head</name></part></object>\
                   <object><name> dog </name><part><name>tail</name></part><difficult>0</difficult></object></annotation>";
        assert_eq!(objects(xml), [("person", true), ("dog", false)]);
    }
}
