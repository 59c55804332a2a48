//! One end of a connection, and what came out of it.

use bytes::Buf;
use sanswire::{
    CloseCode, Closed, Config, Connection, ConnectionError, Event, MessageKind, Outgoing,
    ReadyState, Reassembly, Role, SendError, Writable,
};

use super::oracle::{Frame, from, sent_by};
use super::random::Random;

/// An event, owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Got {
    Binary(Vec<u8>),
    Chunk { kind: MessageKind, is_first: bool, is_last: bool, payload: Vec<u8> },
    Closed(Closed),
    Writable(Writable),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Text(String),
}

impl Got {
    pub(crate) fn text(text: &str) -> Self {
        Self::Text(text.into())
    }

    pub(crate) fn binary(payload: impl AsRef<[u8]>) -> Self {
        Self::Binary(payload.as_ref().to_vec())
    }

    pub(crate) fn ping(payload: impl AsRef<[u8]>) -> Self {
        Self::Ping(payload.as_ref().to_vec())
    }

    pub(crate) fn pong(payload: impl AsRef<[u8]>) -> Self {
        Self::Pong(payload.as_ref().to_vec())
    }
}

impl From<Event<'_>> for Got {
    fn from(event: Event<'_>) -> Self {
        match event {
            Event::Binary(payload) => Self::Binary(payload.to_vec()),
            Event::Chunk(chunk) => Self::Chunk {
                kind: chunk.kind,
                is_first: chunk.is_first,
                is_last: chunk.is_last,
                payload: chunk.payload.to_vec(),
            },
            Event::Closed(closed) => Self::Closed(closed),
            Event::Writable(writable) => Self::Writable(writable),
            Event::Ping(payload) => Self::Ping(payload.to_vec()),
            Event::Pong(payload) => Self::Pong(payload.to_vec()),
            Event::Text(text) => Self::Text(text.as_str().into()),
            other => panic!("an event that the tests do not know: {other:?}"),
        }
    }
}

/// An open connection and all that it reported.
pub(crate) struct End {
    pub(crate) connection: Connection,
    pub(crate) got: Vec<Got>,
    pub(crate) error: Option<ConnectionError>,
}

impl End {
    pub(crate) fn new(role: Role, config: &Config) -> Self {
        let connection = match role {
            Role::Client => Connection::client(config, [7; 32]),
            Role::Server => Connection::server(config),
        };
        Self::of(connection)
    }

    pub(crate) const fn of(connection: Connection) -> Self {
        Self { connection, got: Vec::new(), error: None }
    }

    pub(crate) fn open(role: Role) -> Self {
        Self::new(role, &Config::default())
    }

    /// Delivers bytes as they are.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.connection.input().extend_from_slice(bytes);
        self.poll();
    }

    /// Delivers frames that are written without a mask, masked if the peer has to.
    pub(crate) fn receive(&mut self, frames: &[u8]) {
        let peer = self.connection.role().peer();
        self.feed(&from(peer, frames));
    }

    pub(crate) fn eof(&mut self) {
        self.connection.handle_eof();
        self.poll();
    }

    /// Sends a message, of which nothing matters but why it was refused.
    pub(crate) fn send<'m>(&mut self, message: impl Into<Outgoing<'m>>) -> Result<(), SendError> {
        self.connection.commands().send(message).map_err(SendError::from)
    }

    /// Takes all events that are there.
    pub(crate) fn poll(&mut self) {
        loop {
            match self.connection.poll_event() {
                Ok(Some((event, _))) => {
                    assert_eq!(self.error, None, "an event after an error");
                    let ended = matches!(self.got.last(), Some(Got::Closed(_)));
                    assert!(!ended, "an event after the last one");
                    self.got.push(event.into());
                }
                Ok(None) => return assert_eq!(self.error, None, "a failure is forgotten"),
                Err(error) => {
                    assert_eq!(*self.error.get_or_insert(error), error, "an error changes");
                    return;
                }
            }
        }
    }

    /// Takes the events that were reported since the last call.
    pub(crate) fn take_got(&mut self) -> Vec<Got> {
        core::mem::take(&mut self.got)
    }

    /// Takes all bytes that are to be written.
    pub(crate) fn take_output(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while let Some(output) = self.connection.poll_transmit() {
            assert!(!output.chunk().is_empty());
            bytes.extend(output.chunk());
            output.advance(output.chunk().len());
        }
        bytes
    }

    /// Takes up to `len` bytes that are to be written.
    pub(crate) fn take_some(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while bytes.len() < len
            && let Some(output) = self.connection.poll_transmit()
        {
            let taken = output.chunk().len().min(len - bytes.len());
            bytes.extend(&output.chunk()[..taken]);
            output.advance(taken);
        }
        bytes
    }

    /// Takes all frames that are to be written, checked by the oracle. Call it once, or keep the
    /// bytes: the oracle sees each call as a connection of its own.
    pub(crate) fn take_frames(&mut self) -> Vec<Frame> {
        let role = self.connection.role();
        sent_by(role, &self.take_output())
    }

    /// The same, first byte and payload of each.
    pub(crate) fn take_sent(&mut self) -> Vec<(u8, Vec<u8>)> {
        self.take_frames().into_iter().map(|frame| (frame.first, frame.payload)).collect()
    }

    pub(crate) fn state(&self) -> ReadyState {
        self.connection.ready_state()
    }

    /// How the connection ended, if an event said so.
    pub(crate) fn ended(&self) -> Option<&Closed> {
        self.got.iter().find_map(|got| match got {
            Got::Closed(closed) => Some(closed),
            Got::Binary(_)
            | Got::Chunk { .. }
            | Got::Writable(_)
            | Got::Ping(_)
            | Got::Pong(_)
            | Got::Text(_) => None,
        })
    }
}

/// All that can be seen of a connection that received something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) got: Vec<Got>,
    pub(crate) error: Option<ConnectionError>,
    /// First byte and payload of each frame that was sent.
    pub(crate) sent: Vec<(u8, Vec<u8>)>,
    pub(crate) state: ReadyState,
    pub(crate) closed: Option<Closed>,
}

impl Outcome {
    /// Asserts that the connection failed with `error`, and told the peer by one Close with the
    /// right code as the last frame.
    #[track_caller]
    pub(crate) fn assert_failed(&self, error: ConnectionError, code: u16) {
        assert_eq!(self.error, Some(error));
        assert_eq!(error.close_code(), code);
        assert_eq!(self.sent.last(), Some(&(0x88, told(error))));
        let closes = self.sent.iter().filter(|(first, _)| first & 0x0f == 8).count();
        assert_eq!(closes, 1);
        assert_eq!(self.state, ReadyState::Closed);
        let closed = self.closed.as_ref().unwrap();
        assert_eq!((closed.code, &*closed.reason, closed.clean), (CloseCode::ABNORMAL, "", false));
    }

    /// Asserts that nothing went wrong.
    #[track_caller]
    pub(crate) fn assert_got(&self, got: &[Got]) {
        assert_eq!(self.error, None);
        assert_eq!(self.got, got);
    }
}

/// The body of the Close frame of a failure: the code, and what was wrong.
pub(crate) fn told(error: ConnectionError) -> Vec<u8> {
    let (code, reason) = (error.close_code().as_u16(), error.close_reason());
    assert!(reason.len() <= 123, "{reason}");
    [&code.to_be_bytes()[..], reason.as_bytes()].concat()
}

/// Delivers bytes to a new connection in one piece, byte by byte and in random pieces, makes sure
/// that this makes no difference, and returns what came of it.
#[track_caller]
pub(crate) fn outcome(role: Role, config: &Config, bytes: &[u8]) -> Outcome {
    let splits = if bytes.len() <= 70_000 { 4 } else { 1 };
    let mut random = Random::new(bytes.len() as u64);
    let whole = deliver(role, config, bytes, || usize::MAX);
    for round in 0..splits {
        let pieces = deliver(role, config, bytes, || match round {
            0 => 1,
            _ => random.split(bytes.len()),
        });
        outcomes_agree(&whole, &pieces);
    }
    whole
}

#[track_caller]
pub(crate) fn outcomes_agree(whole: &Outcome, pieces: &Outcome) {
    // Written so that a difference in megabytes does not flood the screen.
    assert_eq!(whole.error, pieces.error);
    assert_eq!(whole.got.len(), pieces.got.len(), "{whole:.200?} or {pieces:.200?}");
    assert!(whole == pieces, "the same bytes in other pieces: another outcome");
}

/// Delivers bytes to a new connection in pieces of the sizes that `size` gives.
pub(crate) fn deliver(
    role: Role,
    config: &Config,
    bytes: &[u8],
    mut size: impl FnMut() -> usize,
) -> Outcome {
    let mut end = End::new(role, config);
    let mut rest = bytes;
    while !rest.is_empty() {
        let piece;
        (piece, rest) = rest.split_at(size().min(rest.len()));
        end.feed(piece);
    }
    let sent = end.take_sent();
    // A server's end comes when its Close has been written.
    end.poll();
    let closed = end.connection.closed();
    assert_eq!(end.connection.commands().closed(), closed);
    if config.reassembly == Reassembly::Chunks {
        end.got = joined(end.got);
        if end.error == Some(ConnectionError::InvalidUtf8) {
            // How much of a bad text was delivered before depends on the pieces.
            end.got.retain(|got| !matches!(got, Got::Chunk { is_last: false, .. }));
        }
    }
    Outcome { sent, state: end.state(), closed, got: end.got, error: end.error }
}

/// Joins the chunks of each message into one, since how many there are depends on the pieces.
pub(crate) fn joined(got: Vec<Got>) -> Vec<Got> {
    let mut all: Vec<Got> = Vec::new();
    for next in got {
        if let Got::Chunk { kind, is_first: false, is_last, payload } = &next
            && let Some(Got::Chunk { kind: before, is_last: end, payload: joined, .. }) =
                all.iter_mut().rev().find(|got| matches!(got, Got::Chunk { .. }))
        {
            assert!(kind == before && !*end, "a chunk without a beginning");
            joined.extend(payload);
            *end = *is_last;
        } else {
            all.push(next);
        }
    }
    all
}
