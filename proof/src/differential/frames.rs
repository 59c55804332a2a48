//! Streams of frames, valid and not, cut into pieces, to both roles.

use crate::differential::child::Child;
use crate::differential::rules::Book;
use crate::differential::scan::Scan;
use crate::differential::stream_rules::{Difference, RULES};
use crate::differential::streams::Stream;
use crate::differential::told::{Told, hex};
use crate::differential::{Inquiry, Peers, peers};
use crate::tally::Tally;

pub(crate) fn ask(tally: &mut Tally, inquiry: Inquiry) {
    let mut child = (inquiry.peers == Peers::All).then(Child::start);
    let mut book = Book::new(RULES);
    for seed in inquiry.seed..inquiry.seed + CASES * inquiry.factor {
        let stream = Stream::new(seed);
        let ours = peers::sanswire(&stream, stream.pieces());
        let whole = peers::sanswire(&stream, core::iter::once(&stream.bytes[..]));
        let case = || format!("seed {seed}, {:?}, {:?}", stream.role, stream.agreed);
        tally.check(&ours, &whole, || format!("{}, in pieces and whole", case()));
        let mut compare = |name: &'static str, theirs: Vec<Told>| {
            let same = ours.iter().zip(&theirs).take_while(|(ours, theirs)| ours == theirs).count();
            if same == ours.len() && same == theirs.len() {
                return book.agree(tally, name);
            }
            let difference = Difference {
                scan: Scan::new(&stream),
                messages: ours[..same].iter().filter(|told| is_message(told)).count(),
                ours: ours[same..].to_vec(),
                theirs: theirs[same..].to_vec(),
            };
            book.differ(tally, name, &difference, || {
                let Difference { scan, ours, theirs, .. } = &difference;
                format!(
                    "{}: {ours:?}, {name} {theirs:?}, {:?}, whole: {}, within: {}, {}",
                    case(),
                    scan.faults,
                    scan.is_whole,
                    scan.is_within,
                    shown(&stream.bytes),
                )
            });
        };
        // These have no extensions.
        if stream.agreed.is_none() {
            compare("tungstenite", peers::tungstenite(&stream));
            compare("tokio-websockets", peers::tokio_websockets(&stream));
        }
        if let Some(child) = &mut child {
            for name in ["websockets", "wsproto"] {
                compare(name, peers::python(child, name, &stream));
            }
        }
    }
    let asked: &[&str] = match inquiry.peers {
        Peers::All => &["tokio-websockets", "tungstenite", "websockets", "wsproto"],
        Peers::Embedded => &["tokio-websockets", "tungstenite"],
    };
    book.print(tally, asked, inquiry.needs_all());
}

fn is_message(told: &Told) -> bool {
    matches!(told, Told::Binary(_) | Told::Text(_))
}

/// The bytes; the seed makes those that are left out.
fn shown(bytes: &[u8]) -> String {
    let shown = &bytes[..bytes.len().min(2_000)];
    format!("{} of {} bytes: {}", shown.len(), bytes.len(), hex(shown))
}

/// How many cases there are at least.
const CASES: u64 = 4_000;
