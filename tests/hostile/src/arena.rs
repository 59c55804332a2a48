//! One attack: a fresh process that is attacked, an honest client beside it, and what came of it;
//! knows no attack in particular.

use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use crate::Fault;
use crate::attacks::{Attack, Way};
use crate::honest::{self, Waits};
use crate::peer::{Peer, Reaction};
use crate::process::{PATIENCE, Process};
use crate::victim::Deadlines;

/// What an honest client may have to wait for: a hundred times what it does on a busy machine.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// What was seen of an attack that was withstood.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    /// Of an honest client of the server.
    pub(crate) waits: Option<Waits>,
    /// By how much the memory grew at most, in KiB.
    pub(crate) growth: usize,
}

/// A server that is attacked.
#[derive(Debug)]
pub(crate) struct Arena<'a> {
    pub(crate) port: u16,
    server: &'a Process,
    /// In KiB.
    before: usize,
}

/// Makes an attack, and checks what came of it.
pub(crate) fn make(attack: &Attack) -> Result<Seen, Fault> {
    let (reactions, seen) = match attack.way {
        Way::OnServer { opens, run } => {
            let deadlines = if attack.is_patient { Deadlines::Short } else { Deadlines::Default };
            let server = Process::start(deadlines.arguments())?;
            let port = server.line(|_| true)?.parse()?;
            let stop = AtomicBool::new(false);
            std::thread::scope(|scope| {
                let (ready, is_ready) = channel();
                let stop = &stop;
                let tell = move || {
                    let _ = ready.send(());
                };
                let honest = scope.spawn(move || honest::use_server(port, opens, tell, stop));
                // If it is not ready, it has failed.
                let attacked = match is_ready.recv() {
                    Ok(()) => attack_server(&server, port, run),
                    Err(_) => Ok((Vec::new(), 0)),
                };
                stop.store(true, Ordering::SeqCst);
                let waits = honest.join().map_err(|_| Fault::new("the honest client panicked"))?;
                let (reactions, growth) = attacked?;
                Ok::<_, Fault>((reactions, Seen { waits: Some(waits?), growth }))
            })?
        }
        Way::OnClient { run } => {
            let gate = Gate::new()?;
            let reactions = run(&gate)?;
            (reactions, Seen { waits: None, growth: gate.growth.into_inner() })
        }
    };
    if let Some(other) = reactions.iter().find(|reaction| **reaction != attack.reaction) {
        return Err(Fault::new(format!("{other}, and not {}", attack.reaction)));
    }
    if reactions.is_empty() {
        return Err(Fault::new("nothing was tried"));
    }
    let waits = seen.waits.unwrap_or_default();
    let longest = waits.echo.max(waits.opening.unwrap_or_default());
    if longest > LONGEST_WAIT {
        return Err(Fault::new(format!("an honest client had to wait for {longest:?}")));
    }
    if seen.growth > attack.memory << 10 {
        let grown = seen.growth / 1024;
        return Err(Fault::new(format!("{grown} MiB, over the limit of {} MiB", attack.memory)));
    }
    Ok(seen)
}

fn attack_server(
    server: &Process,
    port: u16,
    run: fn(&Arena<'_>) -> Result<Vec<Reaction>, Fault>,
) -> Result<(Vec<Reaction>, usize), Fault> {
    server.forget_peak()?;
    let (before, descriptors) = (server.memory()?.now, server.descriptors()?);
    let arena = Arena { port, server, before };
    let reactions = run(&arena)?;
    let growth = arena.server.memory()?.peak.saturating_sub(before);
    // Each connection is let go, a little later. The honest client may open one just now.
    arena.wait_until("its sockets are closed", || {
        Ok(arena.server.descriptors()? <= descriptors + 1)
    })?;
    Ok((reactions, growth))
}

impl Arena<'_> {
    /// Waits for an error of the server, by its name in the crate.
    pub(crate) fn error(&self, name: &str) -> Result<String, Fault> {
        self.server.line(|line| line.contains(name))
    }

    /// Returns by how much the memory has grown until now, in KiB.
    pub(crate) fn growth(&self) -> Result<usize, Fault> {
        Ok(self.server.memory()?.now.saturating_sub(self.before))
    }

    /// Returns the CPU time of the server until now.
    pub(crate) fn cpu(&self) -> Result<Duration, Fault> {
        self.server.cpu()
    }

    pub(crate) fn wait_until(
        &self,
        what: &str,
        mut is_so: impl FnMut() -> Result<bool, Fault>,
    ) -> Result<(), Fault> {
        let until = Instant::now() + PATIENCE;
        while !is_so()? {
            if Instant::now() > until {
                return Err(Fault::new(format!("it is not so that {what}")));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

/// Where clients come to a hostile server.
#[derive(Debug)]
pub(crate) struct Gate {
    listener: TcpListener,
    /// Of the client that grew most, in KiB.
    growth: std::cell::Cell<usize>,
}

/// A client's side of what happened.
#[derive(Debug)]
pub(crate) struct Report {
    /// What the server has seen.
    pub(crate) reaction: Option<Reaction>,
    /// The error of the client, for programs and for people; or that it was closed.
    pub(crate) text: String,
}

impl Gate {
    fn new() -> Result<Self, Fault> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        Ok(Self { listener, growth: std::cell::Cell::new(0) })
    }

    /// Has a client come, to which `host` does what it wants.
    pub(crate) fn client(
        &self,
        host: impl FnOnce(&mut Peer) -> Result<Option<Reaction>, Fault>,
    ) -> Result<Report, Fault> {
        let authority = self.authority()?;
        let client = Process::start(&["connect", &authority])?;
        let mut peer = Peer::new(self.listener.accept()?.0)?;
        let reaction = host(&mut peer)?;
        drop(peer);
        let text = client.line(|_| true)?;
        let growth: usize = client.line(|_| true)?.parse()?;
        self.growth.set(self.growth.get().max(growth));
        Ok(Report { reaction, text })
    }

    pub(crate) fn authority(&self) -> Result<String, Fault> {
        Ok(self.listener.local_addr()?.to_string())
    }

    /// Returns whether yet another connection has come.
    pub(crate) fn has_more(&self) -> Result<bool, Fault> {
        self.listener.set_nonblocking(true)?;
        let has_more = self.listener.accept().is_ok();
        self.listener.set_nonblocking(false)?;
        Ok(has_more)
    }
}
