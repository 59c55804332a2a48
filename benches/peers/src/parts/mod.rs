//! What is measured, one module for each part.

pub mod broadcast;
pub mod callgrind;
pub mod deflate;
pub mod echo;
pub mod memory;
pub mod receive;
pub mod scale;
pub mod send;

use crate::rounds::Effort;
use crate::table::Table;

/// A part: its name, what its tables tell, and how to measure it.
#[derive(Clone, Copy)]
pub struct Part {
    pub name: &'static str,
    pub about: &'static str,
    pub measure: fn(&Effort) -> Vec<Table>,
}

/// All parts, in the order of the report.
pub const PARTS: [Part; 7] = [
    Part { name: "receive", about: receive::ABOUT, measure: receive::measure },
    Part { name: "send", about: send::ABOUT, measure: send::measure },
    Part { name: "echo", about: echo::ABOUT, measure: echo::measure },
    Part { name: "scale", about: scale::ABOUT, measure: scale::measure },
    Part { name: "memory", about: memory::ABOUT, measure: memory::measure },
    Part { name: "deflate", about: deflate::ABOUT, measure: deflate::measure },
    Part { name: "broadcast", about: broadcast::ABOUT, measure: broadcast::measure },
];

/// The payload sizes of the parts without sockets.
const SIZES: [usize; 8] = [0, 16, 125, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 1 << 20];

/// What of them is enough to see that everything works.
const QUICK_SIZES: [usize; 3] = [0, 125, 64 << 10];

fn sizes(effort: &Effort) -> &[usize] {
    effort.sizes(if effort.is_quick { &QUICK_SIZES } else { &SIZES })
}

/// Writes a size as people do.
pub(crate) fn size_text(size: usize) -> String {
    match size {
        0x10_0000.. => format!("{} MiB", size >> 20),
        0x400.. => format!("{} KiB", size >> 10),
        _ => format!("{size} B"),
    }
}

/// Returns how many messages of a connection are under way; `PEERS_WINDOW` says otherwise.
pub(crate) fn window(size: usize) -> usize {
    let asked = std::env::var("PEERS_WINDOW").ok().and_then(|window| window.parse().ok());
    asked.unwrap_or(match size {
        0..=0x400 => 64,
        0x401..0x10_0000 => 4,
        _ => 1,
    })
}
