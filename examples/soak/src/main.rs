//! Connections of all kinds that come and go, for as long as is asked: memory, descriptors and
//! latency of the server are noted, drawn, and must not grow.
//!
//! ```text
//! cargo run --release -p soak -- [SECONDS [CLIENTS [FILE]]]
//! ```
//!
//! SECONDS is 60 by default, CLIENTS 100: so many are there at a time. FILE, `target/soak.svg` by
//! default, is the picture. The server is a process of its own. It fails when anything grows, or a
//! client sees what it should not.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    reason = "an example is an application"
)]

mod clients;
mod picture;
mod samples;
mod server;

use std::error::Error;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use clients::{Crowd, Place};
use samples::{Samples, Verdict};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse().map_err(|_| format!("{text} is not a whole number"));
    match arguments[..] {
        ["server", certificate, key] => server::run(certificate, key).await,
        [] => soak(60, 100, DEFAULT_FILE).await,
        [seconds] => soak(number(seconds)?, 100, DEFAULT_FILE).await,
        [seconds, clients] => soak(number(seconds)?, number(clients)?, DEFAULT_FILE).await,
        [seconds, clients, file] => soak(number(seconds)?, number(clients)?, file).await,
        _ => Err("usage: soak [SECONDS [CLIENTS [FILE]]]".into()),
    }
}

async fn soak(seconds: u64, clients: u64, file: &str) -> Result<(), Box<dyn Error>> {
    if seconds < LEAST_SECONDS {
        return Err(format!("{LEAST_SECONDS} seconds at least: quarters are compared").into());
    }
    let mut server = Server::start()?;
    let crowd = Crowd::new(server.place.clone());
    let begun = Instant::now();
    let mut samples = Samples::new(server.process.id());
    let end = begun + Duration::from_secs(seconds);
    let crowding = tokio::spawn(crowd.clone().run(clients, end));
    while Instant::now() < end {
        tokio::time::sleep(SAMPLE).await;
        let sample = samples.take(begun.elapsed(), &crowd)?;
        if samples.len() % TOLD_EACH == 1 {
            println!("{sample}");
        }
    }
    crowding.await?;
    if let Some(parent) = Path::new(file).parent() {
        fs::create_dir_all(parent)?;
    }
    picture::draw(&samples, file)?;
    println!("{} connections, {} messages; see {file}", crowd.connections(), crowd.messages());
    println!("{}", crowd.kinds());
    server.process.kill()?;
    server.process.wait()?;
    let faults = crowd.faults();
    faults.iter().for_each(|fault| println!("{fault}"));
    let text = format!("what the clients saw: {} things that must not be", faults.len());
    let seen = Verdict { text, is_sound: faults.is_empty() };
    let verdicts: Vec<_> = samples.judge().into_iter().chain([seen]).collect();
    for Verdict { text, is_sound } in &verdicts {
        println!("{text}: {}", if *is_sound { "passed" } else { "failed" });
    }
    let passed = verdicts.iter().filter(|verdict| verdict.is_sound).count();
    let failed = verdicts.len() - passed;
    println!("soak: {passed} passed, {failed} failed");
    if failed == 0 { Ok(()) } else { Err("it does not last".into()) }
}

/// A server in a process of its own.
struct Server {
    process: Child,
    place: Place,
}

impl Server {
    fn start() -> Result<Self, Box<dyn Error>> {
        let names = ["localhost", "127.0.0.1"].map(str::to_owned);
        let made = rcgen::generate_simple_self_signed(names)?;
        let directory = std::env::temp_dir().join(format!("soak-{}", std::process::id()));
        fs::create_dir_all(&directory)?;
        let paths = ["certificate.pem", "key.pem"].map(|name| directory.join(name));
        let pems = [made.cert.pem(), made.signing_key.serialize_pem()];
        for (path, pem) in paths.iter().zip(&pems) {
            fs::File::create(path)?.write_all(pem.as_bytes())?;
        }
        let mut process = Command::new(std::env::current_exe()?)
            .arg("server")
            .args(&paths)
            .stdout(Stdio::piped())
            .spawn()?;
        let mut lines = BufReader::new(process.stdout.take().ok_or("no output")?).lines();
        let mut next = || lines.next().unwrap_or(Ok(String::new()));
        let addresses = [next()?.parse()?, next()?.parse()?, next()?.parse()?];
        fs::remove_dir_all(directory)?;
        let [certificate, _] = pems;
        Ok(Self { process, place: Place::new(addresses, &certificate)? })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

const DEFAULT_FILE: &str = "target/soak.svg";
/// Two samples for each quarter.
const LEAST_SECONDS: u64 = 12;
const SAMPLE: Duration = Duration::from_secs(1);
/// How many samples are taken for each that is printed.
const TOLD_EACH: usize = 10;
