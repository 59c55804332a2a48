//! TLS on streams of tokio, by tokio-rustls; decides nothing.

use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::NetStream;
use super::connecting::Limit;
use crate::io::connecting::Net;
use crate::io::poll::tls::tls_handshakes;

tls_handshakes!("tokio", "tokio::net::TcpStream", TlsAcceptor, TlsConnector, Limit);
