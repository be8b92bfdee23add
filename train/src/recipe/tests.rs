//! Recipes, right and wrong, and what presets come to.

use super::*;

const TINY: &str = include_str!("../../recipes/tiny.toml");

#[test]
fn a_wrong_field_is_named() {
    for (from, to, named) in [
        ("batch = 16", "batch = 1", "batch"),
        ("name = \"simclr-tiny\"", "name = \"_x\"", "name must be"),
        ("name = \"simclr-tiny\"", "name = \"-x\"", "name must be"),
        ("name = \"simclr-tiny\"", "name = \".5\"", "name must be"),
        ("name = \"simclr-tiny\"", "name = \"\"", "name must be"),
        ("batch = 16", "batch = 16\nmicro_batch = 5", "micro_batch"),
        ("temperature = 0.5", "temperature = 0.0", "objective.temperature"),
        ("kind = \"nt-xent\"", "kind = \"nt-zent\"", "nt-zent"),
        ("flip = 0.5", "flip = 1.5", "views.flip"),
        ("flip = 0.5", "flip = \"often\"", "flip"),
        ("depth = 10", "depth = 11", "ResNet-11"),
        ("seed = 1", "seeds = 1", "seed is missing"),
        ("seed = 1", "seed = 1\nmonitor = { every_epochs = 0 }", "monitor.every_epochs"),
        ("seed = 1", "seed = 1\nmonitor = { every_epochs = 5, every = 1 }", "monitor.every is not a field"),
        ("side = 32\n\n[enc", "side = 32\nbroken_max = 1.0\n\n[enc", "data.broken_max"),
        ("grey = 0.2", "grey = 0.2\ngray = 0.2", "views.gray is not a field"),
        ("depth = 10", "depth = 10\ndeep = true", "encoder: unknown field `deep`"),
        ("momentum = 0.9", "momentum = 0.9\ntrust_coefficient = 0.1", "optimiser.trust_coefficient"),
    ] {
        assert!(TINY.contains(from), "{from}");
        let error = TrainRecipe::parse(&TINY.replace(from, to)).unwrap_err().to_string();
        assert!(error.contains(named), "{error}");
    }
}

#[test]
fn a_default_may_be_written_out() {
    let written = TINY.replace("depth = 10", "depth = 10\nselective_kernels = false");
    assert_eq!(TrainRecipe::parse(&written).unwrap(), TrainRecipe::parse(TINY).unwrap());
}

#[test]
fn everything_wrong_is_said_at_once() {
    let wrong = TINY
        .replace("flip = 0.5", "flip = 1.5\nflop = 1")
        .replace("temperature = 0.5", "temperature = -1.0")
        .replace("epochs = 12", "epochs = 0");
    let error = TrainRecipe::parse(&wrong).unwrap_err().to_string();
    for named in ["views.flip", "views.flop", "objective.temperature", "schedule.epochs"] {
        assert!(error.contains(named), "{named} in: {error}");
    }
    // Of each kind one: a type, a range, a key of a section and one of the recipe, and one that is missing.
    let mixed = TINY
        .replace("batch = 16", "batch = \"x\"\nbatches = 3")
        .replace("flip = 0.5", "flip = 1.5\ngray = 1")
        .replace("seed = 1\n", "");
    let error = TrainRecipe::parse(&mixed).unwrap_err().to_string();
    for named in
        ["batch:", "batches is not a field", "views.flip", "views.gray is not a field", "seed is missing"]
    {
        assert!(error.contains(named), "{named} in: {error}");
    }
    let error = TrainRecipe::parse("name = 1\nseed = \"x\"").unwrap_err().to_string();
    assert!(
        error.contains("name:") && error.contains("seed:") && error.contains("views is missing"),
        "{error}"
    );
}

#[test]
fn a_recipe_changes_what_it_says_of_its_preset_and_nothing_else() {
    let text = "preset = \"google-code\"\nname = \"mine\"\n[views]\nstrength = 0.5\n[optimiser]\nkind = \"sgd\"\n\
        momentum = 0.9\nweight_decay = 5e-4\n";
    let mine = TrainRecipe::parse(text).unwrap();
    let theirs = TrainRecipe::parse("preset = \"google-code\"\nname = \"mine\"").unwrap();
    // Decay of batch-norms as it was before a recipe could say.
    let sgd = Optimiser::Sgd { momentum: 0.9, weight_decay: 5e-4, decay_norms: true, nesterov: false };
    assert_eq!(mine.optimiser, sgd);
    assert_eq!(mine.views, Views { strength: 0.5, ..theirs.views.clone() });
    assert_eq!(TrainRecipe { views: mine.views.clone(), optimiser: mine.optimiser, ..theirs }, mine);
    let error = TrainRecipe::parse("preset = \"none\"").unwrap_err().to_string();
    assert!(error.contains("small-batch"), "{error}");
}

#[test]
fn presets_hold_what_was_published() {
    let preset = |name: &str| TrainRecipe::parse(&format!("preset = \"{name}\"\nname = \"x\"")).unwrap();
    let (paper, code, small) = (preset("paper"), preset("google-code"), preset("small-batch"));
    assert_eq!((paper.batch, paper.head.layers, paper.views.brightness), (4096, 2, Brightness::Additive));
    assert_eq!((code.batch, code.head.layers, code.views.blur_sigma), (512, 3, BlurSigma::PerBatch));
    assert_eq!((paper.views.crop_draw, code.views.crop_draw), (CropDraw::Area, CropDraw::Height));
    assert!(matches!(paper.objective, Objective::NtXent { factor: 1.0, temperature: 0.1, .. }));
    assert!(matches!(code.objective, Objective::NtXent { factor: 2.0, .. }));
    assert!(matches!(paper.optimiser, Optimiser::Lars { weight_decay: 1e-6, .. }));
    assert!(matches!(code.optimiser, Optimiser::Lars { weight_decay: 1e-4, adapt_classifier: false, .. }));
    assert_eq!((small.batch, small.schedule.scaling), (256, Scaling::Sqrt));
}

#[test]
fn written_out_in_full_it_is_the_same_recipe() {
    let recipe = TrainRecipe::parse("preset = \"paper\"\nname = \"x\"").unwrap();
    assert_eq!(TrainRecipe::parse(&recipe.to_toml().unwrap()).unwrap(), recipe);
}

#[test]
fn a_name_is_as_long_as_an_artefacts_may_be() {
    let named = |length: usize| TINY.replace("\"simclr-tiny\"", &format!("{:?}", "x".repeat(length)));
    assert!(TrainRecipe::parse(&named(100)).is_ok());
    assert!(TrainRecipe::parse(&named(101)).unwrap_err().to_string().contains("1 to 100"));
}
