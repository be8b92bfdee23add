//! ImageNet and Tiny-ImageNet: a folder per WordNet synset. Their tests have no public labels, so what is judged on is
//! the validation split.

use std::collections::HashMap;
use std::path::Path;

use crate::files::{class_name, pictures_below, pictures_in, visible};
use crate::lists::{List, Once, places};
use crate::{Dataset, DatasetError, Label, Sample, Split};

/// `train/<synset>/` and `val/<synset>/`; `LOC_synset_mapping.txt` or `words.txt`, where there is one, says what synsets are.
pub(super) fn read(root: &Path, name: &str) -> Result<Dataset, DatasetError> {
    let train = root.join("train");
    if !train.is_dir() {
        let advice =
            "unpack ILSVRC2012_img_train.tar, then each synset's archive in it, into train/<synset>/";
        return Err(DatasetError::layout(&train, "the folder is missing", "a folder per synset", advice));
    }
    let folders = visible(&train)?.folders;
    let synsets = folders.iter().map(|folder| class_name(folder)).collect::<Result<Vec<_>, _>>()?;
    let strange = synsets.iter().zip(&folders).find(|(synset, _)| !is_synset(synset));
    if let Some((_, folder)) = strange {
        let advice = "ImageNet's classes are synsets; open other folders of classes as `folder`";
        return Err(DatasetError::layout(folder, "the folder is no synset", "n and eight digits", advice));
    }
    let mut dataset = Dataset::new(name, root, titles(root, &synsets)?);
    let of_folders = |split: &Path| -> Result<Vec<Sample>, DatasetError> {
        let mut samples = Vec::new();
        for (class, synset) in synsets.iter().enumerate() {
            let pictures = pictures_in(root, &split.join(synset))?.into_iter();
            samples.extend(pictures.map(|path| dataset.picture(path, Label::Class(class))));
        }
        Ok(samples)
    };
    let known = of_folders(&train)?;
    let val = root.join("val");
    let judged = if val.is_dir() { Some(of_folders(&val)?) } else { None };
    dataset.set(Split::Train, known);
    match judged {
        Some(judged) if judged.is_empty() && !pictures_in(root, &val)?.is_empty() => {
            let advice = "move each picture into val/<synset>/, as ILSVRC2012_validation_ground_truth.txt or \
                          LOC_val_solution.csv says";
            return Err(DatasetError::layout(
                &val,
                "pictures lie in no folder of a synset",
                "val/<synset>/",
                advice,
            ));
        }
        Some(judged) => dataset.set(Split::Validation, judged),
        None => dataset.lack(val, "there is nothing official to judge on".to_owned()),
    }
    Ok(dataset)
}

/// `wnids.txt`, `train/<synset>/images/`, `val/images/` with `val/val_annotations.txt`.
pub(super) fn read_tiny(root: &Path, name: &str) -> Result<Dataset, DatasetError> {
    let path = root.join("wnids.txt");
    let Some(list) = List::find(std::slice::from_ref(&path))? else {
        let advice = "unpack tiny-imagenet-200.zip again";
        return Err(DatasetError::layout(&path, "the file is missing", "200 synsets, one a line", advice));
    };
    // The list's own order is arbitrary; sorted, places are those of folders.
    let mut synsets = list.texts();
    synsets.sort();
    let mut dataset = Dataset::new(name, root, titles(root, &synsets)?);
    let mut samples = Vec::new();
    for (class, synset) in synsets.iter().enumerate() {
        let pictures = pictures_below(root, &root.join("train").join(synset), 1)?.into_iter();
        samples.extend(pictures.map(|path| dataset.picture(path, Label::Class(class))));
    }
    dataset.set(Split::Train, samples);
    let path = root.join("val/val_annotations.txt");
    let Some(list) = List::find(std::slice::from_ref(&path))? else {
        dataset.lack(path, "the validation pictures' classes are not known".to_owned());
        return Ok(dataset);
    };
    let places = places(&synsets);
    let (mut samples, mut once) = (Vec::with_capacity(list.len()), Once::default());
    for (line, text) in list.lines() {
        let mut words = text.split_whitespace();
        let (picture, synset) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let Some(&class) = places.get(synset) else {
            let expected = "picture, synset of wnids.txt and box, as in val_0.JPEG n03444034 0 32 44 62";
            return Err(list.wrong(line, format!("`{text}`"), expected));
        };
        once.check(&list, line, picture)?;
        samples.push(dataset.picture(format!("val/images/{picture}"), Label::Class(class)));
    }
    dataset.set(Split::Validation, samples);
    Ok(dataset)
}

fn is_synset(name: &str) -> bool {
    name.len() == 9 && name.starts_with('n') && name[1..].bytes().all(|byte| byte.is_ascii_digit())
}

/// What a synset is, where a list says so: `n01440764 tench, Tinca tinca`.
fn titles(root: &Path, synsets: &[String]) -> Result<Vec<String>, DatasetError> {
    let list = List::find(&[root.join("LOC_synset_mapping.txt"), root.join("words.txt")])?;
    let words: HashMap<&str, &str> = list
        .iter()
        .flat_map(List::lines)
        .filter_map(|(_, text)| text.split_once(char::is_whitespace))
        .collect();
    let title = |synset: &String| match words.get(synset.as_str()) {
        Some(words) => format!("{synset} {}", words.trim()),
        None => synset.clone(),
    };
    Ok(synsets.iter().map(title).collect())
}
