//! That draws repeat, have the distributions that recipes name, and stay what they were when fields are added.

use super::*;
use crate::TrainRecipe;

fn draws(change: impl Fn(&mut Views)) -> Vec<Draw> {
    let mut recipe = TrainRecipe::parse(include_str!("../../../recipes/tiny.toml")).unwrap().views;
    change(&mut recipe);
    (0..20_000).map(|picture| Draw::new(&recipe, 1, 2, picture, 0)).collect()
}

fn mean(numbers: impl Iterator<Item = f64>) -> f64 {
    let numbers: Vec<f64> = numbers.collect();
    numbers.iter().sum::<f64>() / numbers.len() as f64
}

#[test]
fn the_same_arguments_give_the_same_view_and_others_another() {
    let recipe = TrainRecipe::parse(include_str!("../../../recipes/tiny.toml")).unwrap().views;
    let one = Draw::new(&recipe, 1, 2, 3, 0);
    assert_eq!(one, Draw::new(&recipe, 1, 2, 3, 0));
    for other in [(2, 2, 3, 0), (1, 3, 3, 0), (1, 2, 4, 0), (1, 2, 3, 1)] {
        assert_ne!(one, Draw::new(&recipe, other.0, other.1, other.2, other.3));
    }
}

#[test]
fn crops_have_the_papers_distribution() {
    let draws = draws(|r| (r.crop_area, r.crop_aspect) = ([0.08, 0.5], [0.75, 4.0 / 3.0]));
    let areas = || draws.iter().map(|d| d.crop.width * d.crop.height);
    assert!(areas().all(|a| (0.08 - 1e-9..=0.5 + 1e-9).contains(&a)));
    assert!((mean(areas()) - 0.29).abs() < 0.005, "{}", mean(areas()));
    let aspects = || draws.iter().map(|d| (d.crop.width / d.crop.height).ln());
    assert!(mean(aspects()).abs() < 0.005);
    assert!((mean(aspects().map(|a| a * a)) - (4f64 / 3.0).ln().powi(2) / 3.0).abs() < 0.001);
    assert!(draws.iter().all(|d| d.crop.left + d.crop.width <= 1.0 + 1e-9 && d.crop.top >= 0.0));
}

#[test]
fn coins_fall_as_often_as_asked() {
    let draws = draws(|r| (r.flip, r.jitter, r.grey, r.blur) = (0.5, 0.8, 0.2, 0.3));
    let share = |holds: fn(&Draw) -> bool| mean(draws.iter().map(|d| f64::from(holds(d))));
    assert!((share(|d| d.flip) - 0.5).abs() < 0.015);
    assert!((share(|d| d.jitter.is_some()) - 0.8).abs() < 0.015);
    assert!((share(|d| d.grey) - 0.2).abs() < 0.015);
    assert!((share(|d| d.blur.is_some()) - 0.3).abs() < 0.015);
    assert!((mean(draws.iter().filter_map(|d| d.blur)) - 1.05).abs() < 0.02);
}

#[test]
fn jitter_reaches_as_far_as_its_strength() {
    for (kind, centre) in [(Brightness::Multiplicative, 1.0), (Brightness::Additive, 0.0)] {
        let draws = draws(|r| (r.brightness, r.strength, r.jitter) = (kind, 0.5, 1.0));
        let jitters: Vec<_> = draws.iter().filter_map(|d| d.jitter).collect();
        assert!(jitters.iter().all(|j| (j.brightness - centre).abs() <= 0.4 && j.hue.abs() <= 0.1));
        assert!((mean(jitters.iter().map(|j| (j.contrast - 1.0).powi(2))) - 0.16 / 3.0).abs() < 0.002);
        let first = |op| mean(jitters.iter().map(|j| f64::from(j.order[0] == op)));
        assert!((0..4).all(|op| (first(op) - 0.25).abs() < 0.015));
    }
}

/// As drawn before figure 5's operations were there: runs that are going on rely on it.
#[test]
fn fields_that_came_later_change_no_draw() {
    let recipe = TrainRecipe::parse(include_str!("../../../recipes/tiny.toml")).unwrap().views;
    let further = Views { turn: 1.0, sobel: 1.0, noise: 1.0, cutout: 1.0, ..recipe.clone() };
    let old = [
        Draw {
            crop: DrawnCrop {
                left: 0.3042355704915336,
                top: 0.278164082783886,
                width: 0.6188738469109611,
                height: 0.6963782074979246,
            },
            jitter: Some(DrawnJitter {
                brightness: 1.1870774848948906,
                contrast: 1.2277829572994452,
                saturation: 0.9235457218232858,
                hue: 0.06341545947172272,
                order: [1, 0, 2, 3],
            }),
            grey: true,
            ..Draw::whole()
        },
        Draw {
            crop: DrawnCrop {
                left: 0.023976181189087183,
                top: 0.14149816418488034,
                width: 0.9312630198064684,
                height: 0.8538264347749285,
            },
            flip: true,
            jitter: Some(DrawnJitter {
                brightness: 1.2998232862375785,
                contrast: 0.825976860843528,
                saturation: 1.1909288791134949,
                hue: -0.07631032194124839,
                order: [2, 1, 0, 3],
            }),
            blur: Some(0.35408704005559755),
            ..Draw::whole()
        },
    ];
    for (old, (seed, epoch, picture, view)) in old.into_iter().zip([(1, 0, 0, 0), (7, 3, 2, 0)]) {
        assert_eq!(Draw::new(&recipe, seed, epoch, picture, view), old);
        let Draw { turn, sobel, noise, cutout, .. } = Draw::new(&further, seed, epoch, picture, view);
        assert!(turn > 0 && sobel && noise.is_some() && cutout.is_some());
        let both = Draw { turn, sobel, noise, cutout, ..old };
        assert_eq!(Draw::new(&further, seed, epoch, picture, view), both);
    }
}

#[test]
fn figure_fives_operations_have_their_distributions() {
    let draws = draws(|r| (r.turn, r.sobel, r.noise, r.cutout) = (0.6, 0.3, 0.5, 0.4));
    let share = |holds: fn(&Draw) -> bool| mean(draws.iter().map(|d| f64::from(holds(d))));
    // Each quarter as often as the others.
    assert!((share(|d| d.turn == 0) - 0.4).abs() < 0.015);
    assert!((share(|d| d.turn == 1) - 0.2).abs() < 0.015 && (share(|d| d.turn == 3) - 0.2).abs() < 0.015);
    assert!((share(|d| d.sobel) - 0.3).abs() < 0.015);
    assert!((share(|d| d.noise.is_some()) - 0.5).abs() < 0.015);
    assert!((share(|d| d.cutout.is_some()) - 0.4).abs() < 0.015);
    let sigmas = || draws.iter().filter_map(|d| d.noise).map(|noise| noise.sigma);
    assert!(sigmas().all(|s| (0.0..0.1).contains(&s)));
    assert!((mean(sigmas()) - 0.05).abs() < 0.002);
    assert!((mean(sigmas().map(|s| (s - 0.05).powi(2))) - 0.01 / 12.0).abs() < 5e-5);
    let seeds: std::collections::HashSet<u64> =
        draws.iter().filter_map(|d| d.noise).map(|n| n.seed).collect();
    assert_eq!(seeds.len(), draws.iter().filter(|d| d.noise.is_some()).count());
    for axis in 0..2 {
        let centres = || draws.iter().filter_map(|d| d.cutout).map(|centre| centre[axis]);
        assert!(centres().all(|c| (0.0..1.0).contains(&c)) && (mean(centres()) - 0.5).abs() < 0.02);
        assert!((mean(centres().map(|c| (c - 0.5).powi(2))) - 1.0 / 12.0).abs() < 0.005);
    }
}

#[test]
fn crops_by_height_are_within_bounds_and_smaller() {
    let by_height = draws(|r| (r.crop_draw, r.crop_area) = (CropDraw::Height, [0.05, 1.0]));
    let crops = || by_height.iter().map(|d| d.crop);
    assert!(crops().all(|c| c.left + c.width <= 1.0 + 1e-9 && c.top + c.height <= 1.0 + 1e-9));
    assert!(crops().all(|c| (0.1 - 1e-9..=1.0).contains(&(c.width * c.height))));
    assert!(
        mean(crops().map(|c| c.width * c.height))
            < mean(draws(|_| ()).iter().map(|d| d.crop.width * d.crop.height))
    );
}
