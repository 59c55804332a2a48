//! Chooses the crypto provider; knows neither client nor server.

use alloc::sync::Arc;

use ::rustls::crypto::CryptoProvider;

use crate::io::TlsError;

/// Returns the provider that is given, or else the process's default, or else that of a feature of
/// this crate. Never installs one.
pub(super) fn resolve(
    given: Option<&Arc<CryptoProvider>>,
) -> Result<Arc<CryptoProvider>, TlsError> {
    let provider = given.cloned().or_else(|| CryptoProvider::get_default().cloned());
    provider.or_else(built_in).ok_or(TlsError::NoProvider)
}

#[cfg(feature = "ring")]
fn built_in() -> Option<Arc<CryptoProvider>> {
    Some(Arc::new(::rustls::crypto::ring::default_provider()))
}

#[cfg(all(feature = "aws-lc-rs", not(feature = "ring")))]
fn built_in() -> Option<Arc<CryptoProvider>> {
    Some(Arc::new(::rustls::crypto::aws_lc_rs::default_provider()))
}

#[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
const fn built_in() -> Option<Arc<CryptoProvider>> {
    None
}
