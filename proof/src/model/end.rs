//! One end of a pair: a machine, and an application that remembers what it was told. Knows nothing of
//! the other end.

use std::hash::{Hash, Hasher};

use sanswire::{
    Commands, Config, ConnectionError, Event, MessageKind, ReadyState, SendError, WhenFull,
};

use super::explorer::hash_debug;
use super::machine::{Machine, Polled, Told, Written};

#[derive(Debug)]
pub(crate) struct End<M> {
    pub(crate) machine: M,
    answers: Answers,
    /// What the application may still do.
    pub(crate) left: Left,
    pub(crate) ending: Option<Ending>,
    /// Whether this end closed while it was open.
    pub(crate) has_closed: bool,
    /// Whole messages that were accepted.
    pub(crate) sent: Vec<Vec<u8>>,
    pub(crate) got: Vec<Vec<u8>>,
    /// What was accepted of the message that is being sent in chunks.
    streaming: Option<Vec<u8>>,
    /// Bytes that were accepted of messages that were never finished.
    abandoned: usize,
    /// Bytes of messages that were refused because the connection was not open.
    refused: usize,
    /// Messages and bytes of which the command said that they are dropped.
    pub(crate) refused_as_dropped: (u64, u64),
    /// Messages and bytes that were reported as dropped.
    pub(crate) dropped: (u64, u64),
    /// Whether the output was seen to be full, and no room in it was reported since.
    was_full: bool,
    /// Whether a message for which there was no room has ended the connection.
    pub(crate) has_overflowed: bool,
    /// Whether an answer has filled the output, and it can still be written.
    is_filled_by_answer: bool,
}

/// What the application does with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answers {
    Never,
    /// It sends a message in answer, but not to an answer, and not while it sends one in chunks.
    Always,
}

/// How much the application may still do.
#[derive(Clone, Copy, Debug, Hash)]
pub(crate) struct Left {
    pub(crate) closes: u8,
    pub(crate) messages: u8,
    pub(crate) pings: u8,
    pub(crate) single_bytes: u8,
    pub(crate) streams: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// With which code.
    Clean(u16),
    Failed(ConnectionError),
}

/// What becomes of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Accepted,
    Closed,
    Dropped,
    Full,
    /// As `Closed`, and it was open before.
    Overflowed,
}

impl<M: Machine> End<M> {
    pub(crate) fn new(machine: M, left: Left, answers: Answers) -> Self {
        Self {
            machine,
            answers,
            left,
            ending: None,
            has_closed: false,
            sent: Vec::new(),
            got: Vec::new(),
            streaming: None,
            abandoned: 0,
            refused: 0,
            refused_as_dropped: (0, 0),
            dropped: (0, 0),
            was_full: false,
            has_overflowed: false,
            is_filled_by_answer: false,
        }
    }

    /// Sends a whole message.
    pub(crate) fn send(&mut self, at: usize) -> Result<(), String> {
        self.left.messages -= 1;
        let message = self.next_message(at);
        let submitted = submit(&mut self.machine.commands(), message)?;
        self.note_submitted(submitted);
        Ok(())
    }

    fn note_submitted(&mut self, Submitted { message, answer, was_full, .. }: Submitted) {
        self.was_full |= was_full;
        match answer {
            Answer::Accepted => self.sent.push(message),
            Answer::Closed => self.refused += message.len(),
            Answer::Dropped => {
                self.refused_as_dropped.0 += 1;
                self.refused_as_dropped.1 += message.len() as u64;
            }
            Answer::Full => {}
            Answer::Overflowed => {
                self.refused += message.len();
                self.has_overflowed = true;
            }
        }
    }

    pub(crate) fn begin(&mut self) -> Result<(), String> {
        self.left.streams -= 1;
        let expected = self.expected();
        let result = self.machine.commands().begin(MessageKind::Binary);
        if expect(expected, result, "begin")? == Answer::Accepted {
            self.streaming = Some(Vec::new());
            self.chunk(b"begun")?;
        }
        Ok(())
    }

    /// Sends the rest of the message that was begun, unless there is no room for it.
    pub(crate) fn finish(&mut self, at: usize) -> Result<(), String> {
        let rest = self.next_message(at);
        match self.chunk(&rest)? {
            Answer::Accepted => {}
            Answer::Closed => {
                self.abandoned += self.streaming.take().unwrap_or_default().len();
                return Ok(());
            }
            Answer::Dropped | Answer::Full | Answer::Overflowed => return Ok(()),
        }
        let result = self.machine.commands().finish();
        expect(Answer::Accepted, result, "finish")?;
        self.sent.extend(self.streaming.take());
        Ok(())
    }

    fn chunk(&mut self, payload: &[u8]) -> Result<Answer, String> {
        let expected = self.expected();
        let result = self.machine.commands().send_chunk(payload);
        let answer = expect(expected, result, "send_chunk")?;
        if let (Answer::Accepted, Some(streaming)) = (answer, &mut self.streaming) {
            streaming.extend_from_slice(payload);
        }
        Ok(answer)
    }

    pub(crate) fn ping(&mut self) -> Result<(), String> {
        self.left.pings -= 1;
        let expected = self.expected();
        let result = self.machine.commands().ping(b"?");
        expect(expected, result, "ping").map(drop)
    }

    pub(crate) fn close(&mut self) -> Result<(), String> {
        self.left.closes = self.left.closes.saturating_sub(1);
        self.has_closed |= self.is_open();
        // In any state: what is closed stays closed.
        self.machine.commands().close(1000, "").map_err(|error| error.to_string())
    }

    /// Takes one event, if there is one.
    pub(crate) fn poll(&mut self) -> Result<bool, String> {
        let answers = self.answers == Answers::Always && self.streaming.is_none();
        let mut submitted = None;
        self.is_filled_by_answer &= self.machine.is_full();
        let is_held_back = self.is_filled_by_answer;
        let polled = self.machine.poll(|event, mut commands| match event {
            Event::Binary(message) if answers && !message.starts_with(ANSWER) => {
                submitted = Some(submit(&mut commands, [ANSWER, &message[..]].concat()));
            }
            _ => {}
        })?;
        if let Some(submitted) = submitted {
            let submitted = submitted?;
            self.is_filled_by_answer = M::HOLDS_BACK && !submitted.was_full && submitted.is_full;
            self.note_submitted(submitted);
        }
        let event = match polled {
            Polled::Event(event) => event,
            Polled::Failed(error) => {
                if self.ending.is_some_and(|ending| ending != Ending::Failed(error)) {
                    return Err(format!("{error:?} came behind {:?}", self.ending));
                }
                self.ending = Some(Ending::Failed(error));
                return Ok(true);
            }
            Polled::Nothing => return Ok(false),
            Polled::Over if matches!(self.ending, Some(Ending::Clean(_))) => return Ok(false),
            Polled::Over => return Err(format!("it is over, and told was {:?}", self.ending)),
        };
        if let Some(ending) = self.ending {
            return Err(format!("{event:?} came behind {ending:?}"));
        }
        match event {
            Event::Binary(_) | Event::Ping(_) | Event::Pong(_) if is_held_back => {
                return Err(format!("{event:?} came while an answer fills the output"));
            }
            Event::Binary(payload) => self.got.push(payload.to_vec()),
            Event::Closed(closed) => self.ending = Some(Ending::Clean(closed.code.as_u16())),
            Event::Ping(_) | Event::Pong(_) => {}
            Event::Writable(writable) if self.was_full && self.is_open() => {
                self.was_full = false;
                self.dropped.0 += writable.dropped_messages;
                self.dropped.1 += writable.dropped_bytes;
            }
            other => return Err(format!("nobody asked for {other:?}")),
        }
        self.note_full();
        Ok(true)
    }

    pub(crate) fn fail_write(&mut self) -> Written {
        // There would never be room again.
        self.is_filled_by_answer = false;
        self.machine.fail_write()
    }

    /// What is true at any time.
    pub(crate) fn check(&mut self, config: &Config) -> Result<(), String> {
        self.note_full();
        let amount = self.machine.connection().buffered_amount();
        let accepted = self.sent.iter().map(Vec::len).sum::<usize>() + self.unfinished();
        if amount > accepted + self.refused {
            return Err(format!("{amount} bytes wait, and only {accepted} were sent"));
        }
        // One message more than allowed waits if none can be dropped.
        let more = if config.when_full == WhenFull::DropOldest { 2 } else { 1 };
        let streaming = self.streaming.iter();
        let largest = self.sent.iter().chain(streaming).map(Vec::len).max().unwrap_or_default();
        if self.is_open() && amount > config.max_buffered + more * largest {
            return Err(format!("{amount} bytes wait, over all limits"));
        }
        Ok(())
    }

    /// What is true when the connection is open, and everything was written and read.
    pub(crate) fn check_quiet(&mut self) -> Result<(), String> {
        if self.was_full {
            return Err("room in the output was not reported".into());
        }
        match self.machine.connection().buffered_amount() {
            0 => Ok(()),
            amount => Err(format!("{amount} bytes wait, and nothing is written")),
        }
    }

    /// What is true in the end: the same is told again, nothing is accepted.
    pub(crate) fn check_over(&mut self) -> Result<(), String> {
        let ending = self.ending;
        for _ in 0..2 {
            self.poll()?;
            if self.ending != ending {
                return Err(format!("{:?} came behind {ending:?}", self.ending));
            }
        }
        let late = self.machine.commands().send(&b"late"[..]).map_err(|refused| refused.error);
        expect(Answer::Closed, late, "send")?;
        self.refused += b"late".len();
        let connection = self.machine.connection();
        if connection.ready_state() != ReadyState::Closed {
            return Err(format!("{:?} in the end", connection.ready_state()));
        }
        let is_clean = matches!(self.ending, Some(Ending::Clean(_)));
        if connection.was_clean() != is_clean {
            return Err(format!("was_clean is not {is_clean}"));
        }
        Ok(())
    }

    /// Writes all that tells its state from others.
    pub(crate) fn identify(self, state: &mut impl Hasher) {
        // `Debug` shows neither what lies in the output and the input nor what counts of it. What was
        // consumed of a message that is not whole yet is a part of one that the other end has sent.
        hash_debug(&(&self.machine, self.ending), state);
        (self.left, self.has_closed, &self.sent, &self.got).hash(state);
        (&self.streaming, self.abandoned, self.refused, self.refused_as_dropped).hash(state);
        (self.dropped, self.was_full).hash(state);
        (self.has_overflowed, self.is_filled_by_answer).hash(state);
        let mut connection = self.machine.into_connection();
        connection.buffered_amount().hash(state);
        connection.write(Told::Yes, usize::MAX, usize::MAX).bytes.hash(state);
        connection.into_unprocessed().hash(state);
    }

    /// Bytes that were accepted of messages that are not finished.
    pub(crate) fn unfinished(&self) -> usize {
        self.abandoned + self.streaming.as_ref().map_or(0, Vec::len)
    }

    /// Messages and bytes that were accepted, and reported as dropped.
    pub(crate) const fn dropped_later(&self) -> (u64, u64) {
        let ((messages, bytes), refused) = (self.dropped, self.refused_as_dropped);
        (messages.saturating_sub(refused.0), bytes.saturating_sub(refused.1))
    }

    /// Of bare connections, only those that answer messages need ask.
    pub(crate) fn wants_read(&self) -> bool {
        !M::HOLDS_BACK && self.answers == Answers::Never || self.machine.wants_read()
    }

    pub(crate) const fn told(&self) -> Told {
        if self.ending.is_some() { Told::Yes } else { Told::No }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.ending.is_some() && self.machine.is_over()
    }

    /// Returns whether it ended without a Close that says why.
    pub(crate) fn breaks_off(&self) -> bool {
        match self.ending {
            Some(Ending::Failed(error)) => error.close_code() == 1006,
            Some(Ending::Clean(_)) | None => false,
        }
    }

    pub(crate) const fn is_streaming(&self) -> bool {
        self.streaming.is_some()
    }

    pub(crate) fn is_open(&self) -> bool {
        self.machine.connection().ready_state() == ReadyState::Open
    }

    /// What is to be expected of a command that is no whole message.
    fn expected(&mut self) -> Answer {
        let expected = expect_of(&self.machine.commands());
        self.was_full |= expected == Answer::Full;
        expected
    }

    fn note_full(&mut self) {
        self.was_full |= self.is_open() && self.machine.is_full();
    }

    /// The end and the number make it different from all others.
    fn next_message(&self, at: usize) -> Vec<u8> {
        format!("{at}:{}", self.sent.len()).into_bytes()
    }
}

/// What came of a whole message.
struct Submitted {
    message: Vec<u8>,
    answer: Answer,
    was_full: bool,
    is_full: bool,
}

fn submit(commands: &mut Commands<'_>, message: Vec<u8>) -> Result<Submitted, String> {
    let room = expect_of(commands);
    let expected = match (room, commands.when_full()) {
        (Answer::Full, WhenFull::Close(_)) => Answer::Overflowed,
        (Answer::Full, WhenFull::DropNewest) => Answer::Dropped,
        (Answer::Full, WhenFull::DropOldest) => Answer::Accepted,
        _ => room,
    };
    let result = commands.send(&message[..]).map_err(|refused| refused.error);
    let answer = expect(expected, result, "send")?;
    let is_full = !commands.has_room();
    Ok(Submitted { message, answer, was_full: room == Answer::Full, is_full })
}

/// Commands are accepted while the connection is open and there is room, and only then.
fn expect_of(commands: &Commands<'_>) -> Answer {
    if commands.ready_state() != ReadyState::Open {
        Answer::Closed
    } else if commands.has_room() {
        Answer::Accepted
    } else {
        Answer::Full
    }
}

fn expect(
    expected: Answer,
    result: Result<(), SendError>,
    command: &str,
) -> Result<Answer, String> {
    let answer = match result {
        Ok(()) => Answer::Accepted,
        Err(SendError::Closed) if expected == Answer::Overflowed => Answer::Overflowed,
        Err(SendError::Closed) => Answer::Closed,
        Err(SendError::Dropped { .. }) => Answer::Dropped,
        Err(SendError::Full { .. }) => Answer::Full,
        Err(error) => return Err(format!("{command} said {error:?}")),
    };
    if answer != expected {
        return Err(format!("{command} was {answer:?}, and not {expected:?}"));
    }
    Ok(answer)
}

/// With what an answer begins, and no other message.
const ANSWER: &[u8] = b"to ";
