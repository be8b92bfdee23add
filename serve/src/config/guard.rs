//! Where to listen and who may come: the parts of a configuration that keep others out.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use super::{Problems, RawConfig};

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
