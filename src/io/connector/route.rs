//! Plans the way to the server of a request: what to dial, the proxy, TLS; opens no socket.

use alloc::format;
use alloc::string::{String, ToString};
#[cfg(unix)]
use std::path::PathBuf;

use super::proxy::{Proxy, Scheme};
use super::{Connector, Way};
use crate::handshake::{ClientRequest, Credentials, Headers};
#[cfg(feature = "proxy")]
use crate::io::ProxyError;
#[cfg(feature = "rustls")]
use crate::io::tls::ClientTls;
use crate::io::{Error, TlsError};

/// Where the transport begins, what is on the way, and TLS to the server.
#[derive(Debug)]
pub(in crate::io) struct Route {
    pub(in crate::io) entry: Entry,
    pub(in crate::io) via: Option<Via>,
    pub(in crate::io) tls: Option<Tls>,
}

/// What a socket is connected to.
#[derive(Debug)]
pub(in crate::io) enum Entry {
    Tcp(String, u16),
    #[cfg(unix)]
    Unix(PathBuf),
}

/// A proxy.
#[derive(Debug)]
pub(in crate::io) struct Via {
    /// Its URL, without credentials.
    pub(in crate::io) url: String,
    pub(in crate::io) speaks: Speaks,
}

/// What is spoken to a proxy.
#[derive(Debug)]
pub(in crate::io) enum Speaks {
    Http {
        tls: Option<Tls>,
        headers: Headers,
    },
    Socks5 {
        /// Whether the server's name is looked up on this side.
        looks_up: bool,
        credentials: Option<Credentials>,
    },
}

impl Connector {
    /// Prepares everything that can fail before anything is dialled.
    pub(in crate::io) fn route(&self, request: &ClientRequest) -> Result<Route, Error> {
        let tls = if request.is_secure() { Some(self.tls_for(request)?) } else { None };
        let direct = || Entry::Tcp(request.host().into(), request.port());
        let proxy = match &self.way {
            Way::Direct => None,
            #[cfg(feature = "proxy")]
            Way::Environment(environment) => {
                let found = environment.proxy_for(request).map_err(|error| Error::Proxy {
                    error: ProxyError::InvalidUrl(error.into()),
                    proxy: "of the environment".into(),
                    url: request.place().into(),
                });
                found?
            }
            Way::Proxy(proxy) => Some(proxy.clone()),
            #[cfg(unix)]
            Way::Unix(path) => {
                return Ok(Route { entry: Entry::Unix(path.clone()), via: None, tls });
            }
        };
        let Some(proxy) = proxy else { return Ok(Route { entry: direct(), via: None, tls }) };
        let url = proxy.to_string();
        let proxy_tls = || self.tls_to(&proxy);
        let speaks = match proxy.scheme {
            Scheme::Http => Speaks::Http { tls: None, headers: proxy.headers.clone() },
            Scheme::Https => {
                Speaks::Http { tls: Some(proxy_tls()?), headers: proxy.headers.clone() }
            }
            Scheme::Socks5 | Scheme::Socks5h => Speaks::Socks5 {
                looks_up: proxy.scheme == Scheme::Socks5,
                credentials: proxy.credentials.clone(),
            },
        };
        let entry = Entry::Tcp(proxy.host, proxy.port);
        Ok(Route { entry, via: Some(Via { url, speaks }), tls })
    }

    fn tls_for(&self, request: &ClientRequest) -> Result<Tls, Error> {
        #[cfg(feature = "rustls")]
        let tls = Tls::new(&self.tls, request.host());
        #[cfg(not(feature = "rustls"))]
        let tls = Err(TlsError::NotBuiltIn);
        tls.map_err(|error| Error::Tls { error, url: Some(request.place().into()) })
    }

    fn tls_to(&self, proxy: &Proxy) -> Result<Tls, Error> {
        #[cfg(feature = "rustls")]
        let tls = Tls::new(&self.proxy_tls, &proxy.host);
        #[cfg(not(feature = "rustls"))]
        let tls = Err(TlsError::NotBuiltIn);
        tls.map_err(|error| Error::Tls { error, url: Some(format!("{proxy}").into()) })
    }
}

/// What a TLS handshake of a client needs.
#[cfg(feature = "rustls")]
#[derive(Debug)]
pub(in crate::io) struct Tls {
    pub(in crate::io) config: alloc::sync::Arc<rustls::ClientConfig>,
    pub(in crate::io) name: rustls::pki_types::ServerName<'static>,
}

#[cfg(feature = "rustls")]
impl Tls {
    fn new(tls: &ClientTls, host: &str) -> Result<Self, TlsError> {
        Ok(Self { config: tls.resolve()?, name: tls.name_for(host)? })
    }
}

/// There is none.
#[cfg(not(feature = "rustls"))]
#[derive(Debug)]
pub(in crate::io) enum Tls {}
