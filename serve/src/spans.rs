//! One span a request, child of its caller's by W3C trace context, with a span for each step below it. Where they go is the
//! program's affair. Without the feature `otel` there are none, and nothing here costs anything.

use axum::extract::Request;
use axum::http::StatusCode;
use tracing::Span;

/// The span of a request that matched a route; `traceparent` and `tracestate` say whose child it is.
#[cfg(feature = "otel")]
pub(crate) fn request(request: &Request, route: &str, id: &str) -> Span {
    use opentelemetry::propagation::TextMapPropagator;
    use opentelemetry_sdk::propagation::TraceContextPropagator;
    use tracing_opentelemetry::OpenTelemetrySpanExt;

    let method = request.method().as_str();
    let span = tracing::info_span!(
        "request",
        "otel.name" = format!("{method} {route}"),
        "otel.kind" = "server",
        "otel.status_code" = tracing::field::Empty,
        "http.request.method" = method,
        "http.route" = route,
        "http.response.status_code" = tracing::field::Empty,
        "request.id" = id,
    );
    // Without a subscriber that wants it, a span has no parent to be given.
    let _ = span.set_parent(TraceContextPropagator::new().extract(&Headers(request.headers())));
    span
}

/// Nothing.
#[cfg(not(feature = "otel"))]
pub(crate) fn request(_request: &Request, _route: &str, _id: &str) -> Span {
    Span::none()
}

/// Writes the answer's status into its request's span; only the server's own failures make it a failed one.
pub(crate) fn answered(span: &Span, status: StatusCode) {
    span.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
}

/// The trace that a span belongs to, in 32 hexadecimal digits, for the log.
#[cfg(feature = "otel")]
pub(crate) fn trace_id(span: &Span) -> Option<String> {
    use opentelemetry::trace::TraceContextExt;
    use tracing_opentelemetry::OpenTelemetrySpanExt;

    let context = span.context();
    let id = context.span().span_context().trace_id();
    (id != opentelemetry::TraceId::INVALID).then(|| id.to_string())
}

/// Nothing.
#[cfg(not(feature = "otel"))]
pub(crate) fn trace_id(_span: &Span) -> Option<String> {
    None
}

/// A step of the request that runs: `$name` is a string literal.
macro_rules! step {
    ($name:literal) => {{
        #[cfg(feature = "otel")]
        let span = tracing::info_span!($name);
        #[cfg(not(feature = "otel"))]
        let span = tracing::Span::none();
        span
    }};
}
pub(crate) use step;

#[cfg(feature = "otel")]
struct Headers<'a>(&'a axum::http::HeaderMap);

#[cfg(feature = "otel")]
impl opentelemetry::propagation::Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(axum::http::HeaderName::as_str).collect()
    }
}
