//! TLS on streams of futures-io, by futures-rustls; decides nothing.

use futures_rustls::{TlsAcceptor, TlsConnector};

use super::NetStream;
use super::connecting::Limit;
use crate::io::connecting::Net;
use crate::io::poll::tls::tls_handshakes;

tls_handshakes!("futures_io", "async_net::TcpStream", TlsAcceptor, TlsConnector, Limit);
