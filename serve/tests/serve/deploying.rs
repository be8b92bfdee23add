//! The deployment examples say only what the program understands: their flags, variables and keys, and the routes they probe.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use simclr_serve::RawConfig;

use crate::world::{World, make_artefact};

fn example(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/examples/serving").join(name)
}

fn text(name: &str) -> String {
    std::fs::read_to_string(example(name)).unwrap()
}

fn help() -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_simclr-serve")).arg("--help").output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// Words of a text that begin so, comments included: an example in a comment must be right too.
fn words<'a>(text: &'a str, start: &str) -> BTreeSet<&'a str> {
    let part = |letter: char| !(letter.is_ascii_alphanumeric() || "-_".contains(letter));
    text.split(part).filter(|word| word.starts_with(start) && word.len() > start.len()).collect()
}

#[test]
fn flags_and_variables_are_ones_that_there_are() {
    let help = help();
    let known_flags = words(&help, "--");
    let known_variables = words(&help, "SIMCLR_");
    assert!(known_flags.len() > 30 && known_variables.len() > 30, "--help is not what it was");
    let unit = text("simclr-serve.service");
    let program = |line: &&str| line.starts_with("Exec");
    let commands: Vec<&str> = unit.lines().filter(program).collect();
    assert_eq!(commands.len(), 2);
    for flag in commands.iter().flat_map(|line| words(line, "--")) {
        assert!(known_flags.contains(flag), "the unit passes {flag}");
    }
    let entry = text("Dockerfile");
    let entry = entry.lines().find(|line| line.starts_with("ENTRYPOINT")).unwrap();
    assert!(words(entry, "--").iter().all(|flag| known_flags.contains(flag)), "{entry}");
    for name in ["Dockerfile", "kubernetes.yaml", "serve.toml"] {
        for variable in words(&text(name), "SIMCLR_").into_iter().filter(|word| !word.ends_with('_')) {
            assert!(known_variables.contains(variable), "{name} sets {variable}");
        }
    }
}

/// The file as it stands, and with every key that it shows in a comment.
#[test]
fn the_configuration_is_sound_where_its_files_are_there() {
    let world = World::new();
    let (models, keys, full) = (world.file("models"), world.file("keys"), world.file("full.toml"));
    make_artefact(&models.join("tiny"), "tiny", 1);
    std::fs::write(&keys, "one read a-key-of-twenty-letters\n").unwrap();
    let shown: Vec<String> = text("serve.toml")
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if rest.split_once(" = ").is_some_and(|(key, _)| !key.contains(' ')) => {
                rest.to_owned()
            }
            _ => line.to_owned(),
        })
        .collect();
    std::fs::write(&full, shown.join("\n")).unwrap();
    let told = RawConfig::from_file(&full).unwrap();
    assert!(told.tls_key.is_some() && told.fetch_allow.is_some(), "the comments were not read");
    let output = Command::new(env!("CARGO_BIN_EXE_simclr-serve"))
        .args(["--check", "--session-threads", "1", "--config"])
        .arg(example("serve.toml"))
        .arg("--models-dir")
        .arg(models)
        .arg("--data-dir")
        .arg(world.file("data"))
        .arg("--api-keys")
        .arg(keys)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{told}");
}

#[test]
fn probes_ask_routes_that_answer_and_a_stop_has_its_time() {
    let world = World::new();
    let server = world.server(|_| ());
    let yaml = text("kubernetes.yaml");
    let probes: Vec<&str> = yaml.lines().filter(|line| line.contains("Probe:")).collect();
    assert_eq!(probes.len(), 3);
    for probe in probes {
        let path = probe.split("path: ").nth(1).and_then(|rest| rest.split(',').next()).unwrap();
        assert_eq!(server.client.get(path).status, 200, "{probe}");
    }
    let number = |text: &str, key: &str| -> u64 {
        let rest = text.split(key).nth(1).unwrap_or_else(|| panic!("{key} is not there"));
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap()
    };
    let drain = world.config(|_| ()).drain_deadline.as_secs();
    let grace = number(&yaml, "SIMCLR_DRAIN_GRACE_MS, value: \"").div_ceil(1000);
    assert!(number(&yaml, "terminationGracePeriodSeconds: ") > grace + drain);
    let told = number(&text("serve.toml"), "drain-deadline-ms = ") / 1000;
    assert!(number(&text("simclr-serve.service"), "TimeoutStopSec=") > told);
    let port = number(&text("Dockerfile"), "EXPOSE ");
    assert!(text("Dockerfile").contains(&format!("SIMCLR_LISTEN=0.0.0.0:{port}")));
    assert_eq!(number(&yaml, "containerPort: "), port);
}

/// Where the server has keys, as the example's has.
#[test]
fn prometheus_is_let_in_with_what_its_example_sends() {
    let world = World::new();
    let (keys, key) = (world.file("keys"), "a-key-of-twenty-letters");
    std::fs::write(&keys, format!("prometheus read {key}\n")).unwrap();
    let server = world.server(|raw| raw.api_keys = Some(keys));
    let (yaml, pod) = (text("prometheus.yaml"), text("kubernetes.yaml"));
    assert!(pod.contains("SIMCLR_API_KEYS") && !pod.contains("prometheus.io/scrape"));
    let word = |key: &str| {
        let rest = yaml.split(key).nth(1).unwrap_or_else(|| panic!("{key} is not there"));
        rest.split([',', '\n']).next().unwrap().to_owned()
    };
    let path = word("metrics_path: ");
    let sent = format!("{} {key}", word("authorization: { type: "));
    assert_eq!(server.client.get(&path).status, 401);
    assert_eq!(server.client.send("GET", &path, &[("authorization", &sent)], b"").status, 200);
    let service = pod.rsplit("---").next().unwrap();
    assert!(word("targets: [\"").starts_with("simclr-serve:80\""));
    assert!(service.contains("name: simclr-serve") && service.contains("port: 80,"));
}

/// With the program where the unit expects it, as far as systemd is concerned.
#[test]
fn systemd_takes_the_unit() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        eprintln!("SKIPPED: systemd-analyze is not installed, so the unit was not verified");
        return;
    }
    let world = World::new();
    let unit = world.file("simclr-serve.service");
    let here =
        text("simclr-serve.service").replace("/opt/simclr/simclr-serve", env!("CARGO_BIN_EXE_simclr-serve"));
    std::fs::write(&unit, here).unwrap();
    let output = Command::new("systemd-analyze").arg("verify").arg(&unit).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let ours = told.lines().any(|line| line.contains("simclr-serve.service"));
    assert!(output.status.success() && !ours, "{told}");
}
