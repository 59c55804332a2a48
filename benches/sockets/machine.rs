//! What the machine allows and what its kernel has spent; knows /proc, and nothing of the crate.

use std::fs;
use std::io;
use std::time::Duration;

use crate::process::Process;

/// CPU time that has been spent.
pub(crate) struct Cpu {
    ticks: u64,
}

/// Memory of the kernel: sockets, descriptors, page tables.
pub(crate) struct Kernel {
    pub(crate) bytes: f64,
}

impl Cpu {
    pub(crate) fn of(processes: &[Process]) -> io::Result<Self> {
        Ok(Self { ticks: processes.iter().map(Process::ticks).sum::<io::Result<u64>>()? })
    }

    /// All that is not idle, the interrupts in which the kernel delivers packets included.
    pub(crate) fn machine() -> io::Result<Self> {
        let text = fs::read_to_string("/proc/stat")?;
        let fields = text.lines().next().unwrap_or_default().split_whitespace().skip(1);
        let fields: Vec<u64> = fields.map(|field| field.parse().unwrap()).collect();
        // user, nice, system, idle, iowait, irq, softirq; guests are in the first two.
        Ok(Self { ticks: fields[0] + fields[1] + fields[2] + fields[5] + fields[6] })
    }

    pub(crate) fn since(&self, earlier: &Self) -> Duration {
        Duration::from_millis((self.ticks - earlier.ticks) * 1000 / TICKS)
    }
}

impl Kernel {
    pub(crate) fn now() -> io::Result<Self> {
        let text = fs::read_to_string("/proc/meminfo")?;
        let parts = ["Slab:", "KernelStack:", "PageTables:", "Percpu:"];
        Ok(Self { bytes: parts.iter().map(|part| kilobytes(&text, part)).sum::<f64>() * 1024.0 })
    }
}

/// Returns how many descriptors a process may have.
pub(crate) fn descriptors() -> io::Result<usize> {
    let text = fs::read_to_string("/proc/self/limits")?;
    let line = text.lines().find(|line| line.starts_with("Max open files")).unwrap_or_default();
    let soft = line.split_whitespace().nth(3).and_then(|limit| limit.parse().ok());
    // "unlimited": as many as a client has ports.
    Ok(soft.unwrap_or(PORTS).min(PORTS))
}

pub(crate) fn kilobytes(text: &str, name: &str) -> f64 {
    let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).unwrap()
}

/// `USER_HZ`, which is 100 wherever Linux runs.
const TICKS: u64 = 100;

/// Ports for connections to one address, by default 28,232.
const PORTS: usize = 28_000;
