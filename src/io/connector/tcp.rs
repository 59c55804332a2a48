//! The options of TCP, as data; opens no socket.

use alloc::string::String;
use core::net::IpAddr;
use core::time::Duration;

/// What is set on a TCP socket.
#[derive(Clone, Debug)]
pub(in crate::io) struct Tcp {
    pub(in crate::io) nodelay: bool,
    pub(in crate::io) keepalive: Option<Duration>,
    pub(in crate::io) local_address: Option<IpAddr>,
    pub(in crate::io) interface: Option<String>,
}

impl Default for Tcp {
    fn default() -> Self {
        Self { nodelay: true, keepalive: None, local_address: None, interface: None }
    }
}

impl Tcp {
    /// Returns an option that is set and needs more than the sockets of the standard library.
    pub(in crate::io) fn special(&self) -> Option<&'static str> {
        let options = [
            (self.keepalive.is_some(), "Connector::keepalive"),
            (self.local_address.is_some(), "Connector::local_address"),
            (self.interface.is_some(), INTERFACE),
        ];
        options.into_iter().find_map(|(is_set, name)| is_set.then_some(name))
    }
}

pub(in crate::io) const INTERFACE: &str = "Connector::interface";
