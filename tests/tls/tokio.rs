//! The tokio adapter.

#[path = "both/connections.rs"]
mod connections;

use sanswire::io::tokio::{NetStream, WebSocket};
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::net::{TcpListener, TcpStream};
