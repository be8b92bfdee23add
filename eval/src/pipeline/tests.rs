//! Several encoders of different speeds must give what one gives, in order; whoever fails ends the work of all.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use simclr_datasets::{Dataset, Split, open};
use simclr_models::{Embedding, Filter};

use super::*;

const PICTURES: u8 = 90;

/// The picture's red as its embedding; of several copies, the one with the first picture waits until another is done.
struct Red {
    copies: usize,
    done: Arc<AtomicUsize>,
    /// Fails from this red on.
    fails_at: f32,
}

impl Encoder for Red {
    fn embedding_len(&self) -> usize {
        1
    }

    fn embed(&mut self, images: &ImageBatch) -> Result<Vec<Embedding>, EncodeError> {
        let reds: Vec<f32> = images.as_slice().chunks_exact(3).map(|pixel| pixel[0]).collect();
        while self.copies > 1 && reds.contains(&0.0) && self.done.load(Ordering::Relaxed) == 0 {
            std::thread::yield_now();
        }
        self.done.fetch_add(1, Ordering::Relaxed);
        match reds.iter().any(|&red| red >= self.fails_at) {
            true => Err(EncodeError::Runtime("told to fail".to_owned())),
            false => Ok(reds.into_iter().map(|red| Embedding::new(vec![red]).unwrap()).collect()),
        }
    }
}

fn encoders(copies: usize, fails_at: f32) -> Encoders {
    let done = Arc::default();
    let open = |_| Ok::<_, EvalError>(Red { copies, done: Arc::clone(&done), fails_at });
    Encoders::side_by_side(Path::new("no such file"), copies, open).unwrap()
}

/// Pictures of one pixel that grow redder; the one in the middle is broken.
fn pictures(root: &Path) -> Dataset {
    for red in 0..PICTURES {
        let path = root.join(format!("train/one/{red:03}.png"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let png = Picture::new(1, 1, vec![red, 0, 0]).unwrap().to_png().unwrap();
        fs::write(path, if red == PICTURES / 2 { b"PNG, they said".to_vec() } else { png }).unwrap();
    }
    fs::create_dir_all(root.join("test/one")).unwrap();
    fs::copy(root.join("train/one/000.png"), root.join("test/one/000.png")).unwrap();
    open("folder", root).unwrap()
}

type Seen = (Vec<usize>, Vec<u8>, Vec<u8>, Vec<usize>);

/// Ends of the ranges, notes, embeddings as levels and broken places, in the order they came.
fn run(encoders: &mut Encoders, dataset: &Dataset, stop_after: usize) -> Result<Seen, EvalError> {
    let samples = dataset.split(Split::Train).unwrap();
    let recipe = Recipe { side: 1, resize: 1, filter: Filter::Bilinear, mean: [0.0; 3], deviation: [1.0; 3] };
    let mut seen = Seen::default();
    let pictures = Pictures { samples, recipe: &recipe, limits: &Limits::default() };
    let batches = ranges(0..samples.len(), 4);
    embed_ranges(encoders, &pictures, &batches, &|picture| picture.rgb()[0], &mut |embedded| {
        seen.0.push(embedded.range.end);
        seen.1.extend(embedded.notes);
        seen.2.extend(embedded.embeddings.iter().map(|red| (red * 255.0).round() as u8));
        seen.3.extend(embedded.broken.iter().map(|(place, _)| *place));
        match seen.0.len() < stop_after {
            true => Ok(()),
            false => Err(EvalError::TooFew("enough".to_owned())),
        }
    })?;
    Ok(seen)
}

#[test]
fn several_encoders_keep_the_order_of_one() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = pictures(folder.path());
    let seen = run(&mut encoders(3, 2.0), &dataset, usize::MAX).unwrap();
    assert_eq!(seen, run(&mut encoders(1, 2.0), &dataset, usize::MAX).unwrap());
    let sound: Vec<u8> = (0..PICTURES).filter(|&red| red != PICTURES / 2).collect();
    assert_eq!((&seen.1, &seen.2, seen.3), (&sound, &sound, vec![usize::from(PICTURES) / 2]));
    assert!(seen.0.is_sorted() && seen.0.last() == Some(&usize::from(PICTURES)));
}

#[test]
fn a_failing_encoder_or_receiver_ends_the_work_of_all() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = pictures(folder.path());
    let failed = run(&mut encoders(3, 0.1), &dataset, usize::MAX).unwrap_err().to_string();
    assert!(failed.contains("told to fail"), "{failed}");
    let stopped = run(&mut encoders(3, 2.0), &dataset, 2).unwrap_err().to_string();
    assert!(stopped.contains("enough"), "{stopped}");
}
