//! What an idle connection holds.

use core::time::Duration;
use std::thread::sleep;

use super::count_text;
use crate::effort::Effort;
use crate::load::{Driver, Load};
use crate::process::{Program, Server};
use crate::table::{Beside, Costs, Table};

pub(super) fn measure(effort: &Effort) -> Vec<Table> {
    let mut programs = Program::asked("serve-idle", effort);
    programs.retain(|program| program.row.class == "async");
    let mut heap = Table::new("Heap", "bytes per connection");
    let mut rss = Table::new("Resident memory", "bytes per connection");
    for &connections in effort.pick(&[1_000, 5_000][..], &[1_000]) {
        let idle = programs.iter().map(|program| {
            let (heap, resident) = idle(program, connections, effort);
            ((program.row.clone(), heap), (program.row.clone(), resident))
        });
        let (heaps, sizes): (Costs, Costs) = idle.unzip();
        let column = count_text(connections, "connection");
        heap.add(&column, &heaps, Beside::Limit);
        rss.add(&column, &sizes, Beside::Limit);
    }
    vec![heap.print(), rss.print()]
}

/// Returns bytes of heap, if the server counts them, and of resident memory.
fn idle(program: &Program, connections: usize, effort: &Effort) -> (Vec<f64>, Vec<f64>) {
    let mut server = program.start(None);
    let pause = || sleep(Duration::from_millis(effort.pick(1000, 200)));
    let hold = |connections, server: &Server| {
        let load = Load { connections, size: 64 << 10, window: 1, ..Load::default() };
        let clients = Driver::open(&load, server);
        pause();
        clients
    };
    // What the server and each of its threads needs once is there already, and what the first
    // connections had is gone.
    drop(hold(FIRST, &server));
    pause();
    let (heap_before, before) = (server.heap(), server.resident());
    let _clients = hold(connections, &server);
    let (heap_after, after) = (server.heap(), server.resident());
    let each = |before: f64, after: f64| (after - before) / connections as f64;
    let heap = heap_before.zip(heap_after).map(|(before, after)| each(before, after));
    (heap.into_iter().collect(), vec![each(before, after)])
}

/// So many that each thread of a server gets some.
const FIRST: usize = 64;
