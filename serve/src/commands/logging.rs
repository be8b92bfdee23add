//! Where log lines and spans go: text or JSON to stderr, and with the feature `otel` traces to a collector by OTLP.

use std::io::IsTerminal;

use anyhow::Context;
use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

type Boxed = Box<dyn Layer<Registry> + Send + Sync>;

/// Traces on their way to a collector; dropping it sends what is left.
pub(crate) struct Tracing {
    #[cfg(feature = "otel")]
    provider: Option<opentelemetry_sdk::trace::SdkTracerProvider>,
}

impl Drop for Tracing {
    fn drop(&mut self) {
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
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines: Boxed = if std::io::stderr().is_terminal() && !json {
        lines.compact().with_filter(filter).boxed()
    } else {
        let lines = lines.json().flatten_event(true).with_current_span(false).with_span_list(false);
        lines.with_filter(filter).boxed()
    };
    let (traces, tracing) = traces(endpoint)?;
    tracing_subscriber::registry().with(traces.into_iter().chain([lines]).collect::<Vec<_>>()).init();
    Ok(tracing)
}

#[cfg(not(feature = "otel"))]
fn traces(endpoint: Option<&str>) -> anyhow::Result<(Option<Boxed>, Tracing)> {
    match endpoint {
        None => Ok((None, Tracing {})),
        Some(_) => anyhow::bail!(
            "--otlp-endpoint: this program was built without it: cargo build --release -p simclr-serve --features otel"
        ),
    }
}

#[cfg(feature = "otel")]
fn traces(endpoint: Option<&str>) -> anyhow::Result<(Option<Boxed>, Tracing)> {
    use opentelemetry::trace::TracerProvider;
    use opentelemetry_otlp::{SpanExporter, WithExportConfig};
    use opentelemetry_sdk::Resource;
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tracing_subscriber::filter::filter_fn;

    let Some(endpoint) = endpoint else { return Ok((None, Tracing { provider: None })) };
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
    Ok((Some(layer.with_filter(ours).boxed()), Tracing { provider: Some(provider) }))
}
