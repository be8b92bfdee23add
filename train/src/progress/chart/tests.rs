//! Drawings of made-up runs.

use super::*;
use crate::monitor::Look;

fn record(step: u64) -> Record {
    let epoch = step as f64 / 10.0;
    let loss = 3.4 - (1.0 + epoch).ln() / 3.0;
    Record { step, steps: 1000, epoch, loss, rate: 0.1, pictures_per_second: 9.0, waiting: 0.1 }
}

fn looked(step: u64, linear: Option<f64>) -> Monitored {
    let judged_on = "a tenth".to_owned();
    let (neighbours, temperature, seconds) = (200, 0.1, 1.0);
    let look = Look { knn: 50.5, linear, neighbours, temperature, known: 9, judged: 8, judged_on, seconds };
    Monitored { step, steps: 1000, epoch: step as f64 / 10.0, look }
}

#[test]
fn the_drawing_holds_every_curve_with_its_last_value() {
    let records: Vec<Record> = (1..=1000).map(record).collect();
    let looks = [looked(10, Some(60.0)), looked(500, None), looked(1000, Some(61.25))];
    let text = svg("simclr-tiny", &records, &looks).unwrap();
    for part in
        ["simclr-tiny: 100.0 epochs", "kNN 50.5", "linear probe 61.2", "learning rate 0.1", "loss 1.86"]
    {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert_eq!(text.matches("<polyline").count(), text.matches("fill=\"none\"").count());
    assert!(text.len() < 60_000, "{}", text.len());
    let alone = svg("x", &records[..1], &[]).unwrap();
    assert!(!alone.contains("kNN") && alone.contains("loss 3.37"), "{alone}");
}

#[test]
fn lines_of_every_version_are_read() {
    let old = "{\"step\":1,\"steps\":2,\"epoch\":0.5,\"loss\":1.0,\"rate\":0.1,\"pictures_per_second\":3.0}";
    let new = serde_json::to_string(&super::super::Line::Monitor(looked(2, None))).unwrap();
    let (records, looks) = read(&format!("{old}\n{new}\n{{\"kind\":\"broken\",\"step\":2}}\nhalf"));
    assert!(records.len() == 1 && records[0].waiting == 0.0 && looks == [looked(2, None)]);
}

#[test]
fn numbers_are_short() {
    for (x, expected) in
        [(0.0, "0"), (63.72, "63.7"), (1234.5, "1234"), (0.05, "0.05"), (2.0, "2"), (1e-6, "1.0e-6")]
    {
        assert_eq!(short(x), expected);
    }
}
