//! How a client reaches a server, as data for all adapters; opens no socket.

#[cfg(feature = "rustls")]
use super::tls::ClientTls;
use super::{Error, TlsError};
use crate::handshake::ClientRequest;

/// How a client reaches a server: TLS, and what is between them.
///
/// The default is right for most: every address of the host is tried, and TLS is used where the URL
/// wants it.
#[derive(Clone, Debug, Default)]
pub struct Connector {
    #[cfg(feature = "rustls")]
    tls: ClientTls,
}

impl Connector {
    /// Creates a connector with the defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets what a `wss` URL needs: which certificates are trusted, and by which name.
    #[cfg(feature = "rustls")]
    #[must_use]
    pub fn tls(self, tls: ClientTls) -> Self {
        Self { tls }
    }

    /// Returns what TLS `request` wants, before anything is dialled.
    pub(super) fn tls_for(&self, request: &ClientRequest) -> Result<Option<Tls>, Error> {
        if !request.is_secure() {
            return Ok(None);
        }
        let url = || Some(request.place().into());
        self.prepare_tls(request).map(Some).map_err(|error| Error::Tls { error, url: url() })
    }

    #[cfg(feature = "rustls")]
    fn prepare_tls(&self, request: &ClientRequest) -> Result<Tls, TlsError> {
        Ok(Tls { config: self.tls.resolve()?, name: self.tls.name_for(request.host())? })
    }

    #[cfg(not(feature = "rustls"))]
    #[expect(clippy::unused_self, reason = "there is nothing to look at")]
    const fn prepare_tls(&self, _: &ClientRequest) -> Result<Tls, TlsError> {
        Err(TlsError::NotBuiltIn)
    }
}

/// What a TLS handshake of a client needs.
#[cfg(feature = "rustls")]
#[derive(Debug)]
pub(super) struct Tls {
    pub(super) config: alloc::sync::Arc<rustls::ClientConfig>,
    pub(super) name: rustls::pki_types::ServerName<'static>,
}

/// There is none.
#[cfg(not(feature = "rustls"))]
#[derive(Debug)]
pub(super) enum Tls {}
