//! Valid URLs in ASCII (RFC 3986), and no others: nothing is guessed, a fault is told by its place.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::{Ipv4Addr, Ipv6Addr};

use super::{
    EMPTY, FRAGMENT, IPV6, NAME, NUMERIC, PORT, ParsedUrl, SCHEME, USER_INFO, UrlError, UrlPart,
    is_secure, with_query,
};

/// Parses a URL. The WHATWG's parser makes the same of it, but for names with labels `xn--` that are
/// not Punycode: it refuses those.
pub(super) fn parse(url: &str) -> Result<ParsedUrl, UrlError> {
    let scheme = url.find("://").and_then(|len| Some((is_secure(url.get(..len)?)?, len)));
    let Some((is_secure, len)) = scheme else {
        return Err(UrlError::at(UrlPart::Scheme, 0, SCHEME));
    };
    let start = len + 3;
    let (_, rest) = url.split_at(start);
    // §3: "Fragment identifiers are meaningless in the context of WebSocket URIs and MUST NOT
    // be used on these URIs."
    if let Some(at) = rest.find('#') {
        return Err(UrlError::at(UrlPart::Fragment, start + at, FRAGMENT));
    }
    let (authority, resource) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let (path, query) = resource.split_once('?').unwrap_or((resource, ""));
    let authority = parse_authority(authority, start)?;
    let at = url.len() - resource.len();
    check(UrlPart::Path, path, at)?;
    check(UrlPart::Query, query, at + path.len() + 1)?;
    // As browsers have it: in a query, an apostrophe is percent-encoded.
    let resource = with_query(without_dots(path), &query.replace('\'', "%27"));
    Ok(ParsedUrl { is_secure, authority, resource })
}

/// Parses an authority that begins at byte `start`.
fn parse_authority(authority: &str, start: usize) -> Result<String, UrlError> {
    if authority.contains('@') {
        return Err(UrlError::at(UrlPart::UserInfo, start, USER_INFO));
    }
    // Behind the brackets, if there are any, comes the port.
    let end = if authority.starts_with('[') { authority.find(']') } else { None };
    let colon = authority.rfind(':').filter(|colon| end.is_none_or(|end| end < *colon));
    let (host, port) = authority.split_at(colon.unwrap_or(authority.len()));
    let host = parse_host(host, start)?;
    // RFC 3986, §3.2.3: the port is `*DIGIT`, and may be empty.
    let Some(digits @ [_, ..]) = port.as_bytes().get(1..) else { return Ok(host) };
    let number = port.get(1..).and_then(|port| port.parse::<u16>().ok()).filter(|port| *port > 0);
    match number {
        Some(number) if digits.iter().all(u8::is_ascii_digit) => Ok(format!("{host}:{number}")),
        _ => Err(UrlError::at(UrlPart::Port, start + authority.len() - digits.len(), PORT)),
    }
}

/// Parses a host that begins at byte `start`: a name, an IPv4 address, or an IPv6 address in
/// brackets.
fn parse_host(host: &str, start: usize) -> Result<String, UrlError> {
    let fault = |at, fact| Err(UrlError::at(UrlPart::Host, start + at, fact));
    if let Some(literal) = host.strip_prefix('[') {
        let address = literal.strip_suffix(']').and_then(|literal| literal.parse().ok());
        return address.map_or_else(|| fault(0, IPV6), |address| Ok(ipv6(address)));
    }
    if let Some(at) = host.find(':') {
        return fault(at, "a second colon: write one port, and an IPv6 address in brackets");
    }
    if let Some(at) = host.bytes().position(|byte| !byte.is_ascii()) {
        return fault(
            at,
            "not ASCII: write the name in its ASCII form (xn--…), or enable the feature `url`",
        );
    }
    let is_name_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if let Some(at) = host.bytes().position(|byte| !is_name_byte(byte)) {
        return fault(at, NAME);
    }
    // A dot at the end stands for the root of all names.
    let name = host.strip_suffix('.').unwrap_or(host);
    if name.is_empty() {
        return fault(0, EMPTY);
    }
    if name.len() > 253 || name.split('.').any(|label| label.is_empty() || label.len() > 63) {
        return fault(0, "a name has 1 to 63 characters between its dots, and 253 in all");
    }
    // Others take 127.1, 0x7f000001 and 2130706433 for addresses.
    if name.rsplit('.').next().is_some_and(is_number) && host.parse::<Ipv4Addr>().is_err() {
        return fault(0, NUMERIC);
    }
    Ok(host.to_ascii_lowercase())
}

/// Returns whether a host whose last label this is would be an IPv4 address to the WHATWG.
fn is_number(label: &str) -> bool {
    let hex = label.strip_prefix("0x").or_else(|| label.strip_prefix("0X"));
    hex.map_or_else(
        || label.bytes().all(|byte| byte.is_ascii_digit()),
        |hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()),
    )
}

/// Writes an address as the WHATWG does, also one that has an IPv4 address within.
fn ipv6(address: Ipv6Addr) -> String {
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] => format!("[::ffff:{high:x}:{low:x}]"),
        _ => format!("[{address}]"),
    }
}

/// Checks that a part, which begins at byte `start`, needs no percent-encoding.
fn check(part: UrlPart, text: &str, start: usize) -> Result<(), UrlError> {
    let mut bytes = text.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        let fact = match byte {
            b'%' => {
                let mut digits =
                    bytes.by_ref().take(2).filter(|(_, byte)| byte.is_ascii_hexdigit());
                if digits.next().and(digits.next()).is_some() {
                    continue;
                }
                "a % needs two hexadecimal digits behind it: write %25"
            }
            b'\\' => "a backslash: write / or %5C",
            _ if byte.is_ascii_alphanumeric() || b"!$&'()*+,-./:;=?@_~".contains(&byte) => continue,
            _ if byte.is_ascii_graphic() => "a character that must be percent-encoded",
            _ if byte.is_ascii() => "a space or control character: remove or percent-encode it",
            _ => "not ASCII: percent-encode it, or enable the feature `url`",
        };
        return Err(UrlError::at(part, start + at, fact));
    }
    Ok(())
}

/// Removes the segments `.` and `..`, also percent-encoded ones, as browsers do.
fn without_dots(path: &str) -> String {
    let (mut kept, mut is_dot) = (Vec::new(), false);
    for segment in path.split('/').skip(1) {
        let plain = segment.to_ascii_lowercase().replace("%2e", ".");
        is_dot = matches!(plain.as_str(), "." | "..");
        if plain == ".." {
            kept.pop();
        }
        if !is_dot {
            kept.push(segment);
        }
    }
    // What a dot ends is a directory.
    let end = if is_dot && !kept.is_empty() { "/" } else { "" };
    format!("/{}{end}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(url: &str, part: UrlPart, position: usize) {
        let error = parse(url).unwrap_err();
        assert_eq!((error.part(), error.position()), (part, Some(position)), "{url:?}: {error}");
    }

    #[test]
    fn a_fault_is_told_by_its_part_and_place() {
        for url in ["", "a", "/a", "//a", "localhost:80", "ftp://a/", "ws:a", "ws:/a", " ws://a"] {
            refused(url, UrlPart::Scheme, 0);
        }
        refused("ws://user:password@a/", UrlPart::UserInfo, 5);
        refused("wss://@a/", UrlPart::UserInfo, 6);
        refused("ws://", UrlPart::Host, 5);
        refused("ws:///a", UrlPart::Host, 5);
        refused("ws://:80", UrlPart::Host, 5);
        refused("ws://a b/", UrlPart::Host, 6);
        refused("ws://a\\b/", UrlPart::Host, 6);
        refused("ws://a%41/", UrlPart::Host, 6);
        refused("ws://b\u{fc}cher/", UrlPart::Host, 6);
        refused("ws://a/b c", UrlPart::Path, 8);
        refused("ws://a/b\n", UrlPart::Path, 8);
        refused("ws://a/\\", UrlPart::Path, 7);
        refused("ws://a/%4", UrlPart::Path, 7);
        refused("ws://a/%4g%41", UrlPart::Path, 7);
        refused("ws://a/\u{fc}", UrlPart::Path, 7);
        refused("ws://a/[", UrlPart::Path, 7);
        refused("ws://a/b?c\"", UrlPart::Query, 10);
        refused("ws://a?%", UrlPart::Query, 7);
        refused("ws://a/#", UrlPart::Fragment, 7);
        refused("ws://a#b@", UrlPart::Fragment, 6);
    }

    #[test]
    fn a_port_is_a_number_from_1_to_65535() {
        for port in ["0", "65536", "99999999999999999999", "+80", "-1", "8o", " 80", "80 "] {
            refused(&format!("ws://a.b:{port}/"), UrlPart::Port, 9);
            refused(&format!("ws://[::1]:{port}/"), UrlPart::Port, 11);
        }
        for (port, authority) in [("1", "a:1"), ("65535", "a:65535"), ("0080", "a:80"), ("", "a")] {
            assert_eq!(parse(&format!("ws://a:{port}")).unwrap().authority, authority);
        }
    }

    #[test]
    fn what_others_take_for_an_address_is_one_or_is_refused() {
        for host in
            ["127.1", "1", "0x7f000001", "a.0x", "a.1", "127.0.0.1.", "01.2.3.4", "1.2.3.256"]
        {
            refused(&format!("ws://{host}/"), UrlPart::Host, 5);
        }
        for host in ["127.0.0.1", "1.a", "a.b1", "0x.a", "a-1", "1.2.3.4a"] {
            assert_eq!(parse(&format!("ws://{host}/")).unwrap().authority, host);
        }
        for host in ["[]", "[::1", "[::1]a", "[1]", "[::g]", "[::1%25eth0]", "::1", "[::1.2.3]"] {
            refused(&format!("ws://{host}:80/"), UrlPart::Host, 5);
        }
        refused("ws://a:1:80/", UrlPart::Host, 6);
        for (host, authority) in [("[0:0::1]", "[::1]"), ("[::FFFF:1.2.3.4]", "[::ffff:102:304]")] {
            assert_eq!(parse(&format!("ws://{host}/")).unwrap().authority, authority);
        }
    }

    #[test]
    fn labels_have_1_to_63_characters_and_names_253() {
        let (label, longer) = ("a".repeat(63), "a".repeat(64));
        for host in ["a..b", ".a", ".", "..", &longer, &[&*label; 4].join("."), "a.."] {
            refused(&format!("ws://{host}/"), UrlPart::Host, 5);
        }
        let longest = format!("{}.{}", [&*label; 3].join("."), "a".repeat(61));
        for host in ["A_b.C-d", "a.", &label, &longest] {
            let parsed = parse(&format!("ws://{host}/")).unwrap();
            assert_eq!(parsed.authority, host.to_ascii_lowercase());
        }
    }

    #[test]
    fn nothing_of_the_url_is_in_the_error() {
        for url in ["ws://secret:secret@a/", "secret://a/", "ws://secret:secret", "ws://a#secret"] {
            assert!(!format!("{}", parse(url).unwrap_err()).contains("secret"));
        }
    }

    #[test]
    fn dots_remove_a_segment_that_looks_like_a_drive() {
        assert_eq!(parse("ws://a/C:/../b").unwrap().resource, "/b");
    }

    #[cfg(feature = "url")]
    mod beside_the_whatwg {
        use alloc::format;
        use alloc::string::{String, ToString};
        use core::net::Ipv4Addr;

        use proptest::prelude::*;

        use super::super::super::{ParsedUrl, whatwg};
        use super::super::{Ipv6Addr, parse};
        use crate::handshake::ClientRequest;

        fn request(url: ParsedUrl) -> (String, String, u16, String) {
            let request = ClientRequest::from_parsed(url).unwrap();
            let (host, resource) = (request.host().into(), request.resource().into());
            (request.url(), host, request.port(), resource)
        }

        fn valid() -> impl Strategy<Value = String> {
            let name = "[a-zA-Z_][a-zA-Z0-9_-]{0,6}(\\.[a-zA-Z_][a-zA-Z0-9_-]{0,3}){0,2}\\.?";
            let mapped =
                any::<u32>().prop_map(|low| Ipv6Addr::from(0xffff_0000_0000 | u128::from(low)));
            let ipv6 = (any::<u128>(), any::<u128>(), any::<u128>())
                .prop_map(|(bits, mask, other)| Ipv6Addr::from(bits & mask & other));
            let host = prop_oneof![
                name.prop_filter("a label in Punycode", |name| !name
                    .to_lowercase()
                    .contains("xn--")),
                any::<Ipv4Addr>().prop_map(|address| address.to_string()),
                prop_oneof![ipv6, mapped].prop_map(|address| format!("[{address}]")),
            ];
            let port = prop_oneof![
                Just(String::new()),
                "(:|:80|:443|:0443)",
                (1..=u16::MAX).prop_map(|port| format!(":{port}")),
            ];
            let path = "(/(\\.|\\.\\.|%2e|\\.%2E|%2e%2e|([a-zA-Z0-9!$&'()*+,.:;=@_~-]|%[0-9a-fA-F]{2}){0,3})){0,6}";
            let query = "(\\?([a-z0-9!$&'()*+,./:;=?@_~-]|%[0-9a-fA-F]{2}){0,6})?";
            let scheme = "(ws|wss|http|https|Ws|WSS)";
            (scheme, host, port, path, query)
                .prop_map(|(scheme, host, port, path, query)| {
                    format!("{scheme}://{host}{port}{path}{query}")
                })
                .prop_filter("a drive letter", |url| !has_drive_letter(url))
        }

        /// The crate `url` has no `..` remove a segment like `C:`. The standard says so of files
        /// only.
        fn has_drive_letter(url: &str) -> bool {
            url.split('/').any(|segment| {
                matches!(segment.as_bytes(), [letter, b':'] if letter.is_ascii_alphabetic())
            })
        }

        proptest! {
            #![proptest_config(ProptestConfig::with_cases(2_000))]

            #[test]
            fn valid_urls_make_the_same_request(url in valid()) {
                prop_assert_eq!(
                    request(parse(&url).unwrap()),
                    request(whatwg::parse(&url).unwrap())
                );
            }

            #[test]
            fn whatever_is_accepted_makes_the_same_request(
                url in "ws://[a-f0-9:.x\\[\\]-]{1,9}(:[0-9+]{0,6})?([ -~\u{fc}]|[./?%2eE]){0,9}",
            ) {
                if let Ok(strict) = parse(&url)
                    && !has_drive_letter(&url)
                {
                    prop_assert_eq!(request(strict), request(whatwg::parse(&url).unwrap()));
                }
            }
        }
    }
}
