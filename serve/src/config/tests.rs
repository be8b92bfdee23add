//! Which of flag, file and default counts, and that every mistake is told.

use super::*;

fn raw() -> RawConfig {
    RawConfig { model: Some("m".into()), data_dir: Some("d".into()), ..RawConfig::default() }
}

#[test]
fn what_is_typed_beats_the_file_and_the_file_beats_the_default() {
    let file: RawConfig =
        toml::from_str("listen = \"[::1]:1\"\nbatch-wait-ms = 9\nmodel = \"from-file\"").unwrap();
    let typed = RawConfig { listen: Some("[::1]:2".to_owned()), ..RawConfig::default() };
    let config = Config::check(typed.or(file).or(raw())).unwrap();
    assert_eq!(config.listen.port(), 2);
    assert_eq!(config.batch_wait, Duration::from_millis(9));
    assert_eq!(config.model, Some(PathBuf::from("from-file")));
    assert_eq!(config.limits.batch_pictures_max, 32);
}

#[test]
fn each_mistake_is_named() {
    let message = |raw: RawConfig| Config::check(raw).unwrap_err().to_string();
    assert!(message(RawConfig::default()).contains("SIMCLR_MODEL"));
    assert!(message(RawConfig { listen: Some("8080".to_owned()), ..raw() }).contains("--listen 8080"));
    assert!(message(RawConfig { sessions: Some(0), ..raw() }).contains("--sessions 0: must be at least 1"));
    let raw = RawConfig { request_pictures_max: Some(9), queue_pictures_max: Some(8), ..raw() };
    assert!(message(raw).contains("must not be above --queue-pictures-max, which is 8"));
}

#[test]
fn limits_of_the_collections_are_raised_like_the_others() {
    let raised = "collections-max = 500\nrecords-per-collection-max = 9000000\npayload-bytes-max = 100000\ndisk-reserve-bytes = 0";
    let file: RawConfig = toml::from_str(raised).unwrap();
    let typed = RawConfig { payload_bytes_max: Some(7), ..RawConfig::default() }.or(file).or(raw());
    let store = typed.store_limits().unwrap();
    let limits = Config::check(typed).unwrap().limits;
    assert_eq!((limits.collections_max, limits.records_per_collection_max), (500, 9_000_000));
    assert_eq!((limits.payload_bytes_max, limits.disk_reserve_bytes), (7, 0));
    assert_eq!((store.records_per_collection_max, store.payload_bytes_max), (9_000_000, 7));
    let own = simclr_search::Limits::default();
    assert_eq!(store.records_per_request_max, own.records_per_request_max, "a command has no requests");
    assert_eq!(Config::check(raw()).unwrap().limits.collections_max, own.collections_max);
    let none = RawConfig { records_per_collection_max: Some(0), ..raw() };
    assert!(none.store_limits().unwrap_err().to_string().contains("--records-per-collection-max 0"));
}

#[test]
fn sessions_that_are_given_are_kept_and_the_rest_follows() {
    let of =
        |sessions, session_threads| Config::check(RawConfig { sessions, session_threads, ..raw() }).unwrap();
    let cores = of(None, None).cores;
    assert_eq!(of(None, None).sessions, None);
    assert_eq!(of(Some(3), Some(5)).sessions, Some((3, 5)));
    assert_eq!(of(Some(1), None).sessions, Some((1, cores)));
    assert_eq!(of(Some(1000), None).sessions, Some((1000, 1)));
    assert_eq!(of(None, Some(2)).sessions, Some((1, 2)));
}

#[test]
fn all_mistakes_are_told_at_once() {
    let raw = RawConfig {
        sessions: Some(0),
        queue_pictures_max: Some(0),
        listen: Some("0.0.0.0:80".to_owned()),
        cors_origins: Some(vec!["example.org".to_owned()]),
        tls_key: Some("key.pem".into()),
        ..RawConfig::default()
    };
    let message = Config::check(raw).unwrap_err().to_string();
    let words = ["--model", "--data-dir", "--sessions 0", "--queue-pictures-max 0", "--allow-everybody"];
    for word in words.into_iter().chain(["--cors-origins example.org", "--tls-certificate"]) {
        assert!(message.lines().any(|line| line.contains(word)), "{word} is not in\n{message}");
    }
}

#[test]
fn beyond_loopback_it_takes_keys_or_the_word() {
    let beyond = || RawConfig { listen: Some("0.0.0.0:80".to_owned()), ..raw() };
    assert!(Config::check(beyond()).is_err());
    Config::check(RawConfig { api_keys: Some("keys".into()), ..beyond() }).unwrap();
    Config::check(RawConfig { allow_everybody: Some(true), ..beyond() }).unwrap();
    Config::check(RawConfig { listen: Some("[::1]:80".to_owned()), ..raw() }).unwrap();
}

#[test]
fn an_unknown_key_in_the_file_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("serve.toml");
    std::fs::write(&path, "lisen = \"[::1]:1\"").unwrap();
    let message = RawConfig::from_file(&path).unwrap_err().to_string();
    assert!(message.contains("lisen") && message.contains("serve.toml"), "{message}");
}
