//! The TLS options of a client: trusted certificates and the expected name; opens no connection.

use alloc::borrow::ToOwned;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use std::sync::OnceLock;

use ::rustls::crypto::CryptoProvider;
use ::rustls::pki_types::pem::PemObject;
use ::rustls::pki_types::{CertificateDer, ServerName};
use ::rustls::{ClientConfig, RootCertStore};

use super::verifier::Trust;
use super::{HTTP_1_1, provider};
use crate::io::{TlsError, TlsPart};

/// The TLS of a client: certificates that it trusts, and the name that it expects.
///
/// The default needs no call where the features bring a provider and roots; the
/// [module's page](super) says which are used. Clones share one configuration, which is made when it
/// is first needed, and with it the sessions that TLS can resume: keep the value for later
/// connections.
///
/// ```
/// use sanswire::io::tls::ClientTls;
///
/// # fn f(pem: &[u8]) -> Result<(), sanswire::io::TlsError> {
/// // Trusts your own certificate authority, and nothing else.
/// let tls = ClientTls::new().root_certificates(pem)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct ClientTls {
    given: Option<Arc<ClientConfig>>,
    provider: Option<Arc<CryptoProvider>>,
    trust: Trust,
    server_name: Option<ServerName<'static>>,
    /// Made of the above; anew when one of them changes.
    made: Arc<OnceLock<Arc<ClientConfig>>>,
}

impl ClientTls {
    /// Creates the TLS of a client with the defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the configuration of rustls, for client certificates, own verifiers, key logs and all
    /// else that rustls can do. It replaces what was set by the other methods, except
    /// [`server_name`](Self::server_name).
    ///
    /// If its list for ALPN is empty, `http/1.1` is offered.
    #[must_use]
    pub fn config(self, config: impl Into<Arc<ClientConfig>>) -> Self {
        Self { given: Some(config.into()), made: Arc::default(), ..self }
    }

    /// Sets the crypto provider.
    #[must_use]
    pub fn provider(self, provider: impl Into<Arc<CryptoProvider>>) -> Self {
        Self { provider: Some(provider.into()), made: Arc::default(), ..self }
    }

    /// Sets what is trusted: the certificates of a file in PEM format, and what they have signed.
    /// Other roots are no longer trusted.
    ///
    /// # Errors
    ///
    /// [`TlsError::Config`]: it is not PEM, or a certificate cannot be a root.
    /// [`TlsError::NoRoots`]: there is no certificate in it.
    pub fn root_certificates(self, pem: &[u8]) -> Result<Self, TlsError> {
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        let certificates = certificates.map_err(TlsError::of(TlsPart::RootCertificate))?;
        let mut roots = RootCertStore::empty();
        for certificate in &certificates {
            roots.add(certificate.clone()).map_err(TlsError::of(TlsPart::RootCertificate))?;
        }
        if roots.is_empty() {
            return Err(TlsError::NoRoots);
        }
        Ok(Self { trust: Trust::Roots(certificates), made: Arc::default(), ..self })
    }

    /// Trusts every certificate: any issuer, any name, also an expired one. **Anybody between the two
    /// ends can then read and change everything.** Use it only for tests on your own machine.
    #[doc(alias = "insecure")]
    #[doc(alias = "self-signed")]
    #[must_use]
    pub fn dangerous_trust_any_certificate(self) -> Self {
        Self { trust: Trust::Any, made: Arc::default(), ..self }
    }

    /// Sets the name that the server's certificate must have, which is also sent to it (SNI). The
    /// default is the host of the URL.
    ///
    /// To send no name, set `enable_sni` of a [`config`](Self::config).
    ///
    /// # Errors
    ///
    /// [`TlsError::InvalidServerName`]: it is no host name and no IP address.
    #[doc(alias = "SNI")]
    pub fn server_name(self, name: &str) -> Result<Self, TlsError> {
        Ok(Self { server_name: Some(parse_name(name)?), ..self })
    }

    /// Returns the configuration of rustls, and makes it if there is none yet.
    ///
    /// # Errors
    ///
    /// [`TlsError::NoProvider`], [`TlsError::NoRoots`] or [`TlsError::Config`].
    pub fn resolve(&self) -> Result<Arc<ClientConfig>, TlsError> {
        if let Some(config) = self.made.get() {
            return Ok(Arc::clone(config));
        }
        let config = match &self.given {
            Some(given) if !given.alpn_protocols.is_empty() => Arc::clone(given),
            Some(given) => with_alpn(ClientConfig::clone(given)),
            None => with_alpn(self.make()?),
        };
        // Another thread may have been faster: all use the same.
        Ok(Arc::clone(self.made.get_or_init(|| config)))
    }

    fn make(&self) -> Result<ClientConfig, TlsError> {
        let provider = provider::resolve(self.provider.as_ref())?;
        let verifier = self.trust.verifier(&provider)?;
        let versions =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = versions.map_err(TlsError::of(TlsPart::Options))?;
        // The only builder that takes a verifier as such.
        Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
    }

    /// Returns the name that a server's certificate must have, where the URL has `host`.
    pub(in crate::io) fn name_for(&self, host: &str) -> Result<ServerName<'static>, TlsError> {
        self.server_name.clone().map_or_else(|| parse_name(host), Ok)
    }
}

fn parse_name(name: &str) -> Result<ServerName<'static>, TlsError> {
    let invalid = |_| TlsError::InvalidServerName(name.into());
    // A final dot is for the resolver: certificates have none.
    let host = name.strip_suffix('.').unwrap_or(name);
    ServerName::try_from(host.to_owned()).map_err(invalid)
}

fn with_alpn(mut config: ClientConfig) -> Arc<ClientConfig> {
    config.alpn_protocols = vec![HTTP_1_1.to_vec()];
    Arc::new(config)
}

#[cfg(all(test, any(feature = "aws-lc-rs", feature = "ring")))]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn certificates_have_no_final_dot() {
        let name = |host| format!("{:?}", ClientTls::new().name_for(host).unwrap());
        assert_eq!(name("example.com."), name("example.com"));
        assert_ne!(name("example.com"), name("example.org"));
    }
}
