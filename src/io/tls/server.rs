//! The TLS options of a server: its certificate and its key; accepts no connection.

use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use ::rustls::ServerConfig;
use ::rustls::pki_types::pem::PemObject;
use ::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::{HTTP_1_1, provider};
use crate::io::{TlsError, TlsPart};

/// The TLS of a server: its certificate and its key. Clones share them.
#[derive(Clone, Debug)]
pub struct ServerTls(Arc<ServerConfig>);

impl ServerTls {
    /// Creates the TLS of a server from a configuration of rustls.
    ///
    /// If its list for ALPN is empty, `http/1.1` is accepted.
    #[must_use]
    pub fn new(config: impl Into<Arc<ServerConfig>>) -> Self {
        let mut config = config.into();
        if config.alpn_protocols.is_empty() {
            Arc::make_mut(&mut config).alpn_protocols = vec![HTTP_1_1.to_vec()];
        }
        Self(config)
    }

    /// Creates the TLS of a server from files in PEM format: the certificate, followed by the
    /// intermediate ones, and its private key. It asks clients for no certificate.
    ///
    /// The crypto provider is the process's default or that of a feature (see the
    /// [module's page](super)).
    ///
    /// # Errors
    ///
    /// - [`TlsError::NoProvider`].
    /// - [`TlsError::Config`]: a file is not PEM, has no certificate or no key, or they do not belong
    ///   together.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let provider = provider::resolve(None)?;
        let certificates: Result<Vec<_>, _> =
            CertificateDer::pem_slice_iter(certificates).collect();
        let key = PrivateKeyDer::from_pem_slice(key).map_err(TlsError::of(TlsPart::PrivateKey))?;
        let versions =
            ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = versions.map_err(TlsError::of(TlsPart::Options))?.with_no_client_auth();
        let config = builder
            .with_single_cert(certificates.map_err(TlsError::of(TlsPart::Certificate))?, key)
            .map_err(TlsError::of(TlsPart::Certificate))?;
        Ok(Self::new(config))
    }

    /// Returns the configuration of rustls.
    #[must_use]
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.0)
    }
}
