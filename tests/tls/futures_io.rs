//! The futures-io adapter.

#[path = "both.rs"]
mod both;

use sanswire::io::futures_io::{NetStream, WebSocket};
use smol::net::{TcpListener, TcpStream};
