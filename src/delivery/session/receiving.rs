//! What a session makes of what its peer says; knows nothing of what it sends.

use super::{Greeting, MAX_NUMBER, OwnHello, Phase, Session};
use crate::delivery::error::DeliveryError;
use crate::delivery::event::{Lost, SessionEvent};
use crate::delivery::wire::{Frame, Hello};
use crate::message::Message;

impl Session {
    /// Takes a Hello: the first on this connection, or the one behind `greeting`.
    pub(super) fn receive_hello(
        &mut self,
        hello: &Hello,
        own: OwnHello,
        greeting: Option<Greeting>,
    ) -> Result<Option<SessionEvent>, DeliveryError> {
        if hello.from == self.id {
            return Err(DeliveryError::IdReflected);
        }
        if greeting.is_some_and(|greeting| greeting.from != hello.from) {
            return Err(DeliveryError::IdChanged);
        }
        let own = own.naming(hello.from);
        if hello.to != Some(self.id) {
            if greeting.is_some() {
                return Err(DeliveryError::HelloRepeated);
            }
            // Nothing is proved yet, so nothing changes.
            let knows_another = hello.to.is_some();
            let greeting = Greeting { from: hello.from, knows_another };
            self.phase = Phase::Greeted { own, greeting };
            return Ok(None);
        }
        let is_met = self.peer == Some(hello.from);
        // A peer that knew this session named it at once, unless it was never told of it.
        let goes_on = greeting.is_none() || (self.first == 0 && self.expected == 0);
        let event = if self.peer.is_some() && !(is_met && goes_on) {
            SessionEvent::PeerForgot(self.start_over())
        } else {
            if hello.expected < self.first {
                return Err(self.out_of_range(hello.expected));
            }
            self.receive_acknowledgement(hello.expected, self.sent)?;
            match greeting {
                _ if is_met => SessionEvent::Resumed,
                Some(Greeting { knows_another: true, .. }) => SessionEvent::Forgot,
                Some(_) | None => SessionEvent::Started,
            }
        };
        self.peer = Some(hello.from);
        self.next = self.first;
        self.phase = Phase::Open { own };
        Ok(Some(event))
    }

    pub(super) fn receive(&mut self, frame: Frame) -> Result<Option<SessionEvent>, DeliveryError> {
        match frame {
            Frame::Acknowledgement { expected } => {
                self.receive_acknowledgement(expected, self.next)?;
                Ok(None)
            }
            Frame::Data { expected, sequence, message } => {
                self.receive_acknowledgement(expected, self.next)?;
                self.receive_data(sequence, message)
            }
            Frame::Hello(_) => Err(DeliveryError::HelloRepeated),
        }
    }

    fn receive_data(
        &mut self,
        sequence: u64,
        message: Message,
    ) -> Result<Option<SessionEvent>, DeliveryError> {
        if sequence >= MAX_NUMBER {
            return Err(DeliveryError::Exhausted);
        }
        if sequence > self.expected {
            return Err(DeliveryError::Gap { expected: self.expected, sequence });
        }
        if sequence < self.expected {
            return Ok(None);
        }
        self.expected += 1;
        self.unacknowledged_bytes = self.unacknowledged_bytes.saturating_add(message.len());
        if self.expected - self.acknowledged >= self.limits.acknowledge_messages.get()
            || self.unacknowledged_bytes >= self.limits.acknowledge_bytes
        {
            self.acknowledgement_due = true;
        }
        Ok(Some(SessionEvent::Message(message)))
    }

    /// Drops the messages below `expected`, all of which must be below `end`. An acknowledgement
    /// that says less than an earlier one says nothing.
    fn receive_acknowledgement(&mut self, expected: u64, end: u64) -> Result<(), DeliveryError> {
        if expected > end {
            return Err(self.out_of_range(expected));
        }
        while self.first < expected {
            let Some(message) = self.queue.pop_front() else { break };
            self.queued_bytes -= message.len();
            self.first += 1;
        }
        Ok(())
    }

    fn out_of_range(&self, expected: u64) -> DeliveryError {
        let end = if self.is_open() { self.next } else { self.sent };
        DeliveryError::AcknowledgementOutOfRange { expected, first: self.first, end }
    }

    /// Forgets the numbers of both directions, and gives up the messages.
    fn start_over(&mut self) -> Lost {
        let sent = usize::try_from(self.sent - self.first).unwrap_or(usize::MAX);
        let mut queue = core::mem::take(&mut self.queue);
        let unsent = queue.split_off(sent.min(queue.len())).into();
        let phase = self.phase;
        *self = Self::new(self.id, self.limits.clone());
        self.phase = phase;
        Lost { sent: queue.into(), unsent }
    }
}
