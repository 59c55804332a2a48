//! The parameters of permessage-deflate (RFC 7692, §7.1): offered, judged and agreed on; compresses
//! nothing.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::ToString;

use super::config::{DeflateConfig, Takeover};
use crate::extension::{Extension, InvalidExtension};
use crate::role::Role;

/// The negotiated parameters of permessage-deflate.
///
/// A [handshake](crate::handshake) negotiates by itself. Use these methods if the opening handshake
/// is done elsewhere, then pass the result to
/// [`Connection::with_deflate`](crate::Connection::with_deflate).
///
/// ```
/// use sanswire::extension::{Deflate, DeflateConfig};
///
/// let config = DeflateConfig::default();
/// // A client sends an offer, a server chooses and answers, and the client checks the answer.
/// let offer = Deflate::offer(&config);
/// let (server, answer) = Deflate::accept(&config, &[offer]).unwrap();
/// let client = Deflate::confirm(&config, &answer).unwrap();
/// assert_eq!(server.window_bits(), client.peer_window_bits());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deflate {
    pub(super) level: u8,
    pub(super) mem_level: u8,
    pub(super) threshold: usize,
    /// 8 to 15; with 8 this endpoint sends everything plain.
    pub(super) window_bits: u8,
    /// 8 to 15
    pub(super) peer_window_bits: u8,
    pub(super) takeover: Takeover,
    pub(super) peer_takeover: Takeover,
}

/// The parameters of one offer or response, each given at most once and with a valid value.
#[derive(Debug, Default)]
struct Params {
    client_max_window_bits: Option<Option<u8>>,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<u8>,
    server_no_context_takeover: bool,
}

impl Deflate {
    /// Returns the offer of a client.
    #[must_use]
    pub fn offer(config: &DeflateConfig) -> Extension {
        let config = config.clamped();
        let mut offer = Extension::named(NAME);
        if config.peer_takeover == Takeover::Reset {
            offer.push(SERVER_NO_CONTEXT_TAKEOVER, None);
        }
        if config.takeover == Takeover::Reset {
            offer.push(CLIENT_NO_CONTEXT_TAKEOVER, None);
        }
        if config.peer_window_bits < 15 {
            offer.push(SERVER_MAX_WINDOW_BITS, Some(config.peer_window_bits));
        }
        // §7.1.2.2: without a value, the server may choose one.
        offer.push(CLIENT_MAX_WINDOW_BITS, Some(config.window_bits).filter(|bits| *bits < 15));
        offer
    }

    /// Chooses the first offer of a client that a server can accept. Returns the parameters and the
    /// extension to answer with, or `None` if there is no such offer.
    ///
    /// Other extensions are skipped. So are offers with unknown, repeated or invalid parameters, as
    /// §7 demands.
    #[must_use]
    pub fn accept(config: &DeflateConfig, offers: &[Extension]) -> Option<(Self, Extension)> {
        offers
            .iter()
            .filter(|offer| Self::is_named_by(offer))
            .find_map(|offer| Self::accept_one(&config.clamped(), &Params::parse(offer).ok()?))
    }

    /// Returns whether the name of an extension is `permessage-deflate`, in lower case.
    #[must_use]
    pub fn is_named_by(extension: &Extension) -> bool {
        extension.name() == NAME
    }

    fn accept_one(config: &DeflateConfig, offer: &Params) -> Option<(Self, Extension)> {
        // §7.1.2.1: the server answers with the same or a smaller window, or declines. A window of
        // 256 bytes is one that zlib cannot compress with.
        let offered = offer.server_max_window_bits.unwrap_or(15);
        if offered < 9 {
            return None;
        }
        let window_bits = config.window_bits.min(offered);
        let peer_window_bits = match offer.client_max_window_bits {
            Some(offered) => config.peer_window_bits.min(offered.unwrap_or(15)),
            // §7.1.2.2: without it in the offer, the server cannot ask for a smaller window.
            None if config.peer_window_bits < 15 => return None,
            None => 15,
        };
        let takeover = config.takeover.or_reset(offer.server_no_context_takeover);
        let peer_takeover = config.peer_takeover.or_reset(offer.client_no_context_takeover);

        let mut response = Extension::named(NAME);
        if takeover == Takeover::Reset {
            response.push(SERVER_NO_CONTEXT_TAKEOVER, None);
        }
        if peer_takeover == Takeover::Reset {
            response.push(CLIENT_NO_CONTEXT_TAKEOVER, None);
        }
        if window_bits < 15 || offer.server_max_window_bits.is_some() {
            response.push(SERVER_MAX_WINDOW_BITS, Some(window_bits));
        }
        if peer_window_bits < 15 {
            response.push(CLIENT_MAX_WINDOW_BITS, Some(peer_window_bits));
        }
        let agreed = Self {
            window_bits,
            peer_window_bits,
            takeover,
            peer_takeover,
            ..Self::with_streams_of(config)
        };
        Some((agreed, response))
    }

    /// Checks a server's response to the [`offer`](Self::offer) of the same `config`.
    ///
    /// # Errors
    ///
    /// The response is not of permessage-deflate, has a parameter that is unknown, repeated or not
    /// valid, or goes beyond the offer. The client must then fail the connection (§7).
    pub fn confirm(config: &DeflateConfig, response: &Extension) -> Result<Self, InvalidExtension> {
        let config = config.clamped();
        let response = Params::parse_response(response)?;
        let peer_window_bits = match response.server_max_window_bits {
            Some(bits) if bits <= config.peer_window_bits => bits,
            None if config.peer_window_bits == 15 => 15,
            Some(bits) => return Err(wider(SERVER_MAX_WINDOW_BITS, bits)),
            None => return Err(missing(SERVER_MAX_WINDOW_BITS)),
        };
        let window_bits = match response.client_max_window_bits.flatten() {
            Some(bits) if bits <= config.window_bits => bits,
            Some(bits) => return Err(wider(CLIENT_MAX_WINDOW_BITS, bits)),
            None => config.window_bits,
        };
        if config.peer_takeover == Takeover::Reset && !response.server_no_context_takeover {
            return Err(missing(SERVER_NO_CONTEXT_TAKEOVER));
        }
        Ok(Self {
            window_bits,
            peer_window_bits,
            takeover: config.takeover.or_reset(response.client_no_context_takeover),
            peer_takeover: config.peer_takeover.or_reset(response.server_no_context_takeover),
            ..Self::with_streams_of(&config)
        })
    }

    /// Returns the parameters of a connection that was negotiated elsewhere, such as over HTTP/2
    /// (RFC 8441). `agreed` is the extension in the response.
    ///
    /// # Errors
    ///
    /// The extension is not permessage-deflate, or has a parameter that is unknown, repeated or not
    /// valid.
    pub fn from_agreed(
        role: Role,
        config: &DeflateConfig,
        agreed: &Extension,
    ) -> Result<Self, InvalidExtension> {
        let params = Params::parse_response(agreed)?;
        let server_bits = params.server_max_window_bits.unwrap_or(15);
        let client_bits = params.client_max_window_bits.flatten().unwrap_or(15);
        let server = Takeover::Keep.or_reset(params.server_no_context_takeover);
        let client = Takeover::Keep.or_reset(params.client_no_context_takeover);
        let ((window_bits, takeover), (peer_window_bits, peer_takeover)) = match role {
            Role::Client => ((client_bits, client), (server_bits, server)),
            Role::Server => ((server_bits, server), (client_bits, client)),
        };
        let config = config.clamped();
        Ok(Self {
            // What this endpoint compresses with may always be less than it was granted.
            window_bits: window_bits.min(config.window_bits),
            peer_window_bits,
            takeover: config.takeover.or_reset(takeover == Takeover::Reset),
            peer_takeover,
            ..Self::with_streams_of(&config)
        })
    }

    /// Returns the window that this endpoint compresses with, as a power of two. With 8, this endpoint
    /// sends everything uncompressed, because zlib does not support that window.
    #[must_use]
    pub const fn window_bits(&self) -> u8 {
        self.window_bits
    }

    /// Returns the largest window that the peer may compress with, as a power of two.
    #[must_use]
    pub const fn peer_window_bits(&self) -> u8 {
        self.peer_window_bits
    }

    /// Returns whether this endpoint's messages refer to earlier ones.
    #[must_use]
    pub const fn takeover(&self) -> Takeover {
        self.takeover
    }

    /// Returns whether the peer's messages may refer to earlier ones.
    #[must_use]
    pub const fn peer_takeover(&self) -> Takeover {
        self.peer_takeover
    }

    /// Returns what `config` says, as if all of it had been agreed on.
    pub(super) const fn with_streams_of(config: &DeflateConfig) -> Self {
        Self {
            level: config.level,
            mem_level: config.mem_level,
            threshold: config.threshold,
            window_bits: config.window_bits,
            peer_window_bits: config.peer_window_bits,
            takeover: config.takeover,
            peer_takeover: config.peer_takeover,
        }
    }
}

impl Params {
    /// Parses a response, in which more has a value than in an offer.
    fn parse_response(response: &Extension) -> Result<Self, InvalidExtension> {
        if !Deflate::is_named_by(response) {
            return Err(InvalidExtension {
                extension: response.name().to_owned(),
                param: None,
                fault: "permessage-deflate is expected",
            });
        }
        let params = Self::parse(response)?;
        // §7.1.2.2: in a response it has a value.
        match params.client_max_window_bits {
            Some(None) => Err(invalid(CLIENT_MAX_WINDOW_BITS, None, WINDOW)),
            _ => Ok(params),
        }
    }

    /// Parses the parameters of an offer or response.
    fn parse(extension: &Extension) -> Result<Self, InvalidExtension> {
        let mut params = Self::default();
        for (name, value) in extension.params() {
            let bits = || value.map(|value| parse_bits(name, value)).transpose();
            let is_first = match name {
                SERVER_NO_CONTEXT_TAKEOVER | CLIENT_NO_CONTEXT_TAKEOVER if value.is_some() => {
                    return Err(invalid(name, value, "it takes no value"));
                }
                SERVER_NO_CONTEXT_TAKEOVER => {
                    !core::mem::replace(&mut params.server_no_context_takeover, true)
                }
                CLIENT_NO_CONTEXT_TAKEOVER => {
                    !core::mem::replace(&mut params.client_no_context_takeover, true)
                }
                SERVER_MAX_WINDOW_BITS => {
                    let bits = bits()?.ok_or_else(|| invalid(name, None, WINDOW))?;
                    params.server_max_window_bits.replace(bits).is_none()
                }
                CLIENT_MAX_WINDOW_BITS => params.client_max_window_bits.replace(bits()?).is_none(),
                _ => return Err(invalid(name, value, "there is no such parameter")),
            };
            if !is_first {
                return Err(invalid(name, value, "it comes more than once"));
            }
        }
        Ok(params)
    }
}

/// Returns the error for a parameter of permessage-deflate.
fn invalid(name: &str, value: Option<&str>, fault: &'static str) -> InvalidExtension {
    let param = value.map_or_else(|| name.to_owned(), |value| format!("{name}={value}"));
    InvalidExtension { extension: NAME.to_owned(), param: Some(param), fault }
}

/// §7.1.2.1 and §7.1.2.2: a window may be smaller than what was offered, and not larger.
fn wider(name: &str, bits: u8) -> InvalidExtension {
    invalid(name, Some(&bits.to_string()), "a smaller window was offered")
}

/// §7.1.1.1 and §7.1.2.1: a server that accepts an offer with it answers with it.
fn missing(name: &str) -> InvalidExtension {
    invalid(name, None, "it was asked for, and is missing")
}

/// §7.1.2: "a decimal integer value without leading zeroes between 8 to 15 inclusive".
fn parse_bits(name: &str, value: &str) -> Result<u8, InvalidExtension> {
    match value {
        "8" => Ok(8),
        "9" => Ok(9),
        "10" => Ok(10),
        "11" => Ok(11),
        "12" => Ok(12),
        "13" => Ok(13),
        "14" => Ok(14),
        "15" => Ok(15),
        _ => Err(invalid(name, Some(value), WINDOW)),
    }
}

const NAME: &str = "permessage-deflate";
const WINDOW: &str = "a window has 8 to 15 bits";
const SERVER_NO_CONTEXT_TAKEOVER: &str = "server_no_context_takeover";
const CLIENT_NO_CONTEXT_TAKEOVER: &str = "client_no_context_takeover";
const SERVER_MAX_WINDOW_BITS: &str = "server_max_window_bits";
const CLIENT_MAX_WINDOW_BITS: &str = "client_max_window_bits";
