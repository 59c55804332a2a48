//! RFC 7692, §5 and §7: how two ends come to agree on permessage-deflate.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use proptest::prelude::*;
use sanswire::Role;
use sanswire::extension::{
    Deflate, DeflateConfig, Extension, InvalidExtension, Takeover, encode_extensions,
    parse_extensions,
};
use sanswire::handshake::{Acceptance, ClientRequest, HttpVersion};

use crate::support::deflate::{RSV1, deflate_config};
use crate::support::stack::opened;
use crate::support::{End, FIN, Got, Pair, TEXT};

const NAME: &str = "permessage-deflate";

fn parse(value: &str) -> Vec<Extension> {
    parse_extensions([value.as_bytes()]).unwrap()
}

/// What a server answers to the offers in a header.
fn answer(config: &DeflateConfig, offers: &str) -> Option<String> {
    let (agreed, response) = Deflate::accept(config, &parse(offers))?;
    // What it does is what it says.
    assert_eq!(Deflate::from_agreed(Role::Server, config, &response), Ok(agreed));
    Some(response.to_string())
}

/// Whether a client goes on with a response, and the parameter that it blames if not.
fn judge(config: &DeflateConfig, response: &str) -> Result<Deflate, InvalidExtension> {
    Deflate::confirm(config, &parse(response)[0])
}

/// `params`, each behind a semicolon.
fn with(params: &str) -> String {
    let params = params.split_whitespace();
    params.fold(NAME.to_owned(), |value, param| value + "; " + param)
}

/// Asserts what a server answers to an offer: all by parameters only.
#[track_caller]
fn assert_answer(config: &DeflateConfig, offer: &str, expected: Option<&str>) {
    assert_eq!(answer(config, &with(offer)), expected.map(with), "{offer}");
}

const CNCT: &str = "client_no_context_takeover";
const SNCT: &str = "server_no_context_takeover";

#[test]
fn a_client_offers_what_its_configuration_asks_for_7_1() {
    type Change = fn(DeflateConfig) -> DeflateConfig;
    let cases: [(Change, &str); 8] = [
        (|c| c, "client_max_window_bits"),
        (|c| c.takeover(Takeover::Reset), "client_no_context_takeover client_max_window_bits"),
        (|c| c.peer_takeover(Takeover::Reset), "server_no_context_takeover client_max_window_bits"),
        (|c| c.window_bits(9), "client_max_window_bits=9"),
        (|c| c.peer_window_bits(14), "server_max_window_bits=14 client_max_window_bits"),
        // Out of range: the nearest that is not.
        (|c| c.window_bits(0), "client_max_window_bits=9"),
        (|c| c.peer_window_bits(8), "server_max_window_bits=9 client_max_window_bits"),
        (|c| c.window_bits(16).peer_window_bits(255), "client_max_window_bits"),
    ];
    for (change, expected) in cases {
        assert_eq!(Deflate::offer(&change(DeflateConfig::default())).to_string(), with(expected));
    }
}

#[test]
fn a_server_echoes_what_it_serves_7_1() {
    let default = DeflateConfig::default();
    for (offer, expected) in [
        ("", ""),
        ("client_max_window_bits", ""),
        (SNCT, SNCT),
        (CNCT, CNCT),
        (
            "client_no_context_takeover server_no_context_takeover",
            "server_no_context_takeover client_no_context_takeover",
        ),
        ("server_max_window_bits=15", "server_max_window_bits=15"),
        ("server_max_window_bits=9", "server_max_window_bits=9"),
        ("client_max_window_bits=9", "client_max_window_bits=9"),
        ("client_max_window_bits=15", ""),
        // A client may compress with 256 bytes: every window that inflates is at least as large.
        ("client_max_window_bits=8", "client_max_window_bits=8"),
        (
            "server_max_window_bits=12 client_no_context_takeover client_max_window_bits=10 server_no_context_takeover",
            "server_no_context_takeover client_no_context_takeover server_max_window_bits=12 client_max_window_bits=10",
        ),
    ] {
        assert_answer(&default, offer, Some(expected));
    }
}

#[test]
fn a_server_asks_for_what_its_configuration_says_7_1() {
    type Change = fn(DeflateConfig) -> DeflateConfig;
    let cases: [(Change, &str, Option<&str>); 12] = [
        // §7.1.1.1 and §7.1.1.2: also where it was not offered.
        (|c| c.takeover(Takeover::Reset), "", Some(SNCT)),
        (|c| c.peer_takeover(Takeover::Reset), "", Some(CNCT)),
        // §7.1.2.1: the same or a smaller window, also where it was not offered.
        (|c| c.window_bits(10), "", Some("server_max_window_bits=10")),
        (|c| c.window_bits(10), "server_max_window_bits=12", Some("server_max_window_bits=10")),
        (|c| c.window_bits(12), "server_max_window_bits=10", Some("server_max_window_bits=10")),
        // §7.1.2.2: only where the client offers it.
        (|c| c.peer_window_bits(10), "", None),
        (|c| c.peer_window_bits(10), "server_max_window_bits=9", None),
        (|c| c.peer_window_bits(10), "client_max_window_bits", Some("client_max_window_bits=10")),
        (
            |c| c.peer_window_bits(10),
            "client_max_window_bits=12",
            Some("client_max_window_bits=10"),
        ),
        (
            |c| c.peer_window_bits(12),
            "client_max_window_bits=10",
            Some("client_max_window_bits=10"),
        ),
        (|c| c.peer_window_bits(12), "client_max_window_bits=8", Some("client_max_window_bits=8")),
        (|c| c.peer_window_bits(3), "client_max_window_bits", Some("client_max_window_bits=9")),
    ];
    for (change, offer, expected) in cases {
        assert_answer(&change(DeflateConfig::default()), offer, expected);
    }
}

/// Values that are no window size: §7.1.2 wants 8 to 15, in decimal, without leading zeroes.
const BAD_BITS: [&str; 22] = [
    "=0",
    "=1",
    "=7",
    "=16",
    "=09",
    "=010",
    "=015",
    "=00000000000000000009",
    "=256",
    "=264",
    "=18446744073709551616",
    "=18446744073709551625",
    "=x",
    "=-9",
    "=+9",
    "=9.0",
    "=1e1",
    "=0x9",
    "=9a",
    "=15_",
    "=٩",
    "=８",
];

#[test]
fn a_server_declines_what_is_not_as_the_rfc_has_it_7() {
    let default = DeflateConfig::default();
    let mut offers = vec![
        // §7: undefined parameters, at any place
        "x".to_owned(),
        "client_max_window_bits x=1".to_owned(),
        "server_no_context_takeover constructor".to_owned(),
        "__proto__=1 client_max_window_bits".to_owned(),
        "Server_No_Context_Takeover".to_owned(),
        "server_max_window_bit=10".to_owned(),
        // values where there are none, and none where there must be one
        "server_no_context_takeover=1".to_owned(),
        "client_no_context_takeover=true".to_owned(),
        "server_max_window_bits".to_owned(),
        // a window that this end cannot compress with
        "server_max_window_bits=8".to_owned(),
    ];
    for param in ["server_max_window_bits", "client_max_window_bits"] {
        offers.extend(
            BAD_BITS.iter().filter(|bad| bad.is_ascii()).map(|bad| format!("{param}{bad}")),
        );
        offers.push(format!("{param}=10 {param}=10"));
        offers.push(format!("{param}=10 {param}=11"));
    }
    offers.push("client_max_window_bits client_max_window_bits".to_owned());
    offers.push("client_max_window_bits client_max_window_bits=10".to_owned());
    offers.push(format!("{SNCT} {SNCT}"));
    offers.push(format!("{CNCT} {SNCT} {CNCT}"));
    for offer in offers {
        assert_answer(&default, &offer, None);
        // §5.1: the next one is as good as if it had been the only one.
        let both = format!("{}, {}", with(&offer), with("server_max_window_bits=11"));
        assert_eq!(answer(&default, &both), Some(with("server_max_window_bits=11")), "{offer}");
    }
}

#[test]
fn a_server_takes_the_first_offer_that_it_can_serve_5_1() {
    let small = DeflateConfig::default().peer_window_bits(10);
    for (offers, expected) in [
        ("permessage-deflate; server_no_context_takeover, permessage-deflate", Some(SNCT)),
        ("permessage-deflate, permessage-deflate; server_no_context_takeover", Some("")),
        ("x-webkit-deflate-frame, permessage-bzip2, permessage-deflate", Some("")),
        ("permessage-deflate-2, x-permessage-deflate", None),
        ("foo; permessage-deflate", None),
    ] {
        assert_eq!(answer(&DeflateConfig::default(), offers), expected.map(with), "{offers}");
    }
    let offers = "permessage-deflate, permessage-deflate; client_max_window_bits";
    assert_eq!(answer(&small, offers), Some(with("client_max_window_bits=10")));
    assert_eq!(Deflate::accept(&small, &[]), None);
}

#[test]
fn a_quoted_value_is_what_it_is_without_quotes() {
    let default = DeflateConfig::default();
    for value in ["\"10\"", "\"\\1\\0\"", " = \"10\" ", "= 10"] {
        let value = if value.contains('=') { value.to_owned() } else { format!("={value}") };
        let offer = format!("{NAME} ;\tserver_max_window_bits{value}");
        assert_eq!(answer(&default, &offer), Some(with("server_max_window_bits=10")), "{offer}");
    }
    for value in ["\"\"", "\"10", "10\"", "\" 10\"", "\"1 0\"", ""] {
        let offer = format!("{NAME}; server_max_window_bits={value}");
        assert!(parse_extensions([offer.as_bytes()]).is_err(), "{offer}");
    }
}

#[test]
fn a_client_goes_on_with_what_it_offered_7_1() {
    type Change = fn(DeflateConfig) -> DeflateConfig;
    let cases: [(Change, &str, Result<(), &str>); 24] = [
        (|c| c, "", Ok(())),
        // All of it may come without having been asked for.
        (|c| c, SNCT, Ok(())),
        (|c| c, CNCT, Ok(())),
        (|c| c, "server_max_window_bits=8", Ok(())),
        (|c| c, "server_max_window_bits=15", Ok(())),
        (|c| c, "client_max_window_bits=8", Ok(())),
        (|c| c, "client_max_window_bits=15", Ok(())),
        (
            |c| c,
            "client_max_window_bits=9 server_no_context_takeover client_no_context_takeover server_max_window_bits=9",
            Ok(()),
        ),
        // §7.1.2.2: a value is required in a response.
        (|c| c, "client_max_window_bits", Err("client_max_window_bits")),
        // §7.1.1.1: who accepts this includes it.
        (|c| c.peer_takeover(Takeover::Reset), "", Err(SNCT)),
        (|c| c.peer_takeover(Takeover::Reset), CNCT, Err(SNCT)),
        (|c| c.peer_takeover(Takeover::Reset), SNCT, Ok(())),
        // §7.1.1.2: this was only a hint.
        (|c| c.takeover(Takeover::Reset), "", Ok(())),
        (|c| c.takeover(Takeover::Reset), CNCT, Ok(())),
        // §7.1.2.1: the same or smaller, and there
        (|c| c.peer_window_bits(12), "", Err("server_max_window_bits")),
        (|c| c.peer_window_bits(12), "server_max_window_bits=13", Err("server_max_window_bits")),
        (|c| c.peer_window_bits(12), "server_max_window_bits=12", Ok(())),
        (|c| c.peer_window_bits(12), "server_max_window_bits=8", Ok(())),
        // §7.1.2.2: the same or smaller; if it is not there, the client compresses as it likes.
        (|c| c.window_bits(12), "", Ok(())),
        (|c| c.window_bits(12), "client_max_window_bits=13", Err("client_max_window_bits")),
        (|c| c.window_bits(12), "client_max_window_bits=15", Err("client_max_window_bits")),
        (|c| c.window_bits(12), "client_max_window_bits=12", Ok(())),
        (|c| c.window_bits(12), "client_max_window_bits=8", Ok(())),
        (|c| c.window_bits(12), "client_max_window_bits", Err("client_max_window_bits")),
    ];
    for (change, response, expected) in cases {
        assert_eq!(
            param(judge(&change(DeflateConfig::default()), &with(response))).as_deref(),
            expected.err(),
            "{response}"
        );
    }
}

/// The name of the parameter at fault, if there is one.
fn param(result: Result<Deflate, InvalidExtension>) -> Option<String> {
    let param = result.err()?.param.unwrap();
    Some(param.split('=').next().unwrap().to_owned())
}

#[test]
fn a_client_fails_on_a_response_that_is_not_as_the_rfc_has_it_7() {
    let mut responses = vec![
        "x".to_owned(),
        "server_no_context_takeover x=1".to_owned(),
        "server_no_context_takeover=1".to_owned(),
        "client_no_context_takeover=1".to_owned(),
        "server_max_window_bits".to_owned(),
        "client_max_window_bits".to_owned(),
        format!("{SNCT} {SNCT}"),
        format!("{CNCT} {CNCT}"),
    ];
    for param in ["server_max_window_bits", "client_max_window_bits"] {
        responses.extend(
            BAD_BITS.iter().filter(|bad| bad.is_ascii()).map(|bad| format!("{param}{bad}")),
        );
        responses.push(format!("{param}=10 {param}=10"));
    }
    for response in responses {
        assert!(judge(&DeflateConfig::default(), &with(&response)).is_err(), "{response}");
        let response = &parse(&with(&response))[0];
        for role in [Role::Client, Role::Server] {
            assert!(Deflate::from_agreed(role, &DeflateConfig::default(), response).is_err());
        }
    }
}

#[test]
fn what_was_agreed_on_elsewhere_is_taken_from_the_response() {
    let config = DeflateConfig::default().window_bits(13).takeover(Takeover::Reset);
    let response = &parse(&with(
        "server_max_window_bits=10 client_max_window_bits=12 client_no_context_takeover",
    ))[0];
    let server = Deflate::from_agreed(Role::Server, &config, response).unwrap();
    assert_eq!((server.window_bits(), server.peer_window_bits()), (10, 12));
    // No end has to be asked whether its own messages refer to earlier ones.
    assert_eq!((server.takeover(), server.peer_takeover()), (Takeover::Reset, Takeover::Reset));
    let client = Deflate::from_agreed(Role::Client, &config, response).unwrap();
    assert_eq!((client.window_bits(), client.peer_window_bits()), (12, 10));
    assert_eq!((client.takeover(), client.peer_takeover()), (Takeover::Reset, Takeover::Keep));
    let none = &parse(NAME)[0];
    let client = Deflate::from_agreed(Role::Client, &config, none).unwrap();
    assert_eq!((client.window_bits(), client.peer_window_bits()), (13, 15));

    for other in ["permessage-bzip2", "permessage-deflate-2", "Permessage-Deflate"] {
        let other = Extension::new(other).unwrap();
        for result in
            [Deflate::from_agreed(Role::Client, &config, &other), Deflate::confirm(&config, &other)]
        {
            let error = result.unwrap_err();
            let text = format!("{} is not valid: {}", other.name(), error.fault);
            assert_eq!(error.to_string(), text);
            assert_eq!((&*error.extension, error.param), (other.name(), None));
        }
    }
}

fn takeover() -> impl Strategy<Value = Takeover> {
    prop_oneof![Just(Takeover::Keep), Just(Takeover::Reset)]
}

fn any_config() -> impl Strategy<Value = DeflateConfig> {
    (any::<u8>(), any::<u8>(), 7_u8..18, 7_u8..18, takeover(), takeover(), any::<usize>()).prop_map(
        |(level, mem_level, window_bits, peer_window_bits, takeover, peer_takeover, threshold)| {
            DeflateConfig::default()
                .level(level)
                .mem_level(mem_level)
                .threshold(threshold)
                .window_bits(window_bits)
                .peer_window_bits(peer_window_bits)
                .takeover(takeover)
                .peer_takeover(peer_takeover)
        },
    )
}

fn any_param() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        Just(SNCT),
        Just(CNCT),
        Just("server_max_window_bits"),
        Just("client_max_window_bits"),
        Just("x"),
    ];
    let value = prop_oneof![
        4 => Just(String::new()),
        4 => (8..16).prop_map(|bits| format!("={bits}")),
        1 => any::<u64>().prop_map(|bits| format!("={bits}")),
        1 => prop::sample::select(&BAD_BITS[..20]).prop_map(ToOwned::to_owned),
    ];
    (name, value).prop_map(|(name, value)| format!("{name}{value}"))
}

/// What §7.1 says of an offer, as a sieve: which parameters it has, if it is valid.
fn read_by_the_rfc(params: &[String]) -> Option<[Option<Option<u8>>; 4]> {
    let mut found = [None; 4];
    for param in params {
        let (name, value) = param.split_once('=').map_or((&**param, None), |(n, v)| (n, Some(v)));
        let index = [SNCT, CNCT, "server_max_window_bits", "client_max_window_bits"]
            .iter()
            .position(|known| *known == name)?;
        let bits = match value {
            Some(value) => Some((8..16).find(|bits: &u8| bits.to_string() == value)?),
            None => None,
        };
        if found[index].is_some() || (index < 2 && bits.is_some()) || (index == 2 && bits.is_none())
        {
            return None;
        }
        found[index] = Some(bits);
    }
    Some(found)
}

proptest! {
    #[test]
    fn two_ends_agree_whatever_their_configurations(client in any_config(), server in any_config()) {
        let offer = Deflate::offer(&client);
        let Some((of_server, response)) = Deflate::accept(&server, &[offer]) else {
            return Err(TestCaseError::fail("an own offer is declined"));
        };
        let of_client = Deflate::confirm(&client, &response).unwrap();
        prop_assert_eq!(of_client.window_bits(), of_server.peer_window_bits());
        prop_assert_eq!(of_server.window_bits(), of_client.peer_window_bits());
        prop_assert_eq!(of_client.takeover(), of_server.peer_takeover());
        prop_assert_eq!(of_server.takeover(), of_client.peer_takeover());
        for (agreed, config) in [(of_client, client), (of_server, server)] {
            prop_assert!(agreed.window_bits() <= config.window_bits.clamp(9, 15));
            prop_assert!(agreed.peer_window_bits() <= config.peer_window_bits.clamp(9, 15));
            prop_assert!(config.takeover == Takeover::Keep || agreed.takeover() == Takeover::Reset);
            prop_assert!(config.peer_takeover == Takeover::Keep || agreed.peer_takeover() == Takeover::Reset);
        }
    }

    #[test]
    fn a_server_answers_any_offer_as_the_rfc_allows(
        server in any_config(),
        params in prop::collection::vec(any_param(), 0..5),
    ) {
        let offer = parse(&with(&params.join(" ")));
        let accepted = Deflate::accept(&server, &offer);
        let Some([snct, cnct, server_bits, client_bits]) = read_by_the_rfc(&params) else {
            prop_assert_eq!(accepted, None);
            return Ok(());
        };
        let Some((agreed, response)) = accepted else {
            let cannot_ask = client_bits.is_none() && server.peer_window_bits < 15;
            prop_assert!(cannot_ask || server_bits == Some(Some(8)));
            return Ok(());
        };
        let response: Vec<_> = response.params().map(|(name, value)| {
            value.map_or_else(|| name.to_owned(), |value| format!("{name}={value}"))
        }).collect();
        let answered = read_by_the_rfc(&response).unwrap();
        prop_assert!(snct.is_none() || answered[0].is_some());
        prop_assert_eq!(answered[0].is_some(), agreed.takeover() == Takeover::Reset);
        prop_assert_eq!(answered[1].is_some(), agreed.peer_takeover() == Takeover::Reset);
        prop_assert!(cnct.is_none() || answered[1].is_some());
        let bits = |found: Option<Option<u8>>| found.flatten().unwrap_or(15);
        prop_assert!(server_bits.is_none() || answered[2].is_some());
        prop_assert!(bits(answered[2]) <= bits(server_bits));
        prop_assert!(answered[3].is_none() || client_bits.is_some());
        prop_assert!(answered[3] != Some(None));
        prop_assert!(bits(answered[3]) <= bits(client_bits));
        prop_assert_eq!(agreed.window_bits(), bits(answered[2]));
        prop_assert_eq!(agreed.peer_window_bits(), bits(answered[3]));
    }

    #[test]
    fn no_header_makes_any_of_it_panic(value in "[a-z_ ;=,\"0-9\\\\]{0,80}", server in any_config()) {
        let value = format!("permessage-deflate{value}");
        if let Ok(extensions) = parse_extensions([value.as_bytes()]) {
            let _ = Deflate::accept(&server, &extensions);
            for extension in &extensions {
                let _ = Deflate::confirm(&server, extension);
                let _ = Deflate::from_agreed(Role::Client, &server, extension);
            }
            prop_assert!(parse_extensions([encode_extensions(&extensions).as_bytes()]).is_ok());
        }
    }
}

#[cfg(feature = "handshake")]
mod handshake {
    //! The same through the opening handshake.

    use bytes::Buf;
    use sanswire::handshake::{
        Acceptance, ClientHandshake, ClientRequest, HandshakeError, HeadLimits, ServerHandshake,
    };
    use sanswire::{Config, Connection, Event};

    use super::*;

    fn request(extensions: &str) -> String {
        format!(
            "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
             {extensions}\r\n"
        )
    }

    /// What a server that compresses answers to the lines of a header.
    fn served(acceptance: &Acceptance, lines: &[&str]) -> Result<Option<String>, HandshakeError> {
        let lines: String =
            lines.iter().map(|line| format!("Sec-WebSocket-Extensions: {line}\r\n")).collect();
        let mut handshake = ServerHandshake::new(&HeadLimits::default());
        handshake.input().extend_from_slice(request(&lines).as_bytes());
        let request = handshake.poll_request()?.unwrap();
        handshake.accept(&request, acceptance)?;
        let output = handshake.poll_transmit().unwrap();
        let response =
            String::from_utf8(output.copy_to_bytes(output.remaining()).to_vec()).unwrap();
        let chosen = response
            .lines()
            .filter_map(|line| line.strip_prefix("Sec-WebSocket-Extensions: "))
            .map(ToOwned::to_owned)
            .collect::<Vec<_>>();
        assert!(chosen.len() < 2);
        let negotiated = handshake.negotiated().unwrap();
        assert_eq!(negotiated.deflate().is_some(), !chosen.is_empty());
        Ok(chosen.into_iter().next())
    }

    #[test]
    fn a_server_without_an_acceptable_offer_goes_on_without_compression() {
        let acceptance = Acceptance::new().deflate(&DeflateConfig::default());
        for (lines, expected) in [
            (&[][..], None),
            (&["permessage-deflate"], Some(NAME)),
            (&["permessage-deflate; x", "permessage-deflate"], Some(NAME)),
            (&["permessage-deflate; x"], None),
            (&["permessage-deflate; server_max_window_bits=8"], None),
            (&["Permessage-Deflate"], None),
            (&["foo, bar", "baz"], None),
        ] {
            let chosen = served(&acceptance, lines).unwrap();
            assert_eq!(chosen.as_deref(), expected, "{lines:?}");
        }
        // §9.1 of RFC 6455: what is no list of extensions at all is another matter.
        for line in
            ["permessage-deflate; x=\"", "permessage-deflate;", ";", "permessage-deflate; =8"]
        {
            assert!(served(&acceptance, &[line]).is_err(), "{line}");
        }
    }

    #[test]
    fn a_server_chooses_the_extension_once() {
        let by_hand = Extension::new(NAME).unwrap();
        let acceptance = Acceptance::new().extension(by_hand).deflate(&DeflateConfig::default());
        assert_eq!(served(&acceptance, &[NAME]), Ok(Some(NAME.to_owned())));
    }

    fn client(configs: &[DeflateConfig]) -> ClientHandshake {
        let request = ClientRequest::new("a", "/").unwrap();
        let request = configs.iter().fold(request, |request, config| request.deflate(config));
        ClientHandshake::new(&request, *b"the sample nonce")
    }

    fn offered(handshake: &mut ClientHandshake) -> String {
        let output = handshake.poll_transmit().unwrap();
        let request = output.copy_to_bytes(output.remaining());
        let request = core::str::from_utf8(&request).unwrap();
        let mut lines =
            request.lines().filter_map(|line| line.strip_prefix("Sec-WebSocket-Extensions: "));
        let line = lines.next().unwrap().to_owned();
        assert_eq!(lines.next(), None);
        line
    }

    fn answered(config: &DeflateConfig, lines: &[&str]) -> Result<Option<Deflate>, HandshakeError> {
        answered_to(&mut client(core::slice::from_ref(config)), lines)
    }

    fn answered_to(
        handshake: &mut ClientHandshake,
        lines: &[&str],
    ) -> Result<Option<Deflate>, HandshakeError> {
        let lines: String =
            lines.iter().map(|line| format!("Sec-WebSocket-Extensions: {line}\r\n")).collect();
        handshake.input().extend_from_slice(
            format!(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n{lines}\r\n"
            )
            .as_bytes(),
        );
        handshake.poll_response()?.unwrap();
        Ok(handshake.negotiated().unwrap().deflate())
    }

    #[test]
    fn a_client_fails_on_a_response_that_it_did_not_offer() {
        let default = DeflateConfig::default();
        assert_eq!(answered(&default, &[]), Ok(None));
        assert!(answered(&default, &[NAME]).unwrap().is_some());
        let request = ClientRequest::new("server.example.com", "/").unwrap();
        let request = request.extension(Extension::new("other").unwrap()).deflate(&default);
        let mut handshake = ClientHandshake::new(&request, *b"the sample nonce");
        // It may stand behind others.
        assert_eq!(
            answered_to(&mut handshake, &["other, permessage-deflate"]),
            answered(&default, &[NAME]),
        );
        let small = DeflateConfig::default().peer_window_bits(10);
        for (config, params, shown) in [
            (&default, "x=1", "is not valid: x=1 (there is no such parameter)"),
            (&default, "server_max_window_bits=09", "server_max_window_bits=09 (a window has"),
            (&default, "server_max_window_bits", "server_max_window_bits (a window has"),
            (&default, "client_max_window_bits", "client_max_window_bits (a window has"),
            (&small, "", "server_max_window_bits (it was asked for, and is missing)"),
            (&small, "server_max_window_bits=11", "=11 (a smaller window was offered)"),
            (&default, "server_no_context_takeover=1", "takeover=1 (it takes no value)"),
            (
                &default,
                "client_no_context_takeover client_no_context_takeover",
                "client_no_context_takeover (it comes more than once)",
            ),
        ] {
            let error = answered(config, &[&with(params)]).unwrap_err();
            assert!(matches!(error, HandshakeError::InvalidExtension(_)), "{error}");
            assert!(error.to_string().contains(shown), "{error}");
        }
        for lines in [
            // The same reserved bit cannot have two meanings.
            &["permessage-deflate, permessage-deflate"][..],
            &["permessage-deflate", "permessage-deflate"],
            &["permessage-deflate, x-webkit-deflate-frame"],
            &["Permessage-Deflate"],
            &[""],
        ] {
            assert!(answered(&default, lines).is_err(), "{lines:?}");
        }
    }

    #[test]
    fn a_client_offers_by_its_last_configuration() {
        let mut handshake =
            client(&[DeflateConfig::default().peer_window_bits(9), DeflateConfig::default()]);
        assert_eq!(offered(&mut handshake), with("client_max_window_bits"));
    }

    /// A client and a server with all that was to be written exchanged.
    fn connected(of_client: &DeflateConfig, of_server: &DeflateConfig) -> (Connection, Connection) {
        let mut client = client(core::slice::from_ref(of_client));
        let mut server = ServerHandshake::new(&HeadLimits::default());
        let output = client.poll_transmit().unwrap();
        server.input().extend_from_slice(&output.copy_to_bytes(output.remaining()));
        let request = server.poll_request().unwrap().unwrap();
        server.accept(&request, &Acceptance::new().deflate(of_server)).unwrap();
        let output = server.poll_transmit().unwrap();
        client.input().extend_from_slice(&output.copy_to_bytes(output.remaining()));
        client.poll_response().unwrap().unwrap();
        (
            client.into_connection(&Config::default(), [7; 32]).unwrap(),
            server.into_connection(&Config::default()).unwrap(),
        )
    }

    fn transfer(from: &mut Connection, to: &mut Connection, text: &str) -> u8 {
        from.commands().send(text).unwrap();
        let output = from.poll_transmit().unwrap();
        let first = output.chunk()[0];
        to.input().extend_from_slice(&output.copy_to_bytes(output.remaining()));
        let Some((Event::Text(received), _)) = to.poll_event().unwrap() else { panic!() };
        assert_eq!(received.as_str(), text);
        first
    }

    proptest! {
        #![proptest_config(crate::support::cases(32))]

        #[test]
        fn connections_that_open_exchange_messages(
            mut of_client in any_config(),
            mut of_server in any_config(),
            texts in prop::collection::vec("[ab]{0,400}", 1..4),
        ) {
            (of_client.threshold, of_server.threshold) = (0, 0);
            let (mut client, mut server) = connected(&of_client, &of_server);
            prop_assert_eq!(client.extensions(), server.extensions());
            prop_assert!(client.extensions().starts_with(NAME));
            for text in &texts {
                prop_assert_eq!(transfer(&mut client, &mut server, text), 0xc1);
                prop_assert_eq!(transfer(&mut server, &mut client, text), 0xc1);
            }
        }
    }
}

#[test]
fn connections_by_another_http_stack_compress_over_every_version_of_http() {
    for version in [HttpVersion::Http11, HttpVersion::Http2, HttpVersion::Http3] {
        let request = ClientRequest::new("example.com", "/").unwrap().deflate(&deflate_config());
        let acceptance = Acceptance::new().deflate(&deflate_config().window_bits(10));
        let (response, client, server) = opened(version, &request, &acceptance);
        let expected = with("server_max_window_bits=10");
        assert_eq!(response.headers().text("Sec-WebSocket-Extensions"), Some(&*expected));
        assert_eq!([client.extensions(), server.extensions()], [&expected; 2]);
        let mut pair = Pair::of(End::of(client), End::of(server), 0);
        let text = "to and fro, ".repeat(1000);
        for role in [Role::Client, Role::Server] {
            pair.end(role).send(&*text).unwrap();
            pair.end(role).send(&*text).unwrap();
        }
        pair.settle();
        for side in [&mut pair.client, &mut pair.server] {
            assert_eq!(side.end.take_got(), [Got::text(&text), Got::text(&text)], "{version}");
            assert_eq!(side.wrote[0], FIN | RSV1 | TEXT);
            assert!(side.wrote.len() < text.len() / 10, "{}", side.wrote.len());
        }
    }
}

#[test]
fn a_bound_of_memory_chooses_the_largest_windows_within_it() {
    let within = |kib: usize| {
        let config = DeflateConfig::within(kib << 10)?;
        Some((config.window_bits, config.peer_window_bits, config.mem_level))
    };
    assert_eq!(DeflateConfig::default().max_memory(), 459 << 10);
    for (kib, bits) in [
        (191, None),
        (192, Some((9, 9, 2))),
        (256, Some((13, 13, 6))),
        (458, Some((14, 14, 7))),
        (459, Some((15, 15, 8))),
    ] {
        assert_eq!(within(kib), bits, "{kib} KiB");
    }
}
