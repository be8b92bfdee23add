//! Evaluations as jobs: started, followed, reported, refused; those that are interrupted stand beside this file.

mod interrupted;

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::pictures::encoded;
use crate::process::{Process, command, start_with};
use crate::world::{World, artefact, until};

/// A folder of `shots` pictures in three classes, told apart by their colour and some noise.
fn dataset(root: &Path, name: &str, shots: u32) {
    for (class, shade) in [("red", [200, 60, 60]), ("green", [60, 200, 60]), ("blue", [60, 60, 200])] {
        let folder = root.join(name).join(class);
        std::fs::create_dir_all(&folder).unwrap();
        for number in 0..shots {
            let noise = |x: u32, y: u32, c: u32| ((x * 31 + y * 17 + number * 73 + c * 101) % 151) as u8;
            let picture = image::RgbImage::from_fn(16, 16, |x, y| {
                image::Rgb([0, 1, 2].map(|c| shade[c as usize] / 2 + noise(x, y, c) / 2))
            });
            let file = folder.join(format!("{number}.png"));
            std::fs::write(file, encoded(&picture, image::ImageFormat::Png)).unwrap();
        }
    }
}

fn server(data: &Path, datasets: &Path, more: &[&str]) -> Process {
    let mut command = command(data);
    // Beside other tests, the lowest priority would wait for all of them.
    command.args(["--evaluation-nice", "0", "--evaluation-data"]).arg(datasets).args(more);
    start_with(command.stderr(Stdio::null()))
}

fn start(process: &Process, body: &Value) -> String {
    let answer = process.client.post_json("/v1/evaluations", body);
    assert_eq!(answer.status, 202, "{}", String::from_utf8_lossy(&answer.body));
    answer.json()["id"].as_str().unwrap().to_owned()
}

fn status(process: &Process, id: &str) -> Value {
    process.client.get(&format!("/v1/evaluations/{id}")).ok()["status"].clone()
}

/// Everything until the evaluation has ended.
fn follow(process: &Process, id: &str, after: u64) -> Vec<(u64, String, Value)> {
    process.client.events(&format!("/v1/evaluations/{id}/events"), after, |_| false)
}

fn report(process: &Process, id: &str, format: &str) -> String {
    let answer = process.client.get(&format!("/v1/evaluations/{id}/report?format={format}"));
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    String::from_utf8(answer.body).unwrap()
}

/// Processes that evaluate for a data folder.
fn at_work(data: &Path) -> usize {
    let mine = |path: PathBuf| {
        let line = std::fs::read(path.join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        line.contains("evaluate") && line.contains(data.to_str().unwrap())
    };
    std::fs::read_dir("/proc").unwrap().filter(|item| mine(item.as_ref().unwrap().path())).count()
}

#[test]
fn an_evaluation_is_started_followed_and_reported() {
    let world = World::new();
    let (data, root) = (world.file("data"), world.file("sets"));
    dataset(&root, "shots", 12);
    std::fs::create_dir(root.join("cifar10")).unwrap();
    let process = server(&data, &root, &[]);
    let client = &process.client;
    let options = client.get("/v1/evaluations/options").ok();
    assert_eq!(options["encoders"], json!(["tiny", "random", "pixels"]));
    let names: Vec<&str> =
        options["datasets"].as_array().unwrap().iter().map(|d| d["name"].as_str().unwrap()).collect();
    assert_eq!((names, &options["enabled"]), (vec!["cifar10", "folder:shots"], &json!(true)));

    let id = start(&process, &json!({ "encoders": ["tiny", "pixels"], "datasets": ["folder:shots"] }));
    let events = follow(&process, &id, 0);
    let kinds: Vec<&str> = events.iter().map(|(_, kind, _)| kind.as_str()).collect();
    assert_eq!((kinds[0], kinds[1], *kinds.last().unwrap()), ("status", "status", "status"));
    for kind in ["plan", "began", "progress", "ended"] {
        assert!(kinds.contains(&kind), "{kinds:?}");
    }
    assert!(events.windows(2).all(|pair| pair[0].0 < pair[1].0), "ids rise");
    let (last, _, data_of_last) = events.last().unwrap();
    assert_eq!(data_of_last["status"], "finished");
    // Whoever asks again after the last is told that there is no more; after another, the rest.
    let path = format!("/v1/evaluations/{id}/events");
    assert_eq!(client.send("GET", &path, &[("last-event-id", &last.to_string())], b"").status, 204);
    assert_eq!(
        client.send("GET", &path, &[("last-event-id", "x")], b"").refused(400),
        "invalid_last_event_id"
    );
    // Of a step's progress only the last is kept for those who come later.
    let firm = |events: &[(u64, String, Value)]| {
        events.iter().filter(|(_, kind, _)| kind != "progress").cloned().collect::<Vec<_>>()
    };
    let middle = events.len() / 2;
    assert_eq!(firm(&follow(&process, &id, events[middle].0)), firm(&events[middle + 1..]));

    let record = client.get(&format!("/v1/evaluations/{id}")).ok();
    assert_eq!(record["pairs"].as_array().unwrap().len(), 2);
    let figure = &record["pairs"][1]["figure"];
    assert_eq!((&figure["method"], &figure["metric"]), (&json!("linear"), &json!("top-1")));
    let document: Value = serde_json::from_str(&report(&process, &id, "json")).unwrap();
    assert_eq!(document["results"].as_array().unwrap().len(), 2);
    assert!(document["results"][0]["scores"].as_array().unwrap().len() > 3);
    assert!(report(&process, &id, "html").contains("<h1>Evaluation</h1>"));
    assert!(report(&process, &id, "markdown").contains("| tiny |"));
    let compared = client.get(&format!("/v1/evaluations/{id}/comparison?a=tiny&b=pixels")).ok();
    let one = &compared["comparisons"][0];
    assert!(one["p"].as_f64().is_some() && one["mcnemar"].as_f64().is_some(), "{compared}");
    assert_eq!(one["pictures"], 6, "a sixth of the pictures was set aside to judge on");
    assert_eq!(
        client.get(&format!("/v1/evaluations/{id}/comparison?a=tiny&b=..")).refused(404),
        "encoder_not_found"
    );
    let from = json!({ "evaluation": id, "encoder": "tiny", "dataset": "folder-shots" });
    assert_eq!(client.put("/v1/classifiers/shots", &from).json()["classes"], json!(["blue", "green", "red"]));
    assert_eq!(client.delete(&format!("/v1/evaluations/{id}")).status, 204);
    assert_eq!(client.get(&format!("/v1/evaluations/{id}")).refused(404), "evaluation_not_found");
}

#[test]
fn what_cannot_be_is_refused_and_off_is_off() {
    let world = World::new();
    let root = world.file("sets");
    dataset(&root, "shots", 4);
    let process = server(&world.file("data"), &root, &[]);
    let refused = |body: Value, status| process.client.post_json("/v1/evaluations", &body).refused(status);
    let with = |encoders: Value, datasets: Value| json!({ "encoders": encoders, "datasets": datasets });
    assert_eq!(refused(with(json!(["../tiny"]), json!(["folder:shots"])), 404), "encoder_not_found");
    assert_eq!(refused(with(json!(["tiny"]), json!(["folder:../shots"])), 404), "dataset_not_found");
    assert_eq!(refused(with(json!(["tiny"]), json!([])), 400), "invalid_evaluation");
    assert_eq!(refused(with(json!(["tiny", "tiny"]), json!(["folder:shots"])), 400), "invalid_evaluation");
    assert_eq!(refused(json!({ "encoders": 1 }), 400), "invalid_json");
    assert_eq!(process.client.get("/v1/evaluations/x").refused(404), "evaluation_not_found");
    let server = World::new().server(|_| ());
    let answer = server.client.post_json("/v1/evaluations", &with(json!(["tiny"]), json!(["cifar10"])));
    assert_eq!(answer.refused(409), "evaluations_off");
    assert_eq!(server.client.get("/v1/evaluations").ok()["evaluations"], json!([]));
    assert_eq!(server.client.get("/v1/evaluations/options").ok()["enabled"], json!(false));
}

#[test]
fn what_is_kept_for_the_next_evaluation_is_bounded() {
    let world = World::new();
    let (data, root) = (world.file("data"), world.file("sets"));
    dataset(&root, "shots", 12);
    let kept = || {
        let kinds = std::fs::read_dir(data.join("evaluations/cache")).unwrap();
        kinds.map(|kind| std::fs::read_dir(kind.unwrap().path()).unwrap().count()).sum::<usize>()
    };
    let body = json!({ "encoders": ["tiny"], "datasets": ["folder:shots"] });
    let process = server(&data, &root, &[]);
    follow(&process, &start(&process, &body), 0);
    assert!(kept() > 2, "features and stages are kept");
    drop(process);
    let process = server(&data, &root, &["--evaluation-cache-bytes-max", "1"]);
    until("what an earlier server kept is gone", || kept() == 0);
    let id = start(&process, &body);
    assert_eq!(follow(&process, &id, 0).last().unwrap().2["status"], "finished");
    until("what it kept is gone", || kept() == 0);
}

#[test]
fn real_pictures_are_evaluated_as_the_command_line_does() {
    let Some(root) = std::env::var_os("SIMCLR_TEST_DATA") else {
        eprintln!("SKIPPED: SIMCLR_TEST_DATA is not set, so no real dataset was evaluated by the server");
        return;
    };
    let world = World::new();
    let process = server(&world.file("data"), &Path::new(&root).join("transfer"), &[]);
    let whole = json!({ "encoders": ["tiny"], "datasets": ["flowers"] });
    let id = start(&process, &whole);
    let last = follow(&process, &id, 0).pop().unwrap().2;
    assert_eq!(last["status"], "failed", "most of its pictures are not here");
    assert!(last["problem"].as_str().unwrap().contains("flowers"), "{last}");
    let part = json!({ "encoders": ["tiny"], "datasets": ["flowers"], "partial": true });
    let id = start(&process, &part);
    let last = follow(&process, &id, 0).pop().unwrap().2;
    assert_eq!(last["status"], "finished", "{last}");
    let document: Value = serde_json::from_str(&report(&process, &id, "json")).unwrap();
    assert_eq!(document["results"][0]["pictures"]["test"]["official"], 6149);
    assert_eq!(document["results"][0]["space_key"], artefact().space_key());
    assert!(document["published"].as_array().unwrap().len() >= 4, "the paper's figures stand beside it");
}
