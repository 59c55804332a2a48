//! All attacks, with the rule that each breaks or strains, and the reaction that it gets.

mod closing;
mod connections;
mod deflate;
mod floods;
mod frames;
mod heads;
mod responses;

use crate::Fault;
use crate::arena::{Arena, Gate};
use crate::honest::Opens;
use crate::peer::Reaction;

/// An attack, and what it must come to.
#[derive(Debug)]
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    /// The sections of RFCs.
    pub(crate) rule: &'static str,
    /// Where other implementations fell to it.
    pub(crate) known: &'static [&'static str],
    /// Every case of it has this one.
    pub(crate) reaction: Reaction,
    /// How much the memory may grow, in MiB.
    pub(crate) memory: usize,
    /// Whether it waits for a deadline, which then is short.
    pub(crate) is_patient: bool,
    pub(crate) way: Way,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    OnClient { run: fn(&Gate) -> Result<Vec<Reaction>, Fault> },
    OnServer { opens: Opens, run: fn(&Arena<'_>) -> Result<Vec<Reaction>, Fault> },
}

impl Attack {
    const fn on_server(
        name: &'static str,
        rule: &'static str,
        reaction: Reaction,
        run: fn(&Arena<'_>) -> Result<Vec<Reaction>, Fault>,
    ) -> Self {
        let way = Way::OnServer { opens: Opens::Yes, run };
        Self { name, rule, known: &[], reaction, memory: LITTLE, is_patient: false, way }
    }

    const fn on_client(
        name: &'static str,
        rule: &'static str,
        reaction: Reaction,
        run: fn(&Gate) -> Result<Vec<Reaction>, Fault>,
    ) -> Self {
        let way = Way::OnClient { run };
        Self { name, rule, known: &[], reaction, memory: LITTLE, is_patient: false, way }
    }

    const fn known(self, known: &'static [&'static str]) -> Self {
        Self { known, ..self }
    }

    const fn memory(self, memory: usize) -> Self {
        Self { memory, ..self }
    }

    /// It waits for a deadline.
    const fn patient(self) -> Self {
        Self { is_patient: true, ..self }
    }

    /// It takes the places that an honest client would open connections in.
    const fn crowding(self) -> Self {
        match self.way {
            Way::OnServer { run, .. } => {
                Self { way: Way::OnServer { opens: Opens::No, run }, ..self }
            }
            Way::OnClient { .. } => self,
        }
    }
}

pub(crate) fn all() -> impl Iterator<Item = &'static Attack> {
    [
        heads::ATTACKS,
        frames::ATTACKS,
        deflate::ATTACKS,
        floods::ATTACKS,
        closing::ATTACKS,
        connections::ATTACKS,
        responses::ATTACKS,
    ]
    .into_iter()
    .flatten()
}

/// What the allocator and the threads of a process may need at any time, in MiB; far less than what an
/// attack would take that works.
const LITTLE: usize = 8;

/// Has each case run, which ends with a reaction.
fn each<T>(
    cases: impl IntoIterator<Item = T>,
    run: impl FnMut(T) -> Result<Reaction, Fault>,
) -> Result<Vec<Reaction>, Fault> {
    cases.into_iter().map(run).collect()
}
