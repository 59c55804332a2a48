//! What is asked for on the command line: how much is done, and by whom.

use std::num::NonZero;
use std::path::PathBuf;

use clap::Parser;
use clap::builder::PossibleValuesParser;

use crate::parts::PARTS;

/// Measures sanswire beside other crates, and writes a report.
///
/// `peers checks` tells what the peers do not check.
#[derive(Default, Parser)]
pub(crate) struct Effort {
    /// What is measured: all if nothing is named. `report` only writes the report again
    #[arg(value_parser = PossibleValuesParser::new(PARTS.map(|part| part.0).into_iter().chain(["report"])))]
    pub(crate) parts: Vec<String>,
    /// A look: fewer cases, few rounds
    #[arg(long = "quick")]
    pub(crate) is_quick: bool,
    /// How often each contestant takes its turn; 16 unless told
    #[arg(long)]
    pub(crate) rounds: Option<NonZero<usize>>,
    /// The crates that take part beside the limits
    #[arg(long, value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// The payload sizes that are measured, rather than those of the part
    #[arg(long = "size", value_delimiter = ',')]
    pub(crate) sizes: Vec<usize>,
    /// Where the report goes
    #[arg(long, default_value = "docs")]
    pub(crate) docs: PathBuf,
}

impl Effort {
    pub(crate) fn has_part(&self, name: &str) -> bool {
        self.parts.is_empty() || self.parts.iter().any(|part| part == name)
    }

    pub(crate) fn rounds(&self) -> usize {
        self.rounds.map_or(self.pick(16, 5), NonZero::get)
    }

    /// Returns whether a contestant takes part: a crate is asked for with all its interfaces.
    pub(crate) fn includes(&self, name: &str) -> bool {
        let peer = name.split([',', ' ']).next();
        let is_asked = self.only.iter().any(|asked| peer == Some(asked));
        self.only.is_empty() || name.starts_with("limit") || is_asked
    }

    /// Returns the sizes that are measured, of those that a part has.
    pub(crate) fn sizes<'a>(&'a self, usual: &'a [usize], quick: &'a [usize]) -> &'a [usize] {
        if self.sizes.is_empty() { self.pick(usual, quick) } else { &self.sizes }
    }

    /// Returns what is usual, or what is enough for a look.
    pub(crate) fn pick<T>(&self, usual: T, quick: T) -> T {
        if self.is_quick { quick } else { usual }
    }
}

#[cfg(test)]
mod tests {
    use super::Effort;

    #[test]
    fn a_peer_is_asked_for_by_its_name() {
        let only = ["sockudo-ws", "ws", "tokio", "bun"].map(str::to_owned).to_vec();
        let effort = Effort { only, ..Effort::default() };
        for name in ["limit: raw TCP, tokio", "sockudo-ws, gathered", "ws", "bun (uWebSockets)"] {
            assert!(effort.includes(name), "{name}");
        }
        for name in ["tokio-websockets", "sanswire", "sockudo", "tungstenite"] {
            assert!(!effort.includes(name), "{name}");
        }
    }
}
