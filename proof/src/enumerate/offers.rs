//! Offers of permessage-deflate (RFC 7692, §7.1), beside an oracle that reads the rules slowly.

use sanswire::extension::{Deflate, DeflateConfig, Takeover, parse_extensions};

use crate::Extent;
use crate::tally::Tally;

/// Asks as a server with several settings about each offer, and each pair of offers.
pub(crate) fn ask(tally: &mut Tally, _: Extent) {
    let offers = offers();
    for config in CONFIGS {
        let deflate = config.deflate();
        let expected: Vec<Option<String>> =
            offers.iter().map(|offer| answer(config, offer)).collect();
        let values: Vec<String> = offers.iter().map(|offer| value(offer)).collect();
        for (first, value) in values.iter().enumerate() {
            tally.check(&accepted(&deflate, value), &expected[first], || {
                format!("{config:?}, {value}")
            });
            for (second, other) in values.iter().enumerate() {
                let both = format!("{value}, {other}");
                // §7.1: the first one that the server can accept.
                let either = expected[first].as_ref().or(expected[second].as_ref());
                tally.check(&accepted(&deflate, &both).as_ref(), &either, || {
                    format!("{config:?}, {both}")
                });
            }
        }
    }
}

/// Returns the server's answer.
fn accepted(config: &DeflateConfig, value: &str) -> Option<String> {
    let offers = parse_extensions([value.as_bytes()]).ok()?;
    Deflate::accept(config, &offers).map(|(_, answer)| answer.to_string())
}

type Param = (&'static str, Option<&'static str>);

/// Returns all offers of up to two parameters.
fn offers() -> Vec<Vec<Param>> {
    let mut offers = vec![Vec::new()];
    offers.extend(PARAMS.map(|param| vec![param]));
    offers.extend(PARAMS.iter().flat_map(|one| PARAMS.map(|other| vec![*one, other])));
    offers
}

fn value(offer: &[Param]) -> String {
    let mut value = String::from("permessage-deflate");
    for (name, param) in offer {
        value += "; ";
        value += name;
        if let Some(param) = param {
            value += "=";
            value += param;
        }
    }
    value
}

/// The oracle: the answer to one offer, or nothing if it is to be declined.
fn answer(config: Setting, offer: &[Param]) -> Option<String> {
    let of = |name: &str| offer.iter().find(|(other, _)| *other == name).map(|(_, value)| *value);
    let is_repeated = offer.len() == 2 && offer[0].0 == offer[1].0;
    let is_known = offer.iter().all(|(name, _)| NAMES.contains(name));
    // §7.1.1: a value would be an error.
    let has_flag_value = NAMES[..2].iter().any(|name| matches!(of(name), Some(Some(_))));
    if is_repeated || !is_known || has_flag_value {
        return None;
    }
    // §7.1.2.1: there must be a value. 8 is valid, and more than the compressor can do.
    let server_bits = match of("server_max_window_bits") {
        None => 15,
        Some(value) => bits(value?).filter(|bits| *bits >= 9)?,
    };
    // §7.1.2.2: there may be a value.
    let client_bits = match of("client_max_window_bits") {
        None if config.client_bits < 15 => return None,
        None | Some(None) => 15,
        Some(Some(value)) => bits(value)?,
    };
    let mut answer = String::from("permessage-deflate");
    if config.server_resets || of(NAMES[0]).is_some() {
        answer += "; server_no_context_takeover";
    }
    if config.client_resets || of(NAMES[1]).is_some() {
        answer += "; client_no_context_takeover";
    }
    let server_bits = config.server_bits.min(server_bits);
    if server_bits < 15 || of("server_max_window_bits").is_some() {
        answer += &format!("; server_max_window_bits={server_bits}");
    }
    let client_bits = config.client_bits.min(client_bits);
    if client_bits < 15 {
        answer += &format!("; client_max_window_bits={client_bits}");
    }
    Some(answer)
}

/// §7.1.2.1: "a decimal integer value without leading zeroes between 8 to 15 inclusive".
/// RFC 6455, §9.1: a quoted value is the value.
fn bits(value: &str) -> Option<u8> {
    let value = value.trim_matches('"');
    let bits: u8 = value.parse().ok()?;
    ((8..=15).contains(&bits) && bits.to_string() == value).then_some(bits)
}

/// What the server wants.
#[derive(Clone, Copy, Debug)]
struct Setting {
    server_bits: u8,
    client_bits: u8,
    server_resets: bool,
    client_resets: bool,
}

impl Setting {
    fn deflate(self) -> DeflateConfig {
        let takeover = |resets| if resets { Takeover::Reset } else { Takeover::Keep };
        DeflateConfig::default()
            .window_bits(self.server_bits)
            .peer_window_bits(self.client_bits)
            .takeover(takeover(self.server_resets))
            .peer_takeover(takeover(self.client_resets))
    }
}

const CONFIGS: [Setting; 5] = [
    Setting { server_bits: 15, client_bits: 15, server_resets: false, client_resets: false },
    Setting { server_bits: 9, client_bits: 15, server_resets: false, client_resets: true },
    Setting { server_bits: 15, client_bits: 9, server_resets: true, client_resets: false },
    Setting { server_bits: 12, client_bits: 12, server_resets: false, client_resets: false },
    Setting { server_bits: 9, client_bits: 9, server_resets: true, client_resets: true },
];

const NAMES: [&str; 4] = [
    "server_no_context_takeover",
    "client_no_context_takeover",
    "server_max_window_bits",
    "client_max_window_bits",
];

const PARAMS: [Param; 26] = [
    (NAMES[0], None),
    (NAMES[0], Some("1")),
    (NAMES[0], Some("true")),
    (NAMES[1], None),
    (NAMES[1], Some("1")),
    (NAMES[1], Some("\"1\"")),
    (NAMES[2], None),
    (NAMES[2], Some("7")),
    (NAMES[2], Some("8")),
    (NAMES[2], Some("9")),
    (NAMES[2], Some("12")),
    (NAMES[2], Some("15")),
    (NAMES[2], Some("16")),
    (NAMES[2], Some("\"10\"")),
    (NAMES[2], Some("010")),
    (NAMES[3], None),
    (NAMES[3], Some("7")),
    (NAMES[3], Some("8")),
    (NAMES[3], Some("9")),
    (NAMES[3], Some("12")),
    (NAMES[3], Some("15")),
    (NAMES[3], Some("16")),
    (NAMES[3], Some("\"10\"")),
    (NAMES[3], Some("010")),
    ("x", None),
    ("x", Some("1")),
];
