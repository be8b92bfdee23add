//! Where to listen and who may come: the parts of a configuration that keep others out.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::limits::PICTURE_BYTES_MAX;
use super::{Problems, RawConfig};
use crate::fetching::{FetchRules, Pattern};

/// The address; one that others reach needs keys, or the word that everybody may do everything.
pub(super) fn address(raw: &RawConfig, problems: &mut Problems) -> SocketAddr {
    let default = SocketAddr::from((Ipv4Addr::LOCALHOST, 8080));
    let Some(text) = &raw.listen else { return default };
    let Ok(address) = text.parse::<SocketAddr>() else {
        let reason = "expected an IP address and a port, such as 127.0.0.1:8080 or [::1]:0";
        problems.add("listen", text, reason);
        return default;
    };
    if !address.ip().is_loopback() && raw.api_keys.is_none() && raw.allow_everybody != Some(true) {
        let reason = "others could reach it: pass --api-keys FILE, or --allow-everybody if that is meant";
        problems.add("listen", text, reason);
    }
    address
}

pub(super) fn origins(raw: &RawConfig, problems: &mut Problems) -> Vec<String> {
    let origins = raw.cors_origins.clone().unwrap_or_default();
    for origin in &origins {
        let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        if !host
            .is_some_and(|host| !host.is_empty() && host.bytes().all(|b| b.is_ascii_graphic() && b != b'/'))
        {
            let reason = "an origin reads https://host or http://host:port, without a path; `*` is not taken";
            problems.add("cors-origins", origin, reason);
        }
    }
    origins
}

/// From where pictures may be fetched, and how much of what at once.
pub(super) fn fetch(raw: &RawConfig, problems: &mut Problems) -> Option<FetchRules> {
    let mut allowed = Vec::new();
    for text in raw.fetch_allow.iter().flatten() {
        match Pattern::parse(text) {
            Some(pattern) => allowed.push(pattern),
            None => problems.add(
                "fetch-allow",
                text,
                "expected a host, such as example.org, *.example.org or example.org:8443",
            ),
        }
    }
    let rules = FetchRules {
        private: raw.fetch_private.unwrap_or(false),
        at_once: problems.at_least_one("fetches-max", raw.fetches_max, 16),
        timeout: Duration::from_millis(problems.at_least_one("fetch-timeout-ms", raw.fetch_timeout_ms, 5000)),
        bytes_max: raw.picture_bytes_max.unwrap_or(PICTURE_BYTES_MAX),
        allowed,
    };
    (!rules.allowed.is_empty()).then_some(rules)
}

pub(super) fn certificate(raw: &RawConfig, problems: &mut Problems) -> Option<(PathBuf, PathBuf)> {
    match (&raw.tls_certificate, &raw.tls_key) {
        (Some(certificate), Some(key)) => Some((certificate.clone(), key.clone())),
        (None, None) => None,
        (Some(certificate), None) => {
            problems.add("tls-certificate", certificate.display(), "needs --tls-key beside it");
            None
        }
        (None, Some(key)) => {
            problems.add("tls-key", key.display(), "needs --tls-certificate beside it");
            None
        }
    }
}

/// The cluster that keeps the collections.
pub(super) fn store(raw: &RawConfig, problems: &mut Problems) -> Option<String> {
    let given = raw.store.as_deref()?;
    crate::stores::milvus_address(given).map_err(|reason| problems.add("store", given, reason)).ok()
}
