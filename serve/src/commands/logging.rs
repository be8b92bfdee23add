//! Where log lines and spans go: text or JSON to stderr, and with the feature `otel` traces to a collector by OTLP.
//!
//! Lines are written by a thread of their own: whoever reads stderr slowly, or not at all, holds up no request. Lines that find
//! its buffer full are dropped, and how many is told at the end.

use std::io::{BufWriter, IsTerminal};

use anyhow::Context;
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

type Boxed = Box<dyn Layer<Registry> + Send + Sync>;

/// Lines that wait for the thread that writes them.
const LINES_MAX: usize = 10_000;

/// Lines on their way to stderr, and traces to a collector; dropping it sends what is left.
pub(crate) struct Tracing {
    traces: Traces,
    dropped: ErrorCounter,
    _lines: WorkerGuard,
}

impl Drop for Tracing {
    fn drop(&mut self) {
        self.traces.send();
        let lines = self.dropped.dropped_lines();
        if lines > 0 {
            tracing::warn!(lines, "lines of this log were dropped: whoever reads it is too slow");
        }
    }
}

#[derive(Default)]
struct Traces {
    #[cfg(feature = "otel")]
    provider: Option<opentelemetry_sdk::trace::SdkTracerProvider>,
}

impl Traces {
    /// Sends what is left.
    fn send(&mut self) {
        #[cfg(feature = "otel")]
        if let Some(provider) = self.provider.take()
            && let Err(error) = provider.shutdown()
        {
            tracing::warn!(%error, "the last traces were not sent");
        }
    }
}

/// Text on a terminal, one JSON object a line elsewhere or when asked for; traces where an endpoint is given.
pub(crate) fn start(filter: &str, json: bool, endpoint: Option<&str>) -> anyhow::Result<Tracing> {
    let filter = EnvFilter::try_new(filter).with_context(|| format!("--log {filter}"))?;
    let writing =
        NonBlockingBuilder::default().lossy(true).buffered_lines_limit(LINES_MAX).thread_name("log");
    let (writer, guard) = writing.finish(BufWriter::new(std::io::stderr()));
    let dropped = writer.error_counter();
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    let lines: Boxed = if std::io::stderr().is_terminal() && !json {
        lines.compact().with_filter(filter).boxed()
    } else {
        let lines = lines.json().flatten_event(true).with_current_span(false).with_span_list(false);
        lines.with_filter(filter).boxed()
    };
    let (spans, traces) = traces(endpoint)?;
    tracing_subscriber::registry().with(spans.into_iter().chain([lines]).collect::<Vec<_>>()).init();
    Ok(Tracing { traces, dropped, _lines: guard })
}

#[cfg(not(feature = "otel"))]
fn traces(endpoint: Option<&str>) -> anyhow::Result<(Option<Boxed>, Traces)> {
    match endpoint {
        None => Ok((None, Traces::default())),
        Some(_) => anyhow::bail!(
            "--otlp-endpoint: this program was built without it: cargo build --release -p simclr-serve --features otel"
        ),
    }
}

#[cfg(feature = "otel")]
fn traces(endpoint: Option<&str>) -> anyhow::Result<(Option<Boxed>, Traces)> {
    use opentelemetry::trace::TracerProvider;
    use opentelemetry_otlp::{SpanExporter, WithExportConfig};
    use opentelemetry_sdk::Resource;
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tracing_subscriber::filter::filter_fn;

    let Some(endpoint) = endpoint else { return Ok((None, Traces::default())) };
    // The exporter's client takes the process's provider of cryptography; one set already does as well.
    let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    let endpoint = endpoint.trim_end_matches('/').trim_end_matches("/v1/traces");
    let exporter = SpanExporter::builder()
        .with_http()
        .with_endpoint(format!("{endpoint}/v1/traces"))
        .build()
        .with_context(|| format!("--otlp-endpoint {endpoint}"))?;
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(Resource::builder().with_service_name("simclr-serve").build())
        .build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("simclr-serve"));
    // Spans of ours alone, whatever the log's filter says.
    let ours = filter_fn(|about| about.is_span() && about.target().starts_with("simclr_serve"));
    Ok((Some(layer.with_filter(ours).boxed()), Traces { provider: Some(provider) }))
}
