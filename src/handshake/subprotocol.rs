//! `Sec-WebSocket-Protocol` (RFC 6455, §4.1 and §11.3.4); knows no subprotocol.

use alloc::collections::BTreeSet;

use super::headers::PROTOCOL;
use super::{HandshakeError, Headers};
use crate::extension::is_token;

/// Whose order of preference decides which subprotocol is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there are two sides, and two orders")]
pub enum Preference {
    /// The order in which the client offers them. The default: §4.1 has the client order its offer
    /// by preference.
    #[default]
    Client,
    /// The order in which the server lists what it supports.
    Server,
}

/// Chooses a subprotocol that is both offered and supported. Names are compared with regard to
/// case.
///
/// ```
/// use sanswire::handshake::{Preference, select_subprotocol};
///
/// let offered = || ["soap", "wamp.2.json", "wamp.2.cbor"].into_iter();
/// let supported = ["wamp.2.cbor", "wamp.2.json"];
/// let choose = |preference| select_subprotocol(offered(), &supported, preference);
/// assert_eq!(choose(Preference::Client), Some("wamp.2.json"));
/// assert_eq!(choose(Preference::Server), Some("wamp.2.cbor"));
/// ```
#[must_use]
pub fn select_subprotocol<'a, 'b>(
    offered: impl Iterator<Item = &'a str>,
    supported: &[&'b str],
    preference: Preference,
) -> Option<&'b str> {
    let mut ranks = offered.filter_map(|offer| supported.iter().position(|name| *name == offer));
    let rank = match preference {
        Preference::Client => ranks.next(),
        Preference::Server => ranks.min(),
    };
    rank.and_then(|rank| supported.get(rank)).copied()
}

/// Returns the subprotocols that a request offers, in the client's order.
pub(super) fn offered(headers: &Headers) -> impl Iterator<Item = &str> {
    headers.list(PROTOCOL).filter_map(|name| core::str::from_utf8(name).ok())
}

/// Checks what a request offers.
pub(super) fn check_offer(headers: &Headers) -> Result<(), HandshakeError> {
    let mut seen = BTreeSet::new();
    // §4.1: "non-empty strings with characters in the range U+0021 to U+007E not including
    // separator characters as defined in [RFC2616] and MUST all be unique strings"
    let is_valid = headers.list(PROTOCOL).all(|name| is_token(name) && seen.insert(name));
    // §4.1: "The ABNF for the value of this header field is 1#token"
    if !is_valid || (seen.is_empty() && headers.get(PROTOCOL).is_some()) {
        return Err(headers.invalid(PROTOCOL, "a list of tokens, each once"));
    }
    Ok(())
}
