//! The errors of TLS; names no type of the TLS library.

use alloc::boxed::Box;
use core::fmt;
use std::io;

/// Why there is no TLS.
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsError {
    /// The certificate, the key or another option is not valid.
    Config {
        /// Which of them.
        part: TlsPart,
        /// What is wrong with it.
        error: Box<dyn core::error::Error + Send + Sync>,
    },
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

/// A part of what TLS is set up with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TlsPart {
    /// The certificate that an end shows, and those above it.
    Certificate,
    /// The protocol versions, the cipher suites and the like.
    Options,
    /// The key of the certificate.
    PrivateKey,
    /// A certificate that is trusted.
    RootCertificate,
}

#[cfg(feature = "rustls")]
impl TlsError {
    /// Returns what makes an error of a part.
    pub(super) fn of<E: Into<Box<dyn core::error::Error + Send + Sync>>>(
        part: TlsPart,
    ) -> impl Fn(E) -> Self {
        move |error| Self::Config { part, error: error.into() }
    }
}

impl TlsError {
    /// Returns the error of a handshake, or what else its transport failed of.
    pub(super) fn of_handshake(error: io::Error) -> Result<Self, io::Error> {
        #[cfg(feature = "rustls")]
        if super::tls::is_of_tls(&error) {
            return Ok(Self::Handshake(error));
        }
        Err(error)
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config { part, error } => {
                let (part, wanted) = match part {
                    TlsPart::Certificate => ("certificate", ": a PEM file is wanted, and its key"),
                    TlsPart::Options => ("configuration", ""),
                    TlsPart::PrivateKey => ("private key", ": a PEM file with one is wanted"),
                    TlsPart::RootCertificate => ("root certificate", ": a PEM file is wanted"),
                };
                write!(f, "TLS {part} is not valid: {error}{wanted}")
            }
            Self::Handshake(error) => {
                #[cfg(feature = "rustls")]
                let remedy = super::tls::remedy(error);
                #[cfg(not(feature = "rustls"))]
                let remedy = "";
                write!(f, "TLS handshake failed: {error}{remedy}")
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
impl core::error::Error for TlsError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Config { error, .. } => error.source(),
            Self::Handshake(error) => error.source(),
            Self::InvalidServerName(_) | Self::NoProvider | Self::NoRoots | Self::NotBuiltIn => {
                None
            }
        }
    }
}
