//! What the behaviour tests share: one end, a deterministic pair of ends, bytes
//! fed whole and byte by byte, and a slow, obvious oracle for frames.
#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

#[cfg(feature = "deflate")]
pub(crate) mod deflate;
mod end;
mod oracle;
mod pair;
mod random;

#[allow(unused_imports, reason = "each test binary uses a part of it")]
pub(crate) use self::{
    end::{End, Got, Outcome, joined, outcome},
    oracle::{
        BINARY, CLOSE, CONTINUATION, FIN, Frame, KEY, PING, PONG, TEXT, frame, from, masked,
        messages, parse, sent_by,
    },
    pair::Pair,
    random::Random,
};

use sanswire::{Config, Role};

pub(crate) const BOTH: [Role; 2] = [Role::Client, Role::Server];

/// The default configuration, changed.
pub(crate) fn config(change: impl FnOnce(&mut Config)) -> Config {
    let mut config = Config::default();
    change(&mut config);
    config
}
