//! The two views of a batch: their order, their repetition, what a batch shares.

use simclr_train::recipe::{BlurSigma, Branches, Views};
use simclr_train::views::{Draw, augment, draw_batch, pair};

use crate::twin::{SIDE, pictures, recipe};

/// Every operation there is.
fn everything() -> Views {
    Views { blur: 0.7, turn: 0.5, sobel: 0.3, noise: 0.5, cutout: 0.5, ..recipe() }
}

#[test]
fn a_pair_is_the_two_views_of_each_picture_in_order() {
    let (pictures, indices, recipe) = (pictures(3), [7, 5, 9], everything());
    let both = pair(&pictures, &indices, &recipe, 3, 4).unwrap();
    assert_eq!(both.size(), [6, 3, SIDE as i64, SIDE as i64]);
    // The same picture alone gives the same views, whatever its batch.
    let alone = pair(&pictures.narrow(0, 1, 1), &indices[1..2], &recipe, 3, 4).unwrap();
    assert!(alone.get(0).allclose(&both.get(1), 1e-5, 1e-6, false));
    assert!(alone.get(1).allclose(&both.get(4), 1e-5, 1e-6, false));
    assert!(!both.get(1).allclose(&both.get(4), 1e-3, 1e-3, false));
    // Bit for bit again, as resuming needs, whatever libtorch's own generator has been used for.
    tch::manual_seed(77);
    assert_eq!(pair(&pictures, &indices, &recipe, 3, 4).unwrap(), both);
}

#[test]
fn a_batch_may_share_its_blurs_two_sigmas() {
    let recipe = Views { blur: 0.7, blur_sigma: BlurSigma::PerBatch, ..recipe() };
    let indices: Vec<i64> = (100..200).collect();
    let sigmas = |draws: &[Draw]| {
        let mut sigmas: Vec<f64> = draws.iter().filter_map(|draw| draw.blur).collect();
        assert!((50..90).contains(&sigmas.len()), "coins are a picture's own: {}", sigmas.len());
        sigmas.dedup();
        assert_eq!(sigmas.len(), 1);
        sigmas[0]
    };
    let drawn = |seed, epoch, indices: &[i64]| {
        let draws = draw_batch(&recipe, seed, epoch, indices);
        (sigmas(&draws[..100]), sigmas(&draws[100..]))
    };
    let (first, second) = drawn(1, 2, &indices);
    assert!(first != second && (0.1..2.0).contains(&first) && (0.1..2.0).contains(&second));
    assert_eq!(drawn(1, 2, &indices), (first, second));
    let later: Vec<i64> = (200..300).collect();
    for others in [drawn(2, 2, &indices), drawn(1, 3, &indices), drawn(1, 2, &later)] {
        assert!(others.0 != first && others.1 != second);
    }
    // Nothing else changes, and over many batches it is uniform as before.
    let own = draw_batch(&Views { blur_sigma: BlurSigma::PerPicture, ..recipe.clone() }, 1, 2, &indices);
    for (shared, own) in draw_batch(&recipe, 1, 2, &indices).into_iter().zip(own) {
        assert_eq!(shared.blur.is_some(), own.blur.is_some());
        assert_eq!(Draw { blur: own.blur, ..shared }, own);
    }
    let many = |batch| draw_batch(&Views { blur: 1.0, ..recipe.clone() }, 1, 2, &[batch])[0].blur.unwrap();
    let mean = (0..20_000).map(many).sum::<f64>() / 20_000.0;
    assert!((mean - 1.05).abs() < 0.02, "{mean}");
}

#[test]
fn one_branch_alone_may_be_augmented() {
    let (pictures, indices) = (pictures(3), [7, 5, 9]);
    let recipe = everything();
    let one = Views { branches: Branches::One, ..recipe.clone() };
    let views = pair(&pictures, &indices, &one, 3, 4).unwrap();
    // Samples at the pixels' own places: bilinear of the whole picture is the picture.
    assert!(views.narrow(0, 0, 3).allclose(&pictures, 1e-5, 1e-5, false));
    let both = pair(&pictures, &indices, &recipe, 3, 4).unwrap();
    assert_eq!(views.narrow(0, 3, 3), both.narrow(0, 3, 3));
}

#[test]
fn operations_are_applied_in_the_recipes_order() {
    // A draw with everything equals its operations one after the other.
    let recipe = everything();
    let busy = |draw: &Draw| {
        draw.turn > 0 && draw.sobel && draw.noise.is_some() && draw.cutout.is_some() && draw.blur.is_some()
    };
    let draw = (0..10_000).map(|p| Draw::new(&recipe, 1, 1, p, 0)).find(|d| busy(d) && d.jitter.is_some());
    let draw = draw.unwrap();
    let picture = pictures(1);
    let whole = Draw::whole;
    let steps = [
        Draw { crop: draw.crop, flip: draw.flip, ..whole() },
        Draw { turn: draw.turn, ..whole() },
        Draw { jitter: draw.jitter, ..whole() },
        Draw { grey: draw.grey, ..whole() },
        Draw { blur: draw.blur, ..whole() },
        Draw { sobel: draw.sobel, ..whole() },
        Draw { noise: draw.noise, ..whole() },
        Draw { cutout: draw.cutout, ..whole() },
    ];
    let stepwise = steps.iter().fold(picture.shallow_clone(), |view, step| {
        augment(&view, std::slice::from_ref(step), &recipe).unwrap()
    });
    let at_once = augment(&picture, &[draw], &recipe).unwrap();
    assert!(stepwise.allclose(&at_once, 1e-4, 1e-4, false));
}
