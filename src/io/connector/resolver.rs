//! The application's function that looks up hosts instead of the system; looks up none itself.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::future::Future;
use core::net::SocketAddr;
use core::pin::Pin;
use std::io;

/// A look-up under way.
pub(in crate::io) type LookUp = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// A function of the application's that looks up hosts.
#[derive(Clone)]
#[expect(clippy::type_complexity, reason = "a name for it would say less")]
pub(super) struct Resolver(Arc<dyn Fn(&str, u16) -> LookUp + Send + Sync>);

impl Resolver {
    pub(super) fn new<R>(resolve: impl Fn(&str, u16) -> R + Send + Sync + 'static) -> Self
    where
        R: Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'static,
    {
        Self(Arc::new(move |host, port| Box::pin(resolve(host, port))))
    }

    pub(super) fn look_up(&self, host: &str, port: u16) -> LookUp {
        (self.0)(host, port)
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resolver(…)")
    }
}
