//! What is written is read again; what is damaged is refused.

use super::*;

const TINY: &str = include_str!("../../recipes/tiny.toml");

#[test]
fn written_and_read_again_bit_for_bit() {
    let mut checkpoint = Checkpoint::start(TINY).unwrap();
    checkpoint.step = 17;
    checkpoint.epoch_loss = Some(0.1 + 0.2);
    checkpoint.epoch_so_far = (1.0 / 3.0, 7);
    checkpoint.knn = Some(63.7);
    checkpoint.pictures = Some(Identity { count: 64, names: "0a1b".into() });
    checkpoint.earlier = vec![Earlier { epochs: 200, recipe: "a = \"b\"\n".into() }];
    checkpoint.slots[0][3][0] = 1.5;
    assert_eq!(Checkpoint::from_bytes(&checkpoint.to_bytes().unwrap()).unwrap(), checkpoint);
}

#[test]
fn past_projections_are_kept_only_where_there_is_a_queue() {
    let text = TINY.replace("temperature = 0.5", "temperature = 0.5\nqueue = 4");
    let mut checkpoint = Checkpoint::start(&text).unwrap();
    assert!(!has_queue(&checkpoint.to_bytes().unwrap()));
    checkpoint.memory = (0..64u8).map(f32::from).collect();
    let bytes = checkpoint.to_bytes().unwrap();
    assert!(has_queue(&bytes));
    assert_eq!(Checkpoint::from_bytes(&bytes).unwrap(), checkpoint);
}

fn has_queue(bytes: &[u8]) -> bool {
    SafeTensors::deserialize(bytes).unwrap().names().iter().any(|name| name.starts_with("queue/"))
}

#[test]
fn a_heads_layer_that_is_kept_and_the_head_on_it_have_slots_of_their_own() {
    let kept = "[kept_head]\nlayers = 1\nhead = { layers = 2, output = 32, batch_norm = true }\n";
    let labels = TINY.replace("kind = \"nt-xent\"\ntemperature = 0.5", "kind = \"supervised\"\nclasses = 4");
    let mut checkpoint = Checkpoint::start(&format!("{labels}\n{kept}")).unwrap();
    for (number, slot) in (0u8..).zip(&mut checkpoint.slots[0]) {
        slot[0] = f32::from(number);
    }
    assert_eq!(Checkpoint::from_bytes(&checkpoint.to_bytes().unwrap()).unwrap(), checkpoint);
}

#[test]
fn damage_is_reported_whatever_byte_is_cut() {
    let bytes = Checkpoint::start(TINY).unwrap().to_bytes().unwrap();
    for length in [0, 4, 100, bytes.len() / 2, bytes.len() - 1] {
        assert!(Checkpoint::from_bytes(&bytes[..length]).is_err(), "{length}");
    }
}

#[test]
fn the_header_alone_says_the_step() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    let bytes = Checkpoint { step: 17, ..Checkpoint::start(TINY).unwrap() }.to_bytes().unwrap();
    for (length, expected) in [(bytes.len(), Some(17)), (100, None), (3, None)] {
        std::fs::write(&path, &bytes[..length]).unwrap();
        assert_eq!(Checkpoint::step_of(&path), expected);
    }
}

#[test]
fn a_run_goes_on_on_its_own_pictures_and_one_of_an_earlier_version_on_any() {
    let pictures = |count| Identity { count, names: "0a1b".into() };
    let run = Checkpoint::start(TINY).unwrap().on(&pictures(64)).unwrap();
    assert_eq!(run.pictures, Some(pictures(64)));
    let again = Checkpoint::from_bytes(&run.to_bytes().unwrap()).unwrap();
    assert_eq!(again.clone().on(&pictures(64)).unwrap(), run);
    let error = again.clone().on(&pictures(65)).unwrap_err().to_string();
    assert!(error.contains("64 pictures") && error.contains("65 pictures"), "{error}");
    assert!(again.clone().on(&Identity { count: 64, names: "ff".into() }).is_err());
    let earlier = Checkpoint { pictures: None, ..again.clone() };
    let earlier = Checkpoint::from_bytes(&earlier.to_bytes().unwrap()).unwrap();
    assert_eq!(earlier.on(&pictures(65)).unwrap().pictures, Some(pictures(65)));
    // Its weights may go anywhere.
    let begun = Checkpoint::start(TINY).unwrap().at_weights_of(&again).unwrap();
    assert!(begun.on(&pictures(9)).is_ok());
}

#[test]
fn a_run_begins_at_the_weights_of_another_with_the_same_encoder() {
    let other = Checkpoint { step: 17, ..Checkpoint::start(&TINY.replace("seed = 1", "seed = 9")).unwrap() };
    let fresh = Checkpoint::start(TINY).unwrap();
    assert_ne!(fresh.encoder, other.encoder);
    let begun = fresh.clone().at_weights_of(&other).unwrap();
    let again = fresh.clone().at_weights_of(&Checkpoint { epochs_done: 3, ..begun.clone() }).unwrap();
    let told: Vec<_> = again.earlier.iter().map(|run| (run.epochs, run.recipe.clone())).collect();
    assert_eq!(told, [(0, other.recipe_text.clone()), (3, fresh.recipe_text.clone())]);
    assert_eq!((begun.step, &begun.encoder, &begun.head), (0, &other.encoder, &other.head));

    let narrower = Checkpoint::start(&TINY.replace("output = 32", "output = 16")).unwrap();
    let begun = narrower.clone().at_weights_of(&other).unwrap();
    assert_eq!((&begun.encoder, &begun.head), (&other.encoder, &narrower.head));

    let deeper = Checkpoint::start(&TINY.replace("depth = 10", "depth = 18")).unwrap();
    assert!(deeper.at_weights_of(&other).unwrap_err().to_string().contains("[encoder]"));
}
