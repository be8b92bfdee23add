//! Where classifiers come from: the model's own probes, and those of a folder, as an evaluation leaves it.

use std::fs::{self, File};
use std::time::{Duration, SystemTime};

use serde_json::json;
use simclr_eval::Probe;
use simclr_serve::App;

use crate::classifying::{probe, save};
use crate::process::{command, start_with};
use crate::world::{World, artefact, make_artefact};

#[test]
fn one_of_the_folder_takes_the_place_of_the_models_own() {
    let world = World::new();
    let model = make_artefact(&world.file("model"), "with-probes", 11);
    let own = Probe { score: Some(1.0), ..probe("cifar10", model.space_key()) };
    fs::create_dir(model.probes_folder()).unwrap();
    own.save(&model.probes_folder().join("cifar10.safetensors")).unwrap();
    let measured = Probe { score: Some(2.0), ..own.clone() };
    let folder = save(&world, &measured);
    let config = || {
        world.config(|raw| {
            (raw.model, raw.classifiers) = (Some(model.folder().to_owned()), Some(folder.clone()));
        })
    };
    let server = crate::world::Server::over(App::open(config()).unwrap());
    let client = &server.client;
    let list = client.get("/v1/classifiers").ok()["classifiers"].clone();
    assert_eq!(list.as_array().unwrap().len(), 1, "{list}");
    assert_eq!((&list[0]["score"], &list[0]["can_be_deleted"]), (&json!(2.0), &json!(true)));
    // Without it, the model's own is there again.
    assert_eq!(client.delete("/v1/classifiers/cifar10").status, 204);
    let found = client.get("/v1/classifiers/cifar10").ok();
    assert_eq!((&found["score"], &found["can_be_deleted"]), (&json!(1.0), &json!(false)));
    assert_eq!(client.delete("/v1/classifiers/cifar10").refused(409), "classifier_is_the_models");
    drop(server);

    measured.save(&folder.join("one.safetensors")).unwrap();
    measured.save(&folder.join("two.safetensors")).unwrap();
    let error = App::open(config()).err().unwrap().to_string();
    assert!(error.contains("two.safetensors") && error.contains("\"cifar10\""), "{error}");
}

#[test]
fn a_classifier_says_when_its_file_was_written() {
    let world = World::new();
    let folder = save(&world, &probe("dated", artefact().space_key()));
    let written = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    File::options()
        .write(true)
        .open(folder.join("dated.safetensors"))
        .unwrap()
        .set_modified(written)
        .unwrap();
    let server = world.server(|raw| raw.classifiers = Some(folder));
    assert_eq!(server.client.get("/v1/classifiers").ok()["classifiers"][0]["written"], 1_700_000_000);
}

#[test]
fn a_folder_named_too_high_is_told() {
    let world = World::new();
    let folder = save(&world, &probe("deep", artefact().space_key()));
    let out = world.file("out");
    let meant = out.join("tiny/classifiers");
    fs::create_dir_all(out.join("tiny")).unwrap();
    fs::rename(folder, &meant).unwrap();
    let log = world.file("log");
    for named in [&out, &out.join("tiny")] {
        let mut command = command(&world.file("data"));
        command.arg("--classifiers").arg(named).stderr(File::create(&log).unwrap());
        drop(start_with(&mut command));
        let log = fs::read_to_string(&log).unwrap();
        assert!(log.contains("WARN") && log.contains(&*meant.to_string_lossy()), "{log}");
    }
}
