//! `simclr-models import` itself: what it prints, writes, refuses and exits with.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value as Json;
use simclr_models::{Artefact, Filter, Stem};

fn program(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_simclr-models")).args(arguments).output().expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

fn golden(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    path.to_str().expect("UTF-8").to_owned()
}

#[test]
fn an_import_is_told_verified_and_carded() {
    let place = tempfile::tempdir().unwrap();
    let out = place.path().join("mine");
    let file = golden("import-plain.pth");
    let given =
        ["import", &file, "--name", "mine", "--out", out.to_str().unwrap(), "--preset", "torchvision"];
    let more = [
        "--side",
        "40",
        "--resize",
        "45",
        "--licence",
        "BSD-3-Clause",
        "--data",
        "pictures",
        "--method",
        "supervised",
    ];
    let ran = program(&[&given[..], &more].concat());
    assert!(ran.status.success(), "{ran:?}");
    let words = text(&ran.stdout);
    for expected in [
        "read      import-plain.pth: PyTorch,",
        "taken     60 tensors, named as in torchvision",
        "dropped   2 of `fc`",
        "dropped   12 of `num_batches_tracked`",
        "ResNet-10 × 0.25, torchvision stem",
        "shorter side to 45 (Bilinear), middle 40×40, mean [0.485, 0.456, 0.406]",
        "ok      embeddings: ONNX Runtime and the slow reference",
    ] {
        assert!(words.contains(expected), "no `{expected}` in\n{words}");
    }
    let artefact = Artefact::open(&out).unwrap();
    let card = artefact.card();
    assert_eq!((card.name.as_str(), card.licence.as_str()), ("mine", "BSD-3-Clause"));
    assert_eq!((card.training.method.as_str(), card.training.data.as_str()), ("supervised", "pictures"));
    assert!(card.training.recipe.contains("import-plain.pth") && card.training.recipe.contains("sha256    "));
    assert!(words.contains(artefact.space_key()));

    let again = program(&[&given[..], &more].concat());
    assert!(!again.status.success() && text(&again.stderr).contains("exists already"), "{again:?}");
}

#[test]
fn conventions_are_chosen_and_json_tells_them() {
    let place = tempfile::tempdir().unwrap();
    let import = |name: &str, more: &[&str]| {
        let out = place.path().join(name);
        let (file, out) = (golden("import-plain.pth"), out.to_str().unwrap().to_owned());
        let fixed =
            ["import", &file, "--name", name, "--out", &out, "--side", "24", "--resize", "24", "--json"];
        let ran = program(&[&fixed[..], more].concat());
        assert!(ran.status.success(), "{ran:?}");
        serde_json::from_slice::<Json>(&ran.stdout).unwrap()["card"].clone()
    };
    let stem = |card: &Json| serde_json::from_value::<Stem>(card["network"]["stem"].clone()).unwrap();
    let simclr = import("a", &["--preset", "simclr"]);
    assert_eq!((stem(&simclr), &simclr["recipe"]["mean"][0]), (Stem::Imagenet, &Json::from(0.0)));
    assert_eq!(
        serde_json::from_value::<Filter>(simclr["recipe"]["filter"].clone()).unwrap(),
        Filter::Bicubic
    );
    let symmetric = import("b", &["--preset", "simclr", "--max-pool-padding", "symmetric"]);
    assert_eq!((stem(&symmetric), &symmetric["recipe"]), (Stem::Torchvision, &simclr["recipe"]));
    assert_ne!(symmetric["space_key"], simclr["space_key"]);
    let explicit = ["--filter", "bilinear", "--mean", "0.5,0.5,0.5", "--deviation", "0.25, 0.25, 0.25"];
    let explicit = import("c", &explicit);
    assert_eq!(
        (stem(&explicit), &explicit["recipe"]["deviation"][2]),
        (Stem::Torchvision, &Json::from(0.25))
    );
}

#[test]
fn refusals_leave_nothing_behind() {
    let place = tempfile::tempdir().unwrap();
    let out = place.path().join("a");
    let run = |file: &str, more: &[&str]| {
        let file = golden(file);
        let ran =
            program(&[&["import", &file, "--name", "a", "--out", out.to_str().unwrap()], more].concat());
        assert!(!ran.status.success(), "{file} {more:?}");
        assert!(fs::read_dir(place.path()).unwrap().next().is_none(), "{file} {more:?}");
        text(&ran.stderr)
    };
    for (file, more, words) in [
        ("import-plain.pth", &[][..], "--preset torchvision"),
        ("import-plain.pth", &["--preset", "torchvision", "--side", "300"], "must satisfy"),
        ("import-plain.pth", &["--preset", "torchvision", "--mean", "1,2"], "three numbers"),
        ("import-plain.pth", &["--preset", "torchvision", "--depth", "18"], "missing  layer1.1.conv1.weight"),
        ("import-evil.pth", &["--preset", "torchvision"], "`posix.system`"),
        ("nowhere.pth", &["--preset", "torchvision"], "nowhere.pth"),
    ] {
        let said = run(file, more);
        assert!(said.contains(words), "{file} {more:?}: {said}");
    }
    assert!(text(&program(&["import", "--help"]).stdout).contains("Examples:"));
}
