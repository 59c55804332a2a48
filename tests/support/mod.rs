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
#[cfg(feature = "handshake")]
pub(crate) mod stack;
#[cfg(any(feature = "futures-io", feature = "tokio"))]
pub(crate) mod transport;

#[allow(unused_imports, reason = "each test binary uses a part of it")]
pub(crate) use self::{
    end::{End, Got, Outcome, joined, outcome, told},
    oracle::{
        BINARY, CLOSE, CONTINUATION, FIN, Frame, KEY, PING, PONG, TEXT, frame, from, masked,
        messages, parse, sent_by,
    },
    pair::Pair,
    random::Random,
};

use proptest::test_runner::Config as ProptestConfig;
use sanswire::Role;
#[cfg(feature = "handshake")]
use sanswire::handshake::HandshakeError;

pub(crate) const BOTH: [Role; 2] = [Role::Client, Role::Server];

/// The header whose value is at fault.
#[cfg(feature = "handshake")]
#[track_caller]
pub(crate) fn invalid_header<T: core::fmt::Debug>(
    result: Result<T, HandshakeError>,
) -> &'static str {
    match result {
        Err(HandshakeError::InvalidHeader(header)) => header.name,
        other => panic!("{other:?}"),
    }
}

/// The part of a head that is not HTTP.
#[cfg(feature = "handshake")]
#[track_caller]
pub(crate) fn malformed<T: core::fmt::Debug>(result: Result<T, HandshakeError>) -> &'static str {
    match result {
        Err(HandshakeError::Malformed { part, .. }) => part,
        other => panic!("{other:?}"),
    }
}

/// So many cases of a property, or in proportion to `PROPTEST_CASES`, of which 256 is as much. What
/// fails is kept in `tests/proptest-regressions`, and tried first from then on: it belongs in git.
pub(crate) fn cases(cases: u32) -> ProptestConfig {
    let default = ProptestConfig::default();
    let cases = u64::from(cases) * u64::from(default.cases) / 256;
    ProptestConfig { cases: u32::try_from(cases).unwrap_or(u32::MAX), ..default }
}
