//! What the server counts about itself, and its text for Prometheus.
//!
//! Counters and histograms go up where things happen; [`Metrics::text`] writes them in the OpenMetrics format that
//! Prometheus reads. Knows no routes: whoever counts a request names it.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// The content type of [`Metrics::text`].
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All instruments, registered once.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    requests_cancelled: Family<CancelledLabels, Counter>,
    request_seconds: Family<RouteLabels, Histogram>,
    refused: Family<ReasonLabels, Counter>,
    queue_pictures: Gauge,
    pictures: Counter,
    batch_pictures: Histogram,
    prepare_seconds: Histogram,
    queue_seconds: Histogram,
    inference_seconds: Histogram,
    inference_failures: Counter,
    model_loads: Family<OutcomeLabels, Counter>,
    collection_records: Family<CollectionLabels, Gauge>,
    collection_problem: Family<CollectionLabels, Gauge>,
    ready: Gauge<f64, AtomicU64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    method: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CancelledLabels {
    route: String,
    method: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CollectionLabels {
    collection: String,
}

/// What a look at a collection tells.
pub(crate) struct Size {
    pub(crate) collection: String,
    pub(crate) records: usize,
    /// Whether it cannot be sealed.
    pub(crate) problem: bool,
}

/// 0.1 ms to about 50 s.
fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(1e-4, 2.0, 20))
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("simclr"),
            requests: Family::default(),
            requests_cancelled: Family::default(),
            request_seconds: Family::new_with_constructor(seconds),
            refused: Family::default(),
            queue_pictures: Gauge::default(),
            pictures: Counter::default(),
            batch_pictures: Histogram::new(exponential_buckets(1.0, 2.0, 11)),
            prepare_seconds: seconds(),
            queue_seconds: seconds(),
            inference_seconds: seconds(),
            inference_failures: Counter::default(),
            model_loads: Family::default(),
            collection_records: Family::default(),
            collection_problem: Family::default(),
            ready: Gauge::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let r = &mut self.registry;
        let s = || Unit::Seconds;
        r.register("requests", "Requests answered", self.requests.clone());
        r.register(
            "requests_cancelled",
            "Requests whose callers left before the answer",
            self.requests_cancelled.clone(),
        );
        r.register_with_unit("request_duration", "From request to answer", s(), self.request_seconds.clone());
        r.register("refused", "Requests refused at a limit", self.refused.clone());
        r.register("queue_pictures", "Pictures admitted, not yet embedded", self.queue_pictures.clone());
        r.register("pictures", "Pictures embedded", self.pictures.clone());
        r.register("batch_pictures", "Pictures in one run of the encoder", self.batch_pictures.clone());
        r.register_with_unit("prepare_duration", "Decode and resize", s(), self.prepare_seconds.clone());
        r.register_with_unit(
            "queue_duration",
            "Prepared, waiting for a run",
            s(),
            self.queue_seconds.clone(),
        );
        r.register_with_unit("inference_duration", "One run", s(), self.inference_seconds.clone());
        r.register("inference_failures", "Runs that failed", self.inference_failures.clone());
        r.register("model_loads", "Models loaded, or tried in vain", self.model_loads.clone());
        r.register("collection_records", "Records of a collection", self.collection_records.clone());
        let problem = "1 where a collection cannot be sealed, and its search is slower than it should be";
        r.register("collection_problem", problem, self.collection_problem.clone());
        r.register("ready", "1 when requests are welcome", self.ready.clone());
    }

    pub(crate) fn request(&self, route: &str, method: &str, status: u16, took: Duration) {
        let labels = RequestLabels { route: route.to_owned(), method: method.to_owned(), status };
        self.requests.get_or_create(&labels).inc();
        let labels = RouteLabels { route: route.to_owned() };
        self.request_seconds.get_or_create(&labels).observe(took.as_secs_f64());
    }

    pub(crate) fn cancelled(&self, route: &str, method: &str) {
        let labels = CancelledLabels { route: route.to_owned(), method: method.to_owned() };
        self.requests_cancelled.get_or_create(&labels).inc();
    }

    pub(crate) fn refused(&self, reason: &'static str) {
        self.refused.get_or_create(&ReasonLabels { reason }).inc();
    }

    pub(crate) fn waited(&self, time: Duration) {
        self.queue_seconds.observe(time.as_secs_f64());
    }

    pub(crate) fn prepared(&self, took: Duration) {
        self.prepare_seconds.observe(took.as_secs_f64());
    }

    pub(crate) fn ran(&self, pictures: usize, took: Duration, failed: bool) {
        let count = u32::try_from(pictures).unwrap_or(u32::MAX);
        self.batch_pictures.observe(f64::from(count));
        self.inference_seconds.observe(took.as_secs_f64());
        if failed {
            self.inference_failures.inc();
        } else {
            self.pictures.inc_by(u64::from(count));
        }
    }

    pub(crate) fn model_load(&self, loaded: bool) {
        let outcome = if loaded { "loaded" } else { "failed" };
        self.model_loads.get_or_create(&OutcomeLabels { outcome }).inc();
    }

    /// The text; what only a look can tell, readiness, the queues' and the collections' sizes, is passed in.
    pub(crate) fn text(
        &self,
        ready: bool,
        waiting: usize,
        collections: impl IntoIterator<Item = Size>,
    ) -> String {
        self.ready.set(f64::from(u8::from(ready)));
        self.queue_pictures.set(i64::try_from(waiting).unwrap_or(i64::MAX));
        // A deleted collection must not linger at its last size.
        self.collection_records.clear();
        self.collection_problem.clear();
        for Size { collection, records, problem } in collections {
            let (count, labels) =
                (i64::try_from(records).unwrap_or(i64::MAX), CollectionLabels { collection });
            self.collection_records.get_or_create(&labels).set(count);
            self.collection_problem.get_or_create(&labels).set(i64::from(problem));
        }
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_told() {
        let metrics = Metrics::new();
        metrics.request("/v1/embed", "POST", 200, Duration::from_millis(3));
        metrics.ran(7, Duration::from_millis(2), false);
        metrics.ran(5, Duration::from_millis(2), true);
        let text = metrics.text(true, 4, [Size { collection: "cats".to_owned(), records: 3, problem: true }]);
        for line in [
            r#"simclr_requests_total{route="/v1/embed",method="POST",status="200"} 1"#,
            "simclr_pictures_total 7",
            "simclr_inference_failures_total 1",
            "simclr_batch_pictures_count 2",
            "simclr_queue_pictures 4",
            r#"simclr_collection_records{collection="cats"} 3"#,
            r#"simclr_collection_problem{collection="cats"} 1"#,
            "# EOF",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        assert!(!metrics.text(true, 0, []).contains("cats"), "a deleted collection lingers");
    }
}
