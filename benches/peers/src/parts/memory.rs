//! What an idle connection holds.

use core::time::Duration;
use std::thread::{available_parallelism, sleep};

use crate::load::Load;
use crate::peer::{Row, Tuning};
use crate::process::{Program, resident};
use crate::rounds::Effort;
use crate::table::{Better, Table};

pub(super) const ABOUT: &str = "Connections that have echoed one message of 64 KiB each and then \
are idle: what the server has on its heap for each (a counting allocator), and how much its \
resident memory has grown, which has the allocator's own overhead and what it does not give back. \
The kernel's socket buffers are not in it. The limit is a task that holds its socket and nothing \
else. Crates with settings for memory have those; see the README of the benches.";

pub(super) fn measure(effort: &Effort) -> Vec<Table> {
    if available_parallelism().map_or(1, usize::from) < 2 {
        println!("!! one core only: memory is left out");
        return Vec::new();
    }
    let mut programs = Program::ours(Tuning::Memory);
    programs.extend(Program::outside());
    programs.retain(|program| program.row.class == "async" && effort.includes(&program.row));
    let rows: Vec<Row> = programs.iter().map(|program| program.row).collect();
    let mut heap = Table::new("Heap", "bytes per connection", Better::Lower);
    let mut rss = Table::new("Resident memory", "bytes per connection", Better::Lower);
    heap.is_plotted = true;
    let counts: &[usize] = if effort.is_quick { &[100] } else { &[1_000, 5_000] };
    for &connections in counts {
        let (mut heaps, mut sizes) = (Vec::new(), Vec::new());
        for program in &programs {
            let (in_heap, size) = idle(program, connections, effort);
            heaps.push(in_heap.into_iter().collect());
            sizes.push(vec![size]);
        }
        let column = format!("{connections} connections");
        heap.add(&column, &rows, &heaps);
        rss.add(&column, &rows, &sizes);
    }
    heap.print();
    rss.print();
    vec![heap, rss]
}

/// Returns bytes of heap, if the server counts them, and of resident memory.
fn idle(program: &Program, connections: usize, effort: &Effort) -> (Option<f64>, f64) {
    let (mut server, port) = program.start();
    let load = Load {
        port,
        pid: server.pid(),
        connections,
        size: 64 << 10,
        window: 1,
        time: Duration::ZERO,
        is_raw: program.is_raw,
    };
    let mut heap = || server.ask().parse::<f64>().ok();
    // What the server needs once is there already.
    drop(Load { connections: 1, ..load }.start_idle());
    settle(effort);
    let (heap_before, before) = (heap(), resident(load.pid));
    let _clients = load.start_idle();
    settle(effort);
    let grown = resident(load.pid).saturating_sub(before);
    let count = connections as f64;
    let in_heap = heap().zip(heap_before).map(|(after, before)| (after - before) / count);
    (in_heap, grown as f64 / count)
}

fn settle(effort: &Effort) {
    sleep(Duration::from_millis(if effort.is_quick { 200 } else { 1000 }));
}
