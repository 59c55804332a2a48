//! The tokio adapter.

#[path = "both/connections.rs"]
mod connections;

use sanswire::io::tokio::{NetStream, WebSocket};
use tokio::net::{TcpListener, TcpStream};
