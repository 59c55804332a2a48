//! What an echo over loopback TCP costs, and how fast it is.

use core::time::Duration;
use std::thread::available_parallelism;

use crate::load::Load;
use crate::parts::{size_text, window};
use crate::peer::{Row, Tuning};
use crate::process::{Program, tick};
use crate::rounds::Effort;
use crate::table::{Better, Table};

pub(super) const ABOUT: &str = "A server echoes over loopback TCP, on a core of its own; the load \
comes from a process on another core, which keeps a window of messages under way on each connection \
(64 for up to 1 KiB, then 4, and 1 for 1 MiB). *CPU time* is what the kernel counts for the whole \
server process, system calls included, which are most of it; the limits are a raw TCP echo and a \
loop that parses, unmasks and answers whole frames and does nothing else. \
*gathered*: what is ready is answered before anything is flushed, where the crate makes that \
possible. Where CPU time is close to the time that passed, the server was the bottleneck.";

pub(super) fn measure(effort: &Effort) -> Vec<Table> {
    if available_parallelism().map_or(1, usize::from) < 2 {
        println!("!! one core only: echo is left out");
        return Vec::new();
    }
    let mut programs = Program::ours(Tuning::Speed);
    programs.extend(Program::outside());
    programs.retain(|program| effort.includes(&program.row));
    let rows: Vec<Row> = programs.iter().map(|program| program.row).collect();
    let mut tables = Vec::new();
    let connections: &[usize] = if effort.is_quick { &[1, 32] } else { &[1, 32, 256] };
    for &connections in connections {
        let title = match connections {
            1 => "1 connection".to_owned(),
            _ => format!("{connections} connections"),
        };
        let cpu_title = format!("{title}: CPU time");
        let mut cpu = Table::new(&cpu_title, "µs per message", Better::Lower);
        let speed_title = format!("{title}: throughput");
        let mut speed = Table::new(&speed_title, "messages per second", Better::Higher);
        cpu.is_plotted = true;
        for &size in effort.sizes(if effort.is_quick { &SIZES[..3] } else { &SIZES }) {
            let (costs, speeds) = rounds(&programs, connections, size, effort);
            cpu.add(&size_text(size), &rows, &costs);
            speed.add(&size_text(size), &rows, &speeds);
        }
        cpu.print();
        speed.print();
        tables.extend([cpu, speed]);
    }
    tables
}

/// Returns microseconds of CPU time per message and messages per second.
fn rounds(
    programs: &[Program],
    connections: usize,
    size: usize,
    effort: &Effort,
) -> (Vec<Vec<f64>>, Vec<Vec<f64>>) {
    let (count, time) = if effort.is_quick {
        (1, Duration::from_millis(200))
    } else {
        (effort.rounds.div_ceil(3), Duration::from_millis(400))
    };
    let mut costs = vec![Vec::new(); programs.len()];
    let mut speeds = vec![Vec::new(); programs.len()];
    let tick = tick();
    for _ in 0..count {
        for (index, program) in programs.iter().enumerate() {
            let (process, port) = program.start();
            let is_raw = program.is_raw;
            let (pid, window) = (process.pid(), window(size));
            let load = Load { port, pid, connections, size, window, time, is_raw };
            let Some(outcome) = load.start() else {
                println!("!! {} did not pass its check or broke off", program.row.name);
                continue;
            };
            costs[index].push(outcome.cpu_ticks as f64 * tick * 1e6 / outcome.messages.max(1.0));
            speeds[index].push(outcome.messages / outcome.seconds);
        }
    }
    (costs, speeds)
}

const SIZES: [usize; 4] = [16, 1 << 10, 64 << 10, 1 << 20];
