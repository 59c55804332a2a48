//! The tokio adapter.

#[path = "both.rs"]
mod both;
#[path = "reconnecting.rs"]
mod reconnecting;

use sanswire::io::tokio::{NetStream, WebSocket};
use tokio::net::{TcpListener, TcpStream};
