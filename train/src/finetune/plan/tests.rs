//! Plans, right and wrong, and what the paper's come to.

use super::*;
use crate::recipe::{Optimiser, Views};
use crate::schedule::Rates;

const TRANSFER: &str = include_str!("../../../finetune/transfer.toml");

#[test]
fn the_papers_transfer_takes_its_steps_and_divides_decay_by_rate() {
    for text in [TRANSFER, include_str!("../../../finetune/transfer-random.toml")] {
        let plan = Plan::parse(text, Start::Random, 37, None).unwrap();
        let steps = plan.choices.steps.unwrap();
        let grid = plan.choices.grid();
        assert_eq!(grid.len(), 56);
        let (rate, decay) = grid[9];
        for (pictures, steps_per_epoch) in [(3680, 14), (256, 1), (75_750, 295)] {
            let recipe = TrainRecipe::parse(&plan.text_on(pictures, (rate, decay)).unwrap()).unwrap();
            let all = recipe.schedule.epochs * steps_per_epoch;
            assert!((steps..steps + steps_per_epoch).contains(&all), "{all} steps of {steps}");
            assert!((recipe.optimiser.weight_decay() - decay / rate).abs() < 1e-12);
        }
    }
}

#[test]
fn every_rate_and_decay_is_looked_at_before_the_first_run() {
    let last = TRANSFER.replace(", 0.1]", ", 0.0]").replace("0.001, 0.0]", "0.001, -1.0]");
    let wrong = last.replace("momentum = 0.9", "momentum = 1.0");
    let error = Plan::parse(&wrong, Start::Random, 37, None).unwrap_err().to_string();
    for named in ["finetune.rates", "finetune.decays", "optimiser.momentum"] {
        assert!(error.contains(named), "{named} in: {error}");
    }
    let none =
        TRANSFER.replace("rates = [0.0001, 0.0003162, 0.001, 0.003162, 0.01, 0.03162, 0.1]", "rates = []");
    let error = Plan::parse(&none, Start::Random, 37, None).unwrap_err().to_string();
    assert!(error.contains("finetune.rates must hold at least one"), "{error}");
}

#[test]
fn steps_and_epochs_together_are_refused() {
    let both = TRANSFER.replace("[schedule]", "[schedule]\nepochs = 3");
    let error = Plan::parse(&both, Start::Random, 37, None).unwrap_err().to_string();
    assert!(error.contains("not both"), "{error}");
    let none = TRANSFER.replace("steps = 20000", "steps = 0");
    assert!(Plan::parse(&none, Start::Random, 37, None).unwrap_err().to_string().contains("finetune.steps"));
}

#[test]
fn the_papers_semi_supervised_fine_tuning_is_as_published() {
    for (text, labels, epochs) in [
        (include_str!("../../../finetune/imagenet-1-percent.toml"), 0.01, 60),
        (include_str!("../../../finetune/imagenet-10-percent.toml"), 0.1, 30),
    ] {
        let plan = Plan::parse(text, Start::Random, 1000, None).unwrap();
        assert_eq!((plan.choices.labels, plan.choices.grid()), (labels, vec![(0.05, 0.0)]));
        let recipe = plan.recipe(0.05, 0.0).unwrap();
        let rates = Rates::new(&recipe.schedule, recipe.batch, 3);
        assert!((rates.at(0) - 0.8).abs() < 1e-12, "0.05·4096/256, and no warm-up");
        assert_eq!((recipe.batch, recipe.schedule.epochs), (4096, epochs));
        let sgd = Optimiser::Sgd { momentum: 0.9, weight_decay: 0.0, decay_norms: false, nesterov: true };
        assert_eq!(recipe.optimiser, sgd);
        let Views { flip, jitter, grey, blur, crop_area, .. } = recipe.views;
        assert_eq!((flip, jitter, grey, blur, crop_area), (0.5, 0.0, 0.0, 0.0, [0.08, 1.0]));
    }
}
