//! The futures-io adapter.

#[path = "both/connections.rs"]
mod connections;

use sanswire::io::futures_io::{NetStream, WebSocket};
use smol::net::{TcpListener, TcpStream};
