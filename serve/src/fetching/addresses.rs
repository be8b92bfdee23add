//! Which hosts may be asked and which addresses they may lead to. A host must stand on the list; each address that its name
//! leads to must be one of the public internet. Opens no connection.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// One entry of the list: a host, or with `*.` before it all hosts below it; with a port or for 80 and 443.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    host: String,
    below: bool,
    port: Option<u16>,
}

impl Pattern {
    /// Reads `example.org`, `*.example.org` or `example.org:8443`; nothing where it is none of them.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (below, rest) = match text.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        // What stands in brackets has colons of its own.
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port.parse().ok()?)),
            _ => (rest, None),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"-._:".contains(&b);
        let sound = !host.is_empty() && host.bytes().all(fits) && port != Some(0);
        sound.then_some(Self { host, below, port })
    }

    /// Whether it lets this host (lower case, without brackets) and port in.
    pub(super) fn allows(&self, host: &str, port: u16) -> bool {
        let ports = self.port.map_or(port == 80 || port == 443, |only| only == port);
        let below =
            || host.strip_suffix(&self.host).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'));
        ports && if self.below { below() } else { host == self.host }
    }
}

/// Whether an address is one of the public internet, and not of this machine, its network or a protocol's own.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_broadcast()
        || address.is_documentation();
    // This network, carriers' own, protocol assignments, 6to4 relays, benchmarks, reserved.
    let others = a == 0
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19))
        || a >= 240;
    !special && !others
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let [.., high, low] = segments;
    let inner = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match segments {
        // An IPv4 address in another coat: mapped, translated (NAT64), 6to4.
        [0, 0, 0, 0, 0, 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => inner(high, low),
        [0x2002, high, low, ..] => inner(high, low),
        // Teredo and its neighbours, documentation.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => false,
        // All that is given out to the public begins with 001.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_the_public_internet_are_told_from_all_others() {
        for public in
            ["1.1.1.1", "93.184.215.14", "100.63.0.1", "192.0.1.1", "2606:4700::1111", "64:ff9b::101:101"]
        {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for other in [
            "127.0.0.1",
            "127.9.9.9",
            "0.0.0.0",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "192.0.0.8",
            "198.18.0.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "192.0.2.1",
            "203.0.113.9",
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "2002:7f00:1::1",
            "2002:a00:1::",
            "2001::1",
            "2001:db8::1",
            "100::1",
            "fec0::1",
            "5f00::1",
        ] {
            assert!(!is_public(other.parse().unwrap()), "{other}");
        }
    }

    #[test]
    fn patterns_let_in_what_they_name_and_nothing_else() {
        let allows = |pattern: &str, host: &str, port| Pattern::parse(pattern).unwrap().allows(host, port);
        assert!(allows("example.org", "example.org", 443) && allows("Example.ORG", "example.org", 80));
        assert!(!allows("example.org", "a.example.org", 443) && !allows("example.org", "example.org", 8080));
        assert!(
            allows("example.org:8080", "example.org", 8080) && !allows("example.org:8080", "example.org", 80)
        );
        assert!(allows("*.example.org", "a.b.example.org", 443));
        for other in ["example.org", ".example.org", "badexample.org", "example.org.evil.net"] {
            assert!(!allows("*.example.org", other, 443), "{other}");
        }
        assert!(allows("[::1]:80", "::1", 80) && allows("[::1]", "::1", 443));
        for text in ["", "*", "*.", "https://x", "a b", "a:0", "a:b", "user@host", "a/b"] {
            assert_eq!(Pattern::parse(text), None, "{text:?}");
        }
    }
}
