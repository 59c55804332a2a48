//! The futures-io adapter.

#[path = "both/connections.rs"]
mod connections;

use sanswire::io::futures_io::{NetStream, WebSocket};
#[cfg(unix)]
use smol::net::unix::UnixStream;
use smol::net::{TcpListener, TcpStream};
