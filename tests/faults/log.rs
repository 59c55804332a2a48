//! What the two ends did and saw, and whether that is as it must be.

use std::cell::RefCell;
use std::rc::Rc;

use sanswire::{Closed, Error, Message, ReadyState};

/// How many messages each end sends.
pub(crate) const MESSAGES: u8 = 4;

/// Message `number`, as both ends know it.
pub(crate) fn message(number: u8) -> Message {
    match number {
        0 => Message::text("0 hello"),
        1 => Message::binary(vec![1; 900]),
        number => Message::text(format!("{number} {}", "and so on ".repeat(30))),
    }
}

/// The number of a message.
pub(crate) fn number_of(message: &Message) -> u8 {
    let number = message.as_bytes()[0];
    if number < MESSAGES { number } else { number - b'0' }
}

/// What one end did and saw.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// The messages of which it was said that they have left.
    pub(crate) sent: Vec<u8>,
    /// How many it has tried to send, where it receives at once.
    pub(crate) tried: u8,
    pub(crate) received: Vec<u8>,
    pub(crate) opened: bool,
    /// What it was told at the end, in this order each time that it asked.
    pub(crate) ends: Vec<End>,
    pub(crate) closed: Option<Closed>,
    pub(crate) state: Option<ReadyState>,
}

/// What an end is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Closed,
    Connection(sanswire::ConnectionError),
    Io,
    /// It never opened.
    Other(String),
}

impl From<&Error> for End {
    fn from(error: &Error) -> Self {
        match error {
            Error::Connection(error) => Self::Connection(*error),
            Error::Io(_) => Self::Io,
            other => Self::Other(other.to_string()),
        }
    }
}

pub(crate) type Shared = Rc<RefCell<Log>>;

impl Log {
    /// Notes a message, which has to be one of those that are sent.
    #[track_caller]
    pub(crate) fn receive(&mut self, received: &Message) {
        let number = number_of(received);
        assert_eq!(*received, message(number), "a message that was not sent");
        self.received.push(number);
    }

    pub(crate) fn note_end(&mut self, received: Result<Option<Message>, Error>) {
        self.ends.push(match received {
            Ok(Some(message)) => panic!("{message:?} behind the end"),
            Ok(None) => End::Closed,
            Err(error) => End::from(&error),
        });
    }

    /// Checks that all has arrived of which the other end was told that it had left.
    #[track_caller]
    pub(crate) fn check_delivered(&self, other: &Self, case: &str) {
        let Self { received, .. } = self;
        for number in &other.sent {
            assert!(received.contains(number), "{case}: {number} was sent, of {received:?}");
        }
    }

    /// Checks what an end was told.
    #[track_caller]
    fn check(&self, other: &Self, case: &str) {
        self.check_received(case);
        let ends = &self.ends;
        if !self.opened {
            assert_eq!(ends.len(), 1, "{case}: {ends:?}");
            return;
        }
        // The stream's own error is told once, and then what it came to.
        let [first, later @ ..] = &ends[..] else { panic!("{case}: it was told no end") };
        assert!(later.len() == 2 && later[0] == later[1], "{case}: {ends:?}");
        let is_same = match first {
            End::Closed | End::Connection(_) => later[0] == *first,
            End::Io => later[0] == End::Connection(sanswire::ConnectionError::UnexpectedEof),
            End::Other(_) => false,
        };
        assert!(is_same, "{case}: {ends:?}");
        let closed = self.closed.as_ref().unwrap_or_else(|| panic!("{case}: closed() is None"));
        assert_eq!(closed.clean, *first == End::Closed, "{case}: {ends:?}, {closed:?}");
        assert_eq!(self.state, Some(ReadyState::Closed), "{case}: {ends:?}");
        // An end that fails closes with a code of its own.
        if closed.clean && other.ends[0] == End::Closed {
            assert_eq!((closed.code.as_u16(), &closed.reason[..]), (1000, "bye"), "{case}");
        }
    }

    /// Checks both ends when they are over. The far end's transport is sound; `is_sound` says
    /// whether the near one's is as good, too.
    #[track_caller]
    pub(crate) fn check_both(near: &Self, far: &Self, is_sound: bool, case: &str) {
        Self::check_ends(near, far, is_sound, case);
        far.check_delivered(near, case);
    }

    /// As [`check_both`](Self::check_both), where to be sent is not to have arrived.
    #[track_caller]
    pub(crate) fn check_ends(near: &Self, far: &Self, is_sound: bool, case: &str) {
        near.check(far, case);
        far.check(near, case);
        if is_sound {
            near.check_whole(case);
            far.check_whole(case);
        }
    }

    /// Checks both ends when one waits for ever, as it may where nothing has a deadline. The far one
    /// may have read all there is.
    #[cfg(feature = "futures-io")]
    #[track_caller]
    pub(crate) fn check_stuck(near: &Self, far: &Self, has_read_all: bool, case: &str) {
        near.check_received(case);
        far.check_received(case);
        if has_read_all {
            far.check_delivered(near, case);
        }
    }

    /// Checks that nothing came twice or out of order.
    #[track_caller]
    pub(crate) fn check_received(&self, case: &str) {
        assert!(self.received.is_sorted_by(|a, b| a < b), "{case}: received {:?}", self.received);
    }

    /// Checks that all went well.
    #[track_caller]
    fn check_whole(&self, case: &str) {
        let all: Vec<u8> = (0..MESSAGES).collect();
        assert_eq!((&self.sent, &self.received), (&all, &all), "{case}");
        assert_eq!(self.ends[0], End::Closed, "{case}");
    }
}
