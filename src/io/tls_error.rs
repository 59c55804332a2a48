//! What can be wrong with TLS, in words; names no type of the TLS library.

use alloc::boxed::Box;
use core::error::Error;
use core::fmt;
use std::io;

/// Why there is no TLS.
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsError {
    /// The certificate, the key or another option is not valid.
    Config(Box<dyn Error + Send + Sync>),
    /// The ends did not agree: a certificate is not trusted, or the peer does not speak TLS.
    Handshake(io::Error),
    /// The name that a certificate must have is no host name and no IP address.
    InvalidServerName(Box<str>),
    /// The crate was built without a crypto provider, and none was given.
    NoProvider,
    /// The crate was built without root certificates, and none were given.
    NoRoots,
    /// The crate was built without TLS.
    NotBuiltIn,
}

#[cfg(feature = "rustls")]
impl TlsError {
    pub(super) fn config(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Config(error.into())
    }
}

impl TlsError {
    /// Returns the error of a handshake, or what else its transport failed of.
    pub(super) fn of_handshake(error: io::Error) -> Result<Self, io::Error> {
        #[cfg(feature = "rustls")]
        if of_rustls(&error).is_some() {
            return Ok(Self::Handshake(error));
        }
        Err(error)
    }
}

#[cfg(feature = "rustls")]
fn of_rustls(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

/// Returns what to do about a handshake that failed.
#[cfg(feature = "rustls")]
fn remedy(error: &io::Error) -> &'static str {
    use rustls::CertificateError as Certificate;
    use rustls::{AlertDescription, Error};

    match of_rustls(error) {
        Some(Error::InvalidCertificate(error)) => match error {
            Certificate::Expired
            | Certificate::ExpiredContext { .. }
            | Certificate::NotValidYet
            | Certificate::NotValidYetContext { .. } => {
                ": the certificate must be renewed, or the clock of this machine is wrong"
            }
            Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => {
                ": use a name that the certificate has, or say by ClientTls::server_name which one \
                 to expect"
            }
            Certificate::UnknownIssuer => {
                ": trust its authority by ClientTls::root_certificates, or let the server send the \
                 intermediate certificates, too"
            }
            _ => "",
        },
        Some(Error::InvalidMessage(_)) => {
            ": the peer does not speak TLS: is it a ws URL, or another port?"
        }
        Some(Error::NoCertificatesPresented) => ": the client must send a certificate",
        Some(Error::AlertReceived(alert)) => match alert {
            AlertDescription::CertificateRequired => {
                ": the server wants a certificate of the client: give one by ClientTls::config"
            }
            AlertDescription::UnknownCA => ": the peer does not trust who signed the certificate",
            AlertDescription::UnrecognisedName => ": the server has no certificate for this name",
            AlertDescription::NoApplicationProtocol => {
                ": the peer does not speak HTTP/1.1 on this port"
            }
            _ => "",
        },
        _ => "",
    }
}

#[cfg(not(feature = "rustls"))]
const fn remedy(_: &io::Error) -> &'static str {
    ""
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => write!(f, "TLS is not set up: {error}"),
            Self::Handshake(error) => {
                write!(f, "TLS handshake failed: {error}{}", remedy(error))
            }
            Self::InvalidServerName(name) => {
                write!(f, "no certificate can be for {name:?}: it is no host name or IP address")
            }
            Self::NoProvider => f.write_str(
                "TLS has no crypto provider: enable the feature `ring` or `aws-lc-rs` of sanswire, \
                 or give one by ClientTls::provider or a rustls configuration",
            ),
            Self::NoRoots => f.write_str(
                "TLS has no root certificates: enable the feature `platform-verifier` or \
                 `webpki-roots` of sanswire, or give some by ClientTls::root_certificates",
            ),
            Self::NotBuiltIn => f.write_str(
                "wss needs TLS: enable the feature `rustls` of sanswire, or connect a TLS stream \
                 and pass it to connect_over",
            ),
        }
    }
}

/// The text has that of what it wraps, too, so the source is the source of that.
impl Error for TlsError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Config(error) => error.source(),
            Self::Handshake(error) => error.source(),
            Self::InvalidServerName(_) | Self::NoProvider | Self::NoRoots | Self::NotBuiltIn => {
                None
            }
        }
    }
}
