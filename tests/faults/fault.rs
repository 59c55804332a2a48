//! Counts the operations of a transport, and says which of them fails, and how.

use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::play::Plan;

/// What a transport is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Flush,
    Read,
    Shutdown,
    Write,
}

impl Op {
    const fn is_read(self) -> bool {
        matches!(self, Self::Read)
    }
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// From the operation on, whoever would have to wait is woken at once, a hundred times.
    AlwaysReady,
    /// The operation would block, once.
    Block,
    /// The clock leaps by an hour.
    ClockAhead,
    /// The clock goes back by a minute.
    ClockBack,
    /// The stream is at its end, or takes nothing, from the operation on.
    End,
    /// The operation fails, and so does each later one in its direction.
    Error,
    /// The operation fails, and later ones do not.
    ErrorOnce,
    /// A signal interrupts the operation.
    Interrupted,
    /// The operation and each later one in its direction is never ready.
    NeverReady,
    /// From the operation on, one byte each.
    Short,
}

pub(crate) const KINDS: [Kind; 10] = [
    Kind::AlwaysReady,
    Kind::Block,
    Kind::ClockAhead,
    Kind::ClockBack,
    Kind::End,
    Kind::Error,
    Kind::ErrorOnce,
    Kind::Interrupted,
    Kind::NeverReady,
    Kind::Short,
];

impl Kind {
    /// Whether an adapter goes on as if nothing had happened.
    pub(crate) const fn is_harmless(self) -> bool {
        matches!(self, Self::AlwaysReady | Self::Block | Self::Short)
    }

    /// Whether it is one of the clock, and not of the stream.
    pub(crate) const fn is_of_clock(self) -> bool {
        matches!(self, Self::ClockAhead | Self::ClockBack)
    }
}

/// Has `suffer` play a plan without a fault, and then with each of these at each operation. It
/// returns how many operations there were, and whether the fault came.
#[track_caller]
pub(crate) fn at_each_operation(
    plan: Plan,
    kinds: impl Iterator<Item = Kind>,
    suffer: impl Fn(Plan, Option<(usize, Kind)>) -> (usize, bool),
) {
    let count = operations(plan, &suffer);
    for kind in kinds {
        for at in 0..count {
            let (_, has_struck) = suffer(plan, Some((at, kind)));
            assert!(has_struck, "{plan:?}, {kind:?} at {at} of {count}");
        }
    }
}

/// As [`at_each_operation`], where threads or real time decide how many operations there are: of the
/// same plan, 28 in one run and 39 in the next. Some runs have none of the last ones, so each that
/// every one of some runs without a fault has had must fail: by the first attempt, or by a later
/// one if that run had fewer. Those behind are tried once. On a machine that is busy, short deadlines
/// may end a run before it has done anything: that one does not count.
#[cfg_attr(not(feature = "split"), allow(dead_code, reason = "of halves, and of TLS"))]
#[track_caller]
pub(crate) fn at_most_operations(
    plan: Plan,
    kinds: impl Iterator<Item = Kind>,
    suffer: impl Fn(Plan, Option<(usize, Kind)>) -> (usize, bool),
) {
    let runs = attempts(PATIENCE).map(|()| suffer(plan, None).0);
    let counts: Vec<_> = runs.filter(|count| *count >= LEAST).take(RUNS).collect();
    assert_eq!(counts.len(), RUNS, "{plan:?} has hardly any operations");
    let (least, most) = (*counts.iter().min().unwrap(), *counts.iter().max().unwrap());
    for kind in kinds {
        for at in 0..most {
            let patience = if at < least { PATIENCE } else { Duration::ZERO };
            let has_struck = attempts(patience).any(|()| suffer(plan, Some((at, kind))).1);
            assert!(has_struck || at >= least, "{plan:?}, {kind:?} at {at} of {least} to {most}");
        }
    }
}

/// In how many runs each operation must be found that is to fail.
#[cfg_attr(not(feature = "split"), allow(dead_code, reason = "of halves, and of TLS"))]
const RUNS: usize = 10;
/// How long a run is tried again that has fewer. On a machine that is busy, a hundred in a row may be
/// cut.
#[cfg_attr(not(feature = "split"), allow(dead_code, reason = "of halves, and of TLS"))]
const PATIENCE: Duration = Duration::from_secs(60);

/// One attempt, and others until the time has passed.
#[cfg_attr(not(feature = "split"), allow(dead_code, reason = "of halves, and of TLS"))]
#[expect(clippy::disallowed_methods, reason = "how long a machine takes")]
fn attempts(patience: Duration) -> impl Iterator<Item = ()> {
    let began = Instant::now();
    core::iter::once(())
        .chain(core::iter::repeat(()).take_while(move |()| began.elapsed() < patience))
}

/// How many operations a plan has without a fault.
#[track_caller]
fn operations(plan: Plan, suffer: impl Fn(Plan, Option<(usize, Kind)>) -> (usize, bool)) -> usize {
    let (count, _) = suffer(plan, None);
    assert!(count >= LEAST, "{plan:?} has {count} operations");
    count
}

/// How many operations a run has at least that comes to its end.
const LEAST: usize = 15;

/// Whether a transport with this fault is as good as one without.
pub(crate) fn is_sound(fault: Option<(usize, Kind)>) -> bool {
    fault.is_none_or(|(_, kind)| kind.is_harmless())
}

/// What an operation is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// To wait, and be woken at once.
    Block,
    /// To report that nothing comes or goes any more.
    End,
    Fail(ErrorKind),
    Go,
    Never,
    Short,
}

impl Act {
    /// Returns how much an operation that cannot wait may move.
    pub(crate) fn most(self) -> io::Result<usize> {
        match self {
            Self::Block | Self::Never => Err(ErrorKind::WouldBlock.into()),
            Self::End => Ok(0),
            Self::Fail(kind) => Err(kind.into()),
            Self::Go => Ok(usize::MAX),
            Self::Short => Ok(1),
        }
    }
}

/// The plan for one transport, and how far it is.
#[derive(Clone, Debug)]
pub(crate) struct Faults(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    plan: Option<(usize, Kind)>,
    count: usize,
    /// The operation that the fault came at.
    struck: Option<Op>,
    wakes: usize,
}

impl Faults {
    pub(crate) fn new(plan: Option<(usize, Kind)>) -> Self {
        Self(Arc::new(Mutex::new(State { plan, count: 0, struck: None, wakes: 0 })))
    }

    /// The same plan for another transport.
    #[cfg(feature = "tokio")]
    pub(crate) fn again(&self) -> Self {
        Self::new(self.state().plan)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// How many operations there were.
    pub(crate) fn count(&self) -> usize {
        self.state().count
    }

    /// Whether the fault came.
    pub(crate) fn has_struck(&self) -> bool {
        self.state().struck.is_some()
    }

    /// Whether it comes with the next operation.
    pub(crate) fn is_next(&self) -> Option<Kind> {
        let state = self.state();
        state
            .plan
            .filter(|(at, _)| state.struck.is_none() && state.count == *at)
            .map(|(_, kind)| kind)
    }

    /// Counts an operation and says what it does.
    pub(crate) fn act(&self, op: Op) -> Act {
        let mut state = self.state();
        let now = state.count;
        state.count += 1;
        let Some((at, kind)) = state.plan else { return Act::Go };
        let is_now = now == at;
        if is_now {
            state.struck = Some(op);
        }
        let goes_on = state.struck.is_some_and(|struck| struck.is_read() == op.is_read());
        match kind {
            Kind::AlwaysReady | Kind::ClockAhead | Kind::ClockBack => Act::Go,
            Kind::Block if is_now => Act::Block,
            Kind::End if goes_on => Act::End,
            Kind::Error if goes_on => Act::Fail(ErrorKind::ConnectionReset),
            Kind::ErrorOnce if is_now => Act::Fail(ErrorKind::ConnectionReset),
            Kind::Interrupted if is_now => Act::Fail(ErrorKind::Interrupted),
            Kind::NeverReady if goes_on => Act::Never,
            Kind::Short if now >= at => Act::Short,
            Kind::Block
            | Kind::End
            | Kind::Error
            | Kind::ErrorOnce
            | Kind::Interrupted
            | Kind::NeverReady
            | Kind::Short => Act::Go,
        }
    }

    /// Whether an operation that waits is to be woken at once.
    pub(crate) fn wakes(&self) -> bool {
        let mut state = self.state();
        let wakes = matches!(state.plan, Some((at, Kind::AlwaysReady)) if state.count > at);
        state.wakes += usize::from(wakes);
        wakes && state.wakes <= 100
    }
}
