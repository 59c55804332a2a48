//! The protocol without I/O and without compression: open connections, opening handshakes, the
//! browser's object, delivery and reconnection, through the public API.

#[path = "../support/mod.rs"]
mod support;

mod back_pressure;
mod broadcast;
mod chunks;
mod closing;
mod control_frames;
mod deadlines;
mod deadlines_model;
mod delivery;
mod delivery_sessions;
mod discarding;
mod extension_negotiation;
mod fragmentation;
mod framing;
#[cfg(feature = "handshake")]
mod handshake_client;
#[cfg(feature = "handshake")]
mod handshake_deadlines;
#[cfg(feature = "handshake")]
mod handshake_extended_connect;
#[cfg(feature = "handshake")]
mod handshake_limits;
#[cfg(feature = "handshake")]
mod handshake_redirect;
#[cfg(feature = "handshake")]
mod handshake_server;
#[cfg(feature = "handshake")]
mod handshake_stack;
#[cfg(feature = "handshake")]
mod handshake_tunnel;
#[cfg(feature = "handshake")]
mod handshake_url;
#[cfg(feature = "http")]
mod http_types;
mod limits;
#[cfg(feature = "handshake")]
mod misuse;
#[cfg(feature = "handshake")]
mod options;
#[cfg(feature = "handshake")]
mod origin_policy;
mod properties;
mod ready_state;
mod reconnect;
#[cfg(feature = "handshake")]
mod reconnect_client;
#[cfg(feature = "handshake")]
mod security_page;
mod sending;
mod short_way;
mod swapping;
mod text;
mod timestamp;
mod values;
mod vectors;
#[cfg(feature = "handshake")]
mod whatwg;
