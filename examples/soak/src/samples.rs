//! What is noted each second, and whether it grows; knows /proc, and no client.

use std::error::Error;
use std::fmt;
use std::fs;
use std::time::Duration;

use crate::SAMPLE;
use crate::clients::Crowd;

pub(crate) struct Samples {
    process: u32,
    all: Vec<Sample>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) seconds: f64,
    /// MiB of the server.
    pub(crate) memory: f64,
    /// Of the server.
    pub(crate) descriptors: f64,
    /// Milliseconds until a message had come back, at the median.
    pub(crate) latency: f64,
}

impl Samples {
    pub(crate) const fn new(process: u32) -> Self {
        Self { process, all: Vec::new() }
    }

    pub(crate) fn take(&mut self, at: Duration, crowd: &Crowd) -> Result<Sample, Box<dyn Error>> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
        let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
        let descriptors = fs::read_dir(format!("/proc/{}/fd", self.process))?.count();
        let round_trips = crowd.take_round_trips();
        // Nothing came back: it took longer than that.
        let median = round_trips.get(round_trips.len() / 2).copied().unwrap_or(SAMPLE);
        let sample = Sample {
            seconds: at.as_secs_f64(),
            memory: kilobytes / 1024.0,
            descriptors: descriptors as f64,
            latency: median.as_secs_f64() * 1e3,
        };
        self.all.push(sample);
        Ok(sample)
    }

    pub(crate) fn all(&self) -> &[Sample] {
        &self.all
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// Returns what was more in the last quarter of the time than in the second one, each by its
    /// median: the first is for what is allocated once.
    pub(crate) fn growth(&self) -> Vec<String> {
        let quarter = self.all.len() / 4;
        let median = |part: usize, of: Value| {
            let samples = self.all.iter().skip(part * quarter).take(quarter);
            let mut values: Vec<_> = samples.map(of).collect();
            values.sort_unstable_by(f64::total_cmp);
            values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
        };
        let grows = |(name, of, times, slack): (&str, Value, f64, f64)| {
            let (before, after) = (median(1, of), median(3, of));
            let is_sound = after <= before * times + slack;
            (!is_sound).then(|| format!("{name} has grown from {before:.1} to {after:.1}"))
        };
        let judged: [(&str, Value, f64, f64); JUDGED] = [
            // Allocators need some minutes until they have what they keep.
            ("memory of the server, in MiB,", |sample| sample.memory, 1.2, 2.0),
            ("the number of descriptors", |sample| sample.descriptors, 1.2, 20.0),
            // A machine may be busier later on.
            ("the latency, in ms,", |sample| sample.latency, 3.0, 2.0),
        ];
        judged.into_iter().filter_map(grows).collect()
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seconds, memory, descriptors, latency } = self;
        write!(
            f,
            "{seconds:6.0} s  {memory:6.1} MiB  {descriptors:4} descriptors  {latency:7.2} ms"
        )
    }
}

/// One of the values of a sample.
pub(crate) type Value = fn(&Sample) -> f64;

/// How many things must not grow.
pub(crate) const JUDGED: usize = 3;
