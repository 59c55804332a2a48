//! How others may differ in what they tell of a stream of frames.

use crate::differential::rules::Rule;
use crate::differential::scan::{Fault, Scan};
use crate::differential::told::{Class, Told};

/// The first events that differ, and all that both tell from there on.
pub(crate) struct Difference {
    pub(crate) scan: Scan,
    /// How many messages both have told before.
    pub(crate) messages: usize,
    /// What this crate tells.
    pub(crate) ours: Vec<Told>,
    pub(crate) theirs: Vec<Told>,
}

impl Difference {
    /// How both failed, if they did.
    fn classes(&self) -> Option<(Class, Class)> {
        match (&self.ours[..], &self.theirs[..]) {
            ([Told::Failed(ours)], [Told::Failed(theirs)]) => Some((*ours, *theirs)),
            _ => None,
        }
    }

    fn fails_with(&self, class: Class) -> bool {
        self.ours == [Told::Failed(class)]
    }

    /// A frame that is not all there has a fault already.
    fn is_late(&self) -> bool {
        self.classes().is_some_and(|(ours, theirs)| {
            theirs == Class::End && self.scan.has_class(ours) && !self.scan.is_whole
        })
    }

    /// A frame has two faults.
    fn is_other_fault(&self) -> bool {
        self.classes()
            .is_some_and(|(ours, theirs)| self.scan.has_class(ours) && self.scan.has_class(theirs))
    }

    /// What they tell instead. Where this crate has failed, control frames may come before.
    fn instead(&self) -> Option<&Told> {
        let fails = matches!(self.ours[0], Told::Failed(_));
        self.theirs.iter().find(|told| !(fails && is_control(told)))
    }

    /// Where this crate has failed, they have the message, as far as it could be read.
    fn is_as_scanned(&self) -> bool {
        match self.instead() {
            Some(Told::Binary(payload) | Told::Text(payload)) => {
                self.fails_with(Class::Data)
                    && self.scan.messages.get(self.messages) == Some(payload)
            }
            _ => false,
        }
    }

    fn closed(told: &[Told]) -> Option<u16> {
        match told {
            [Told::Closed(code, _)] => Some(*code),
            _ => None,
        }
    }
}

fn is_control(told: &Told) -> bool {
    matches!(told, Told::Ping(_) | Told::Pong(_))
}

/// What those who take longer lengths may find wrong besides, or not.
const OF_PAYLOAD: [Fault; 4] = [Fault::Deflate, Fault::NotMinimal, Fault::Text, Fault::Unfinished];

pub(crate) const RULES: &[Rule<Difference>] = &[
    Rule {
        name: "late",
        peers: &["tungstenite", "tokio-websockets", "websockets", "wsproto"],
        section: "§5.2, §8.1",
        reason: "it judges a frame, or a part of it, when more of it is there",
        permits: Difference::is_late,
    },
    Rule {
        name: "early",
        peers: &["tokio-websockets", "websockets", "wsproto"],
        section: "§5.2",
        reason: "it judges a header before all of it is there",
        permits: |difference| {
            difference.classes().is_some_and(|(ours, theirs)| {
                ours == Class::End && difference.scan.has_class(theirs) && !difference.scan.is_whole
            })
        },
    },
    Rule {
        name: "another fault",
        peers: &["tungstenite", "tokio-websockets", "websockets", "wsproto"],
        section: "§7.1.7",
        reason: "a frame has two faults, of which it names the other",
        permits: Difference::is_other_fault,
    },
    Rule {
        name: "longer lengths",
        peers: &["tungstenite", "websockets"],
        section: "§5.2",
        reason: "it takes lengths that are not in the shortest form, which is a MUST for the sender",
        permits: |difference| {
            difference.fails_with(Class::Protocol)
                && difference.scan.has(Fault::NotMinimal)
                && difference.scan.has_only(&OF_PAYLOAD)
        },
    },
    Rule {
        name: "text at its end",
        peers: &["websockets"],
        section: "§8.1",
        reason: "it decodes a text when all of the message is there",
        permits: |difference| {
            let told = difference.theirs.split_last();
            difference.fails_with(Class::Data)
                && difference.scan.has_only(&[Fault::Text])
                && told.is_some_and(|(last, before)| {
                    before.iter().all(is_control) && matches!(last, Told::Failed(_))
                })
        },
    },
    Rule {
        name: "half a surrogate",
        peers: &["wsproto"],
        section: "§8.1",
        reason: "of a surrogate, it waits for the third byte: so does the decoder of Python",
        permits: |difference| {
            let told = difference.theirs.split_last();
            difference.fails_with(Class::Data)
                && difference.scan.has_half_surrogate
                // Here, or by the next frame, which is not known here.
                && told.is_some_and(|(last, before)| {
                    before.iter().all(is_control) && matches!(last, Told::Failed(_))
                })
        },
    },
    Rule {
        name: "empty last fragment",
        peers: &["tokio-websockets"],
        section: "§8.1",
        reason: "a text that ends inside a character passes if its last fragment is empty",
        permits: |difference| {
            difference.fails_with(Class::Data)
                && difference.scan.has_only(&[Fault::Text])
                && matches!(&difference.theirs[..], [Told::Text(text), ..] if core::str::from_utf8(text).is_err())
        },
    },
    Rule {
        name: "own answer",
        peers: &["tungstenite"],
        section: "§7.4",
        reason: "it does not fail by a wrong code, but tells what it answers",
        permits: |difference| {
            difference.fails_with(Class::Protocol)
                && difference.scan.has(Fault::CloseCode)
                && Difference::closed(&difference.theirs) == Some(1002)
        },
    },
    Rule {
        name: "no 1014",
        peers: &["tungstenite", "wsproto"],
        section: "IANA registry",
        reason: "it does not know the code 1014, which was registered later",
        permits: |difference| {
            let theirs = &difference.theirs[..];
            difference.scan.code == Some(1014)
                && (theirs == [Told::Failed(Class::Protocol)]
                    || Difference::closed(theirs) == Some(1002))
        },
    },
    Rule {
        name: "Close within a message",
        peers: &["websockets"],
        section: "§5.4, §5.5.1",
        reason: "it takes a Close between fragments for an error; control frames may stand there",
        permits: |difference| {
            matches!(difference.ours[..], [Told::Closed(..)])
                && difference.scan.is_within
                && difference.theirs == [Told::Failed(Class::Protocol)]
        },
    },
    Rule {
        name: "1002 for DEFLATE",
        peers: &["websockets"],
        section: "RFC 7692, §7.2.2",
        reason: "it fails by 1002 where a message is no DEFLATE; no code is demanded",
        permits: |difference| {
            difference.fails_with(Class::Data)
                && difference.scan.has(Fault::Deflate)
                && difference.theirs == [Told::Failed(Class::Protocol)]
        },
    },
    Rule {
        name: "no limit",
        peers: &["wsproto"],
        section: "§10.4",
        reason: "limits are left to the application",
        permits: |difference| {
            difference.fails_with(Class::Size) && difference.scan.has(Fault::Large)
        },
    },
    Rule {
        name: "interrupted compression",
        peers: &["wsproto"],
        section: "RFC 7692, §6.2",
        reason: "it forgets at a control frame that the message around it is compressed",
        permits: |difference| {
            let is_other = match (&difference.ours[0], difference.instead()) {
                // What is left of the message, as it came, is another payload, or no text.
                (Told::Text(_), Some(Told::Text(_)))
                | (Told::Binary(_), Some(Told::Binary(_)))
                | (_, Some(Told::Failed(Class::Data))) => true,
                // What is wrong with it when it is decompressed is never seen.
                (
                    Told::Failed(Class::Data | Class::Size),
                    Some(Told::Text(_) | Told::Binary(_)),
                ) => true,
                _ => false,
            };
            difference.scan.has_interrupted && is_other
        },
    },
    Rule {
        name: "compressed out of order",
        peers: &["wsproto"],
        section: "§5.4",
        reason: "it decompresses a frame before it finds that it stands in the wrong place",
        permits: |difference| {
            difference.scan.has(Fault::Order)
                && difference.classes() == Some((Class::Protocol, Class::Data))
        },
    },
    Rule {
        name: "final block",
        peers: &["websockets", "wsproto"],
        section: "RFC 7692, §7.2.3.4",
        reason: "it reads nothing behind a block that is marked as the last, or fails there",
        permits: |difference| {
            let Difference { scan, ours, theirs, .. } = difference;
            let is_cut = match (&ours[..], &theirs[..]) {
                ([Told::Binary(ours), ..], [Told::Binary(theirs), ..])
                | ([Told::Text(ours), ..], [Told::Text(theirs), ..]) => {
                    theirs.len() < ours.len() && ours.starts_with(theirs)
                }
                // What follows is no DEFLATE, or no text. It goes on, maybe to a frame that is broken, or
                // to a Close, which one of them refuses within a message.
                ([Told::Failed(Class::Data)], [Told::Failed(theirs)]) => {
                    *theirs == Class::End
                        || scan.has_class(*theirs)
                        || *theirs == Class::Protocol && scan.is_within && scan.has_closed()
                }
                ([Told::Failed(Class::Data)], [Told::Closed(code, _)]) => {
                    scan.has_closed() && *code == scan.code.unwrap_or(1005)
                }
                // It refuses what follows, or stops inside a character.
                ([Told::Binary(_) | Told::Text(_), ..], [Told::Failed(Class::Data)]) => true,
                _ => difference.is_as_scanned(),
            };
            scan.has_final_block && is_cut
        },
    },
    Rule {
        name: "nothing compressed",
        peers: &["websockets", "wsproto"],
        section: "RFC 7692, §7.2.3.6",
        reason: "it takes a compressed message without any byte for the beginning of a block, and \
                 fails at the next one; here it is an empty message",
        permits: |difference| {
            difference.scan.has_nothing
                && matches!(difference.theirs[..], [Told::Failed(Class::Data | Class::Protocol)])
        },
    },
    Rule {
        name: "inside a block",
        peers: &["websockets", "wsproto"],
        section: "RFC 7692, §7.2.1",
        reason: "it does not see that a compressed message ends inside a block, nor what is wrong with \
                 the beginning of that block; or it takes the tail for a part of the message",
        permits: |difference| {
            let Difference { scan, ours, theirs, .. } = difference;
            let is_broken = scan.has(Fault::Unfinished) || scan.has(Fault::Deflate);
            let is_found = matches!(ours[..], [Told::Failed(class)] if scan.has_class(class));
            // One of them takes what comes of the tail of a long message for more than is left.
            let is_more = scan.has_eaten_tail && *theirs == [Told::Failed(Class::Size)];
            // It goes on, and where to is not known here.
            let is_later = scan.has(Fault::Deflate) && !scan.is_last;
            let is_unseen =
                difference.fails_with(Class::Data) && (is_later || difference.is_as_scanned());
            is_broken && is_found && (is_more || is_unseen)
        },
    },
    Rule {
        name: "what is left",
        peers: &["websockets"],
        section: "§10.4",
        reason: "within a message, it compares each frame, of whatever kind, with what the message may \
                 grow by",
        permits: |difference| {
            difference.scan.has_outgrown && difference.theirs == [Told::Failed(Class::Size)]
        },
    },
];
