//! Valid URLs in ASCII (RFC 3986), and no others: nothing is guessed, a fault is told by its place.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::host::parse_authority;
use super::{FRAGMENT, Fault, ParsedUrl, SCHEME, UrlPart, is_secure, with_query};

/// Parses a URL. The WHATWG's parser makes the same of it, but for names with labels `xn--` that are
/// not Punycode: it refuses those.
pub(super) fn parse(url: &str) -> Result<ParsedUrl, Fault> {
    let scheme = url.find("://").and_then(|len| Some((is_secure(url.get(..len)?)?, len)));
    let Some((is_secure, len)) = scheme else {
        return Err(Fault::at(UrlPart::Scheme, 0, SCHEME));
    };
    let start = len + 3;
    let (_, rest) = url.split_at(start);
    // §3: "Fragment identifiers are meaningless in the context of WebSocket URIs and MUST NOT
    // be used on these URIs."
    if let Some(at) = rest.find('#') {
        return Err(Fault::at(UrlPart::Fragment, start + at, FRAGMENT));
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

/// Checks that a part, which begins at byte `start`, needs no percent-encoding.
fn check(part: UrlPart, text: &str, start: usize) -> Result<(), Fault> {
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
        return Err(Fault::at(part, start + at, fact));
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
    use alloc::string::ToString;

    use super::*;
    use crate::handshake::UrlError;

    #[track_caller]
    fn refused(url: &str, part: UrlPart, position: usize) {
        let error = parse(url).unwrap_err();
        assert_eq!((error.part, error.at), (part, Some(position)), "{url:?}: {error:?}");
    }

    #[test]
    fn a_fault_is_printed_with_its_part_and_place() {
        for (url, shown) in [
            ("ftp://a/", "scheme at byte 0 of \"ftp://a/\": "),
            ("ws://a@b/", "user name or password at byte 5 of "),
            ("ws://a b/", "host at byte 6 of \"ws://a b/\": "),
            ("ws://a:0/", "port at byte 7 of \"ws://a:0/\": "),
            ("ws://a/b c", "path at byte 8 of \"ws://a/b c\": "),
            ("ws://a/?b\"", "query at byte 9 of \"ws://a/?…\": "),
            ("ws://a/#", "fragment at byte 7 of "),
        ] {
            let error = UrlError::new(url, parse(url).unwrap_err()).to_string();
            assert!(error.starts_with(shown), "{error}");
        }
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
            assert_eq!(parse(&format!("ws://a:{port}")).unwrap().authority.to_string(), authority);
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
            assert_eq!(parse(&format!("ws://{host}/")).unwrap().authority.to_string(), host);
        }
        for host in ["[]", "[::1", "[::1]a", "[1]", "[::g]", "[::1%25eth0]", "::1", "[::1.2.3]"] {
            refused(&format!("ws://{host}:80/"), UrlPart::Host, 5);
        }
        refused("ws://a:1:80/", UrlPart::Host, 6);
        for (host, authority) in [("[0:0::1]", "[::1]"), ("[::FFFF:1.2.3.4]", "[::ffff:102:304]")] {
            assert_eq!(parse(&format!("ws://{host}/")).unwrap().authority.to_string(), authority);
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
            assert_eq!(parsed.authority.to_string(), host.to_ascii_lowercase());
        }
    }

    #[test]
    fn dots_remove_a_segment_that_looks_like_a_drive() {
        assert_eq!(parse("ws://a/C:/../b").unwrap().resource, "/b");
    }

    #[test]
    fn what_cannot_be_sent_as_it_is_is_told_apart() {
        for (character, expected) in [
            ("%4", "two hexadecimal digits"),
            ("\\", "a backslash"),
            ("\"", "must be percent-encoded"),
            (" ", "a space"),
            ("\u{7f}", "control character"),
            ("\u{fc}", "not ASCII"),
        ] {
            let Fault { part, at, fact } = parse(&format!("ws://host/ok{character}")).unwrap_err();
            assert_eq!((part, at), (UrlPart::Path, Some(12)), "{fact}");
            assert!(fact.contains(expected), "{character:?}: {fact}");
        }
    }

    #[cfg(feature = "url")]
    mod beside_the_whatwg {
        use alloc::format;
        use alloc::string::{String, ToString};
        use core::net::{Ipv4Addr, Ipv6Addr};

        use proptest::prelude::*;

        use super::super::super::{ParsedUrl, whatwg};
        use super::super::parse;
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
