//! What an idle connection holds.

use core::time::Duration;
use std::thread::sleep;

use crate::contestant::Row;
use crate::load::Load;
use crate::process::{Program, resident};
use crate::rounds::Effort;
use crate::table::{Beside, Table};

pub(super) fn measure(effort: &Effort) -> Vec<Table> {
    let mut programs = Program::asked("serve-idle", effort);
    programs.retain(|program| program.row.class == "async");
    let rows: Vec<Row> = programs.iter().map(|program| program.row).collect();
    let mut heap = Table::new("Heap", "bytes per connection");
    let mut rss = Table::new("Resident memory", "bytes per connection");
    let counts: &[usize] = if effort.is_quick { &[1_000] } else { &[1_000, 5_000] };
    for &connections in counts {
        let idle = programs.iter().map(|program| idle(program, connections, effort));
        let (heaps, sizes): (Vec<_>, Vec<_>) = idle.unzip();
        let column = format!("{connections} connections");
        heap.add(&column, &rows, &heaps, Beside::Limit);
        rss.add(&column, &rows, &sizes, Beside::Limit);
    }
    vec![heap.print(), rss.print()]
}

/// Returns bytes of heap, if the server counts them, and of resident memory.
fn idle(program: &Program, connections: usize, effort: &Effort) -> (Vec<f64>, Vec<f64>) {
    let (mut server, port) = program.start(&[]);
    let size = 64 << 10;
    let load = Load { connections, size, window: 1, ..Load::default() };
    let load = program.load(&server, port, &load);
    let hold = |load: &Load| {
        let mut process = load.process("hold");
        assert_eq!(process.line(), "idle");
        sleep(Duration::from_millis(if effort.is_quick { 200 } else { 1000 }));
        process
    };
    let mut now = || (server.ask().parse::<f64>().ok(), resident(load.pid));
    // What the server needs once is there already.
    drop(hold(&Load { connections: 1, ..load.clone() }));
    let (heap_before, before) = now();
    let _clients = hold(&load);
    let (heap_after, after) = now();
    let each = |before: f64, after: f64| (after - before) / connections as f64;
    let heap = heap_before.zip(heap_after).map(|(before, after)| each(before, after));
    (heap.into_iter().collect(), vec![each(before, after)])
}
