//! Birdsnap: `species.txt` numbers 500 species, `images.txt` names all pictures below `images/`, `test_images.txt` those
//! for the test. Most links behind the list are dead, so a folder is hardly ever complete.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use crate::files::pictures_in;
use crate::lists::{List, Once};
use crate::{Dataset, DatasetError, Label, Sample, Split};

const ADVICE: &str = "unpack birdsnap.tgz again";

pub(super) fn read(root: &Path, name: &str) -> Result<Dataset, DatasetError> {
    let path = root.join("species.txt");
    let Some(species) = List::find(std::slice::from_ref(&path))? else {
        return Err(DatasetError::layout(&path, "the file is missing", "500 species, one a line", ADVICE));
    };
    let (classes, folders) = species_of(&species)?;
    // Where the downloader that comes with the lists puts pictures.
    let downloaded = root.join("download");
    let pictures = if downloaded.join("images").is_dir() { downloaded.as_path() } else { root };
    let mut dataset = Dataset::new(name, pictures, classes);
    let mut once = Once::default();
    let mut test = HashSet::new();
    let path = root.join("test_images.txt");
    if let Some(list) = List::find(std::slice::from_ref(&path))? {
        let mut samples = Vec::with_capacity(list.len());
        for (line, picture) in list.rows() {
            let class = class_of(&list, line, picture, &folders)?;
            once.check(&list, line, picture)?;
            test.insert(picture.to_owned());
            samples.push(dataset.picture(format!("images/{picture}"), Label::Class(class)));
        }
        dataset.set(Split::Test, samples);
    } else {
        dataset.lack(path, "the test pictures are not known".to_owned());
    }
    let path = root.join("images.txt");
    let samples = if let Some(list) = List::find(std::slice::from_ref(&path))? {
        listed(&dataset, &list, &folders, &test)?
    } else {
        dataset.lack(path, "training pictures are all those here that are not for the test".to_owned());
        found(&dataset, &folders, &test)?
    };
    dataset.set(Split::Train, samples);
    Ok(dataset)
}

/// Class names, and classes by their folder's name in small letters.
fn species_of(list: &List) -> Result<(Vec<String>, HashMap<String, usize>), DatasetError> {
    let (mut classes, mut folders) = (Vec::new(), HashMap::new());
    for (line, text) in list.rows() {
        let fields: Vec<&str> = text.split('\t').collect();
        let is_next = |id: &&str| id.parse() == Ok(classes.len() + 1);
        let ([_, common, _, folder], true) = (fields.as_slice(), fields.first().is_some_and(is_next)) else {
            let expected = format!(
                "id {}, common name, scientific name and folder, with tabs between",
                classes.len() + 1
            );
            return Err(list.wrong(line, format!("`{text}`"), &expected));
        };
        folders.insert(folder.to_lowercase(), classes.len());
        classes.push((*common).to_owned());
    }
    Ok((classes, folders))
}

fn class_of(
    list: &List,
    line: usize,
    picture: &str,
    folders: &HashMap<String, usize>,
) -> Result<usize, DatasetError> {
    let class = picture.split_once('/').and_then(|(folder, _)| folders.get(&folder.to_lowercase()));
    let expected = "folder/picture, as in Coopers_Hawk/0561.jpg, of a species of species.txt";
    class.copied().ok_or_else(|| list.wrong(line, format!("`{picture}`"), expected))
}

/// What `images.txt` names and the test does not.
fn listed(
    dataset: &Dataset,
    list: &List,
    folders: &HashMap<String, usize>,
    test: &HashSet<String>,
) -> Result<Vec<Sample>, DatasetError> {
    let head: Vec<&str> = list.lines().next().map(|(_, head)| head.split('\t').collect()).unwrap_or_default();
    let column = |name: &str| head.iter().position(|field| *field == name);
    let (Some(path), Some(id)) = (column("path"), column("species_id")) else {
        return Err(list.wrong(
            1,
            "no columns `path` and `species_id`",
            "the header of Birdsnap's images.txt",
        ));
    };
    let mut once = Once::default();
    let mut samples = Vec::with_capacity(list.len());
    for (line, text) in list.rows() {
        let fields: Vec<&str> = text.split('\t').collect();
        let picture = fields.get(path).copied().unwrap_or_default();
        let class = class_of(list, line, picture, folders)?;
        if fields.get(id).and_then(|id| id.parse().ok()) != Some(class + 1) {
            let problem = format!("`{picture}` has species {}", fields.get(id).unwrap_or(&"none"));
            return Err(list.wrong(line, problem, &format!("species {}, of that folder", class + 1)));
        }
        once.check(list, line, picture)?;
        if !test.contains(picture) {
            samples.push(dataset.picture(format!("images/{picture}"), Label::Class(class)));
        }
    }
    Ok(samples)
}

/// The pictures that are here and not for the test.
fn found(
    dataset: &Dataset,
    folders: &HashMap<String, usize>,
    test: &HashSet<String>,
) -> Result<Vec<Sample>, DatasetError> {
    let images = dataset.root.join("images");
    let mut samples = Vec::new();
    let inside = if images.is_dir() { crate::files::visible(&images)?.folders } else { vec![] };
    for folder in inside {
        let Some(&class) = folders.get(&crate::files::class_name(&folder)?.to_lowercase()) else { continue };
        for path in pictures_in(&images, &folder)? {
            if !test.contains(path.to_string_lossy().as_ref()) {
                samples.push(dataset.picture(Path::new("images").join(path), Label::Class(class)));
            }
        }
    }
    samples.sort_by_key(Sample::name);
    Ok(samples)
}
