//! What an echo over loopback TCP costs, and how fast it is: with many messages under way, with
//! one, as public benchmarks have it, and by a schedule.

use std::process::Command;

use super::size_text;
use crate::contestant::Row;
use crate::load::{Load, Outcome, QUANTILES};
use crate::process::Program;
use crate::rounds::{Effort, median};
use crate::table::{Beside, Table};

/// A window of messages is under way on each connection.
pub(super) fn echo(effort: &Effort) -> Vec<Table> {
    let window: fn(usize) -> usize = |size| match size {
        0..=0x400 => 64,
        0x401..0x10_0000 => 4,
        _ => 1,
    };
    let sizes = [16, 1 << 10, 64 << 10, 1 << 20];
    tables(&[1, 32, 256], &sizes, &[window], Program::asked("serve", effort), effort)
}

/// One message is under way on each connection.
pub(super) fn pingpong(effort: &Effort) -> Vec<Table> {
    let programs = Program::asked("serve", effort);
    tables(&[1, 4, 32, 100], &[16, 125, 1 << 10], &[|_| 1], programs, effort)
}

/// Small messages on many connections, alone and sixteen in a row, beside a loop over frames.
pub(super) fn arena(effort: &Effort) -> Vec<Table> {
    let mut programs = Program::asked("serve", effort);
    programs.retain(|program| !program.is_raw);
    tables(&[512, 4096], &[16], &[|_| 1, |_| 16], programs, effort)
}

fn tables(
    connections: &[usize],
    sizes: &[usize],
    windows: &[fn(usize) -> usize],
    programs: Vec<Program>,
    effort: &Effort,
) -> Vec<Table> {
    let rows: Vec<Row> = programs.iter().map(|program| program.row).collect();
    let connections = &connections[..if effort.is_quick { 1 } else { connections.len() }];
    let mut tables = Vec::new();
    for &connections in connections {
        let plural = if connections == 1 { "" } else { "s" };
        let table = |what: &str, unit| {
            Table::new(format!("{connections} connection{plural}: {what}"), unit)
        };
        let mut cpu = table("CPU time", "µs per message");
        cpu.is_plotted = true;
        let mut speed = table("throughput", "messages per second");
        speed.is_higher_better = true;
        let mut faults = table("page faults", "per message");
        let mut brks = table("calls of brk", "per message");
        for &size in effort.sizes(sizes, &sizes[..sizes.len().min(2)]) {
            for window in windows.iter().map(|window| window(size)) {
                let seconds = if effort.is_quick { 0.2 } else { 0.4 };
                let load = Load { connections, size, window, seconds, ..Load::default() };
                let rounds = if effort.is_quick { 1 } else { effort.rounds.div_ceil(3) };
                let outcomes = run(&programs, &load, rounds);
                let column = match windows {
                    [_] => size_text(size),
                    _ => format!("{}, {window} at once", size_text(size)),
                };
                let add = |table: &mut Table, beside, value: fn(&Outcome) -> f64| {
                    let of = |outcomes: &Vec<Outcome>| outcomes.iter().map(value).collect();
                    let values: Vec<_> = outcomes.iter().map(of).collect();
                    table.add(&column, &rows, &values, beside);
                };
                add(&mut cpu, Beside::Limit, |outcome| outcome.usage[0] * 1e6 / outcome.messages);
                add(&mut speed, Beside::Limit, |outcome| outcome.messages / outcome.seconds);
                add(&mut faults, Beside::Nothing, |outcome| outcome.usage[1] / outcome.messages);
                // With many connections it would take longer than all the rest.
                if connections <= 256 {
                    let traced = programs.iter().map(|program| traced(program, &load));
                    let traced: Vec<_> = traced.map(|count| count.into_iter().collect()).collect();
                    brks.add(&column, &rows, &traced, Beside::Nothing);
                }
            }
        }
        let measured = [cpu, speed, faults, brks].into_iter();
        tables.extend(measured.filter(|table| !table.rows.is_empty()).map(Table::print));
    }
    tables
}

/// Runs all servers in turns; returns what came of it in each round.
fn run(programs: &[Program], load: &Load, rounds: usize) -> Vec<Vec<Outcome>> {
    let mut outcomes = vec![Vec::new(); programs.len()];
    for _ in 0..rounds {
        for (outcomes, program) in outcomes.iter_mut().zip(programs) {
            outcomes.extend(program.run(&[], load));
        }
    }
    outcomes
}

/// Counts the calls of `brk` for each message, in a run that is not timed: strace writes a line for
/// each, and only these calls are stopped.
fn traced(program: &Program, load: &Load) -> Option<f64> {
    if !program.is_ours || Command::new("strace").arg("-V").output().is_err() {
        return None;
    }
    let file = std::env::temp_dir().join(format!("peers-brk-{}", std::process::id()));
    let path = file.display().to_string();
    let under = ["strace", "-f", "-qq", "--seccomp-bpf", "-e", "trace=brk", "-o", &path];
    let load = Load { seconds: 0.1, trace: Some(file.clone()), ..load.clone() };
    let outcome = program.run(&under, &load);
    let _ = std::fs::remove_file(file);
    outcome.map(|outcome| outcome.usage[2] / outcome.messages)
}

/// Messages are sent by a schedule, at half of the rate that a raw echo reaches when each reply
/// lets the next message go: the same rate for all.
pub(super) fn latency(effort: &Effort) -> Vec<Table> {
    let programs = Program::asked("serve", effort);
    let rows: Vec<Row> = programs.iter().map(|program| program.row).collect();
    let (rounds, seconds) = if effort.is_quick { (1, 0.5) } else { (5, 2.0) };
    let mut tables = Vec::new();
    for &size in effort.sizes(&[16, 1 << 10], &[16]) {
        let load = Load { connections: 100, size, window: 1, seconds: 0.4, ..Load::default() };
        let raw = programs.iter().position(|program| program.is_raw).expect("a raw echo");
        let speeds = run(&programs[raw..=raw], &load, 3).concat();
        let speeds = speeds.iter().map(|outcome| outcome.messages / outcome.seconds);
        let rate = median(&speeds.collect::<Vec<_>>()) / 2.0;
        let load = Load { rate: Some(rate), window: 16, seconds, ..load };
        let outcomes = run(&programs, &load, rounds);
        let title = format!("{}, 100 connections, {rate:.0} messages a second", size_text(size));
        let mut table = Table::new(title, "µs");
        for (index, quantile) in QUANTILES.iter().enumerate() {
            let of = |outcomes: &Vec<Outcome>| {
                outcomes.iter().map(|outcome| outcome.latencies[index]).collect()
            };
            let values: Vec<_> = outcomes.iter().map(of).collect();
            table.add(&format!("p{}", quantile * 100.0), &rows, &values, Beside::Limit);
        }
        tables.push(table.print());
    }
    tables
}
