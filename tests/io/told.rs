//! What a sender was told, beside what has arrived.
#![expect(
    clippy::std_instead_of_alloc,
    clippy::unwrap_used,
    reason = "a test is an application, and ends at what it did not expect"
)]

use std::collections::BTreeSet;

use sanswire::{CloseCode, WhenFull};

/// All that can be done with a message for which there is no room.
pub(crate) const POLICIES: [WhenFull; 4] = [
    WhenFull::Close(CloseCode::TRY_AGAIN_LATER),
    WhenFull::DropNewest,
    WhenFull::DropOldest,
    WhenFull::Refuse,
];

/// What a sender was told of its messages, each of which begins with its number.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// It has left.
    pub(crate) sent: BTreeSet<u32>,
    /// It was refused.
    pub(crate) refused: BTreeSet<u32>,
}

impl Told {
    /// Asserts that what was said to be sent has arrived, in order, and nothing that was refused.
    #[track_caller]
    pub(crate) fn check(&self, arrived: &[u32], round: &str) {
        assert!(arrived.is_sorted(), "{round}: {arrived:?}");
        let arrived: BTreeSet<u32> = arrived.iter().copied().collect();
        let missing: Vec<_> = self.sent.difference(&arrived).collect();
        assert!(missing.is_empty(), "{round}: {missing:?} were not sent");
        let twice: Vec<_> = self.refused.intersection(&arrived).collect();
        assert!(twice.is_empty(), "{round}: {twice:?} were refused, and sent");
    }
}

/// The numbers of the messages that lie whole in what was written.
pub(crate) fn arrived(mut bytes: &[u8]) -> Vec<u32> {
    let (mut numbers, mut message) = (Vec::new(), Vec::new());
    while let [first, len, rest @ ..] = bytes {
        let (len, rest) = match (len, rest) {
            (126, [high, low, rest @ ..]) => (usize::from(u16::from_be_bytes([*high, *low])), rest),
            (126, _) => break,
            (len, rest) => (usize::from(*len), rest),
        };
        let Some((payload, rest)) = rest.split_at_checked(len) else { break };
        bytes = rest;
        if first & 0x08 == 0 {
            message.extend(payload);
            if first & 0x80 != 0 {
                numbers.push(u32::from_be_bytes(message[..4].try_into().unwrap()));
                message.clear();
            }
        }
    }
    numbers
}
