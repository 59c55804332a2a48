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

    /// Compares the last quarter of the time with the second one, each by its median: the first is
    /// for what is allocated once.
    pub(crate) fn judge(&self) -> [Verdict; 3] {
        let quarter = self.all.len() / 4;
        let median = |part: usize, of: Value| {
            let samples = self.all.iter().skip(part * quarter).take(quarter);
            let mut values: Vec<_> = samples.map(of).collect();
            values.sort_unstable_by(f64::total_cmp);
            values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
        };
        let judged: [(&str, Value, f64, f64); 3] = [
            // Allocators need some minutes until they have what they keep.
            ("MiB of the server", |sample| sample.memory, 1.2, 2.0),
            ("descriptors of the server", |sample| sample.descriptors, 1.2, 20.0),
            // A machine may be busier later on.
            ("ms until a message came back", |sample| sample.latency, 3.0, 2.0),
        ];
        judged.map(|(what, of, times, slack)| {
            let (before, after) = (median(1, of), median(3, of));
            let most = before * times + slack;
            let text = format!(
                "{what}: {after:.1} in the last quarter, {before:.1} in the second, {most:.1} at most"
            );
            Verdict { text, is_sound: after <= most }
        })
    }
}

/// Whether something has not grown, and the text that says so.
pub(crate) struct Verdict {
    pub(crate) text: String,
    pub(crate) is_sound: bool,
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
