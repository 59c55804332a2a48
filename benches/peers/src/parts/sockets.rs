//! What an echo over loopback TCP costs, and how fast it is: with many messages under way, with
//! one, as public benchmarks have it, and by a schedule.

use std::process::Command;

use super::{count_text, size_text};
use crate::contestant::Row;
use crate::effort::Effort;
use crate::load::{Load, Outcome, QUANTILES};
use crate::process::Program;
use crate::table::{Beside, Costs, Table, median};

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
    let mut tables = Vec::new();
    for &connections in effort.pick(connections, &connections[..1]) {
        let count = count_text(connections, "connection");
        let table = |what: &str, unit| Table::new(format!("{count}: {what}"), unit);
        let mut cpu = table("CPU time", "µs per message");
        cpu.is_plotted = true;
        let mut speed = table("throughput", "messages per second");
        speed.is_higher_better = true;
        let mut faults = table("page faults", "per message");
        let mut brks = table("calls of brk", "per message");
        for &size in effort.sizes(sizes, &sizes[..sizes.len().min(2)]) {
            for window in windows.iter().map(|window| window(size)) {
                let seconds = effort.pick(0.4, 0.2);
                let load = Load { connections, size, window, seconds, ..Load::default() };
                let outcomes = run(&programs, &load, effort.pick(effort.rounds().div_ceil(3), 1));
                let mut column = size_text(size);
                if windows.len() > 1 {
                    column += &format!(", {window} at once");
                }
                let add = |table: &mut Table, beside, value: fn(&Outcome) -> f64| {
                    table.add(&column, &costs(&outcomes, value), beside);
                };
                add(&mut cpu, Beside::Limit, |outcome| outcome.usage[0] * 1e6 / outcome.messages);
                add(&mut speed, Beside::Limit, |outcome| outcome.messages / outcome.seconds);
                add(&mut faults, Beside::Nothing, |outcome| outcome.usage[1] / outcome.messages);
                // With many connections it would take longer than all the rest.
                if connections <= 256 {
                    let traced = |program| traced(program, &load).into_iter().collect();
                    let traced =
                        programs.iter().map(|program| (program.row.clone(), traced(program)));
                    brks.add(&column, &traced.collect(), Beside::Nothing);
                }
            }
        }
        let measured = [cpu, speed, faults, brks].into_iter();
        tables.extend(measured.filter(|table| !table.cells.is_empty()).map(Table::print));
    }
    tables
}

/// Runs all servers in turns; returns what came of it in each round.
fn run(programs: &[Program], load: &Load, rounds: usize) -> Vec<(Row, Vec<Outcome>)> {
    let mut outcomes: Vec<_> =
        programs.iter().map(|program| (program.row.clone(), Vec::new())).collect();
    for _ in 0..rounds {
        for ((_, outcomes), program) in outcomes.iter_mut().zip(programs) {
            outcomes.extend(program.run(load, None));
        }
    }
    outcomes
}

fn costs(outcomes: &[(Row, Vec<Outcome>)], value: impl Fn(&Outcome) -> f64) -> Costs {
    outcomes.iter().map(|(row, of)| (row.clone(), of.iter().map(&value).collect())).collect()
}

/// Counts the calls of `brk` for each message, in a run that is not timed.
fn traced(program: &Program, load: &Load) -> Option<f64> {
    if !program.is_ours || Command::new("strace").arg("-V").output().is_err() {
        return None;
    }
    let file = std::env::temp_dir().join(format!("peers-brk-{}", std::process::id()));
    let outcome = program.run(&Load { seconds: 0.1, ..*load }, Some(&file));
    let _ = std::fs::remove_file(file);
    outcome.map(|outcome| outcome.usage[2] / outcome.messages)
}

/// Messages are sent by a schedule, at half of the rate that a raw echo reaches when each reply
/// lets the next message go: the same rate for all.
pub(super) fn latency(effort: &Effort) -> Vec<Table> {
    let programs = Program::asked("serve", effort);
    let mut tables = Vec::new();
    for &size in effort.sizes(&[16, 1 << 10], &[16]) {
        let load = Load { connections: 100, size, window: 1, seconds: 0.4, ..Load::default() };
        let raw = programs.iter().position(|program| program.is_raw).expect("a raw echo");
        let speeds = run(&programs[raw..=raw], &load, 3);
        let speeds = costs(&speeds, |outcome| outcome.messages / outcome.seconds);
        let rate = median(&speeds[0].1) / 2.0;
        let seconds = effort.pick(2.0, 0.5);
        let load = Load { rate: Some(rate), window: 16, seconds, ..load };
        let outcomes = run(&programs, &load, effort.pick(5, 1));
        let title = format!("{}, 100 connections, {rate:.0} messages a second", size_text(size));
        let mut table = Table::new(title, "µs");
        for (index, quantile) in QUANTILES.iter().enumerate() {
            let costs = costs(&outcomes, |outcome| outcome.latencies[index]);
            table.add(&format!("p{}", quantile * 100.0), &costs, Beside::Limit);
        }
        tables.push(table.print());
    }
    tables
}
