//! Measures the live prices: thousands of receivers of one server, beside a server that writes the
//! same bytes to plain TCP sockets. Knows nothing of the chat.

use std::error::Error;
use std::fmt;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sanswire::handshake::ClientRequest;
use sanswire::io::tokio::{NetStream, WebSocket};
use sanswire::{Closed, Config, Connection, Event, Prepared};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::prices;

/// Measures both servers, each in a process of its own, and prints what came of it.
pub(crate) fn run(receivers: usize) -> Result<(), Box<dyn Error>> {
    // The receivers share one thread, which looks for new bytes every few milliseconds and not for
    // each message: as where they come through a network, the server need not wake it for each.
    let runtime = Builder::new_current_thread()
        .enable_all()
        .event_interval(u32::MAX)
        .max_io_events_per_tick(16_384)
        .on_thread_park(|| thread::sleep(NAP))
        .build()?;
    println!(
        "{receivers} receivers, {TICKS} ticks, one each 100 ms. Latencies are from the time in the"
    );
    println!("tick to the receiver's read, of the worst tick. CPU and memory are the server's.");
    println!(
        "{:>26}{:>10}{:>10}{:>10}{:>12}{:>14}",
        "median", "99 %", "skipped", "CPU", "memory", "a receiver"
    );
    let data = std::env::temp_dir().join(format!("chat-bench-{}", std::process::id()));
    let data = data.to_str().ok_or("the temporary directory has a name that is not UTF-8")?;
    let chat = ["--listen", "127.0.0.1:0", "--data", data];
    let mut is_fast = true;
    for (name, options) in [("sanswire, axum", &chat[..]), ("plain TCP", &["--bench-raw"])] {
        let mut server = Server::start(options)?;
        let measured = runtime.block_on(measure(&server, receivers));
        server.process.kill()?;
        server.process.wait()?;
        let measured = measured?;
        println!("{name:16}{measured}");
        is_fast &= name == "plain TCP" || (measured.median <= 250 && measured.slowest <= 1000);
    }
    std::fs::remove_dir_all(data)?;
    if is_fast { Ok(()) } else { Err("slower than 250 ms at the median, or 1 s at 99 %".into()) }
}

/// Writes each tick to all who connect, as the frames of a WebSocket.
#[tokio::main]
pub(crate) async fn serve_raw() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on tcp://{}", listener.local_addr()?);
    let newest = prices::begin();
    loop {
        let (mut stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let mut newest = newest.clone();
        tokio::spawn(async move {
            let mut told = None;
            while newest.changed().await.is_ok() {
                let (missed, prices) = newest.borrow_and_update().since(&mut told);
                let frames: Vec<_> = missed.iter().chain([&prices]).flat_map(frame).collect();
                if stream.write_all(&frames).await.is_err() {
                    return;
                }
            }
        });
    }
}

/// A server in a process of its own.
struct Server {
    process: Child,
    address: Address,
}

/// Where a server listens.
#[derive(Clone, Copy)]
struct Address {
    tcp: SocketAddr,
    is_raw: bool,
}

impl Server {
    fn start(options: &[&str]) -> Result<Self, Box<dyn Error>> {
        let mut command = Command::new(std::env::current_exe()?);
        let mut process = command.args(options).stdout(Stdio::piped()).spawn()?;
        let stdout = process.stdout.take().ok_or("the server has no output")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let (kind, address) = line.trim().split_once("://").ok_or("the server does not start")?;
        let address = Address { tcp: address.parse()?, is_raw: kind.ends_with("tcp") };
        Ok(Self { process, address })
    }

    /// Returns how much processor time it has had.
    fn cpu(&self) -> Result<Duration, Box<dyn Error>> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id()))?;
        // Fields 14 and 15, counted from the one behind the name, which is the third.
        let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ').skip(11).take(2);
        let ticks = fields.map(str::parse::<u64>).sum::<Result<u64, _>>()?;
        Ok(Duration::from_millis(ticks * 10))
    }

    /// Returns how many KiB of memory it has.
    fn memory(&self) -> Result<u64, Box<dyn Error>> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        Ok(line.ok_or("no VmRSS")?.trim().trim_end_matches(" kB").parse()?)
    }
}

impl Address {
    /// Opens a connection that receives ticks.
    async fn connect(self) -> Result<WebSocket<NetStream>, sanswire::Error> {
        let config = Config::default();
        if self.is_raw {
            let stream = TcpStream::connect(self.tcp).await?;
            return Ok(WebSocket::from_driver(stream.into(), Connection::client(&config, [0; 32])));
        }
        let request = ClientRequest::from_url(&format!("ws://{}/prices/live", self.tcp))?;
        WebSocket::connect_with(&request, &config).await
    }
}

/// What all receivers have seen.
struct Seen {
    /// The newest tick.
    newest: AtomicU64,
    /// The first tick that counts; `u64::MAX` while none does.
    first: AtomicU64,
    /// For each tick, how many receivers got it after so many hundredths of a second.
    latencies: Vec<[AtomicU32; SLOTS]>,
}

struct Measured {
    /// Milliseconds, in the worst tick.
    median: u64,
    /// Of the fastest 99 %.
    slowest: u64,
    /// The share of messages that were left out.
    skipped: f64,
    cpu: f64,
    /// KiB
    memory: u64,
    receivers: usize,
}

async fn measure(server: &Server, receivers: usize) -> Result<Measured, Box<dyn Error>> {
    let slots = || std::array::from_fn(|_| AtomicU32::new(0));
    let latencies = (0..TICKS).map(|_| slots()).collect();
    let [newest, first] = [AtomicU64::new(0), AtomicU64::new(u64::MAX)];
    let seen = Arc::new(Seen { newest, first, latencies });
    let mut tasks = JoinSet::new();
    let mut connecting = JoinSet::new();
    for number in 0..receivers + CONNECTING {
        if number >= CONNECTING
            && let Some(socket) = connecting.join_next().await
        {
            tasks.spawn(receive(socket??, Arc::clone(&seen)));
        }
        if number < receivers {
            connecting.spawn(server.address.connect());
        }
    }
    // The first seconds are for those who have just come.
    sleep(Duration::from_secs(3)).await;
    let first = seen.newest.load(Ordering::Relaxed) + 10;
    seen.first.store(first, Ordering::Relaxed);
    let before = (server.cpu()?, now());
    while seen.newest.load(Ordering::Relaxed) < first + TICKS as u64 {
        sleep(Duration::from_millis(100)).await;
    }
    let (cpu, time) = (server.cpu()? - before.0, Duration::from_millis(now() - before.1));
    let memory = server.memory()?;
    // Who is late, is still counted.
    sleep(Duration::from_secs(2)).await;
    if let Some(ended) = tasks.try_join_next() {
        let why = "this machine is too slow or too busy";
        return Err(format!("a receiver has lost its connection ({:?}): {why}", ended?).into());
    }
    tasks.shutdown().await;
    Ok(Measured {
        median: seen.latencies.iter().map(|tick| quantile(tick, receivers, 50)).max().unwrap_or(0),
        slowest: seen.latencies.iter().map(|tick| quantile(tick, receivers, 99)).max().unwrap_or(0),
        skipped: seen.skipped(receivers),
        cpu: cpu.as_secs_f64() / time.as_secs_f64(),
        memory,
        receivers,
    })
}

/// Receives ticks to the end of a connection.
async fn receive(
    mut socket: WebSocket<NetStream>,
    seen: Arc<Seen>,
) -> Result<Option<Closed>, sanswire::Error> {
    loop {
        let received = socket.recv_with(|event, _| match event {
            Event::Text(text) => parse(&text),
            _ => None,
        });
        let Some(received) = received.await? else { return Ok(socket.closed()) };
        if let Some((at, tick)) = received {
            seen.note(at, tick);
        }
    }
}

impl Seen {
    fn note(&self, at: u64, tick: u64) {
        self.newest.fetch_max(tick, Ordering::Relaxed);
        let number = tick.checked_sub(self.first.load(Ordering::Relaxed));
        let slots = number.and_then(|number| self.latencies.get(usize::try_from(number).ok()?));
        let slot = usize::try_from(now().saturating_sub(at) / SLOT_MILLIS).unwrap_or(SLOTS);
        if let Some(slots) = slots {
            slots[slot.min(SLOTS - 1)].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Returns the share of messages that did not come.
    fn skipped(&self, receivers: usize) -> f64 {
        let came = self.latencies.iter().flatten().map(|slot| slot.load(Ordering::Relaxed));
        1.0 - came.map(f64::from).sum::<f64>() / (receivers * TICKS) as f64
    }
}

/// Returns after how many milliseconds so many of a hundred receivers had a tick.
fn quantile(slots: &[AtomicU32; SLOTS], receivers: usize, percent: usize) -> u64 {
    let mut came = 0;
    for (slot, millis) in slots.iter().zip((SLOT_MILLIS..).step_by(10)) {
        came += slot.load(Ordering::Relaxed) as usize;
        if came * 100 >= receivers * percent {
            return millis;
        }
    }
    u64::MAX
}

/// Returns the time and the number of a tick, which stand first in it.
fn parse(text: &str) -> Option<(u64, u64)> {
    let (at, rest) = text.strip_prefix("{\"at\":")?.split_once(',')?;
    let (tick, _) = rest.strip_prefix("\"tick\":")?.split_once(',')?;
    Some((at.parse().ok()?, tick.parse().ok()?))
}

/// Returns a message as a server frames it: text, whole, of fewer than 65,536 bytes.
fn frame(message: &Prepared) -> Vec<u8> {
    let payload = message.as_bytes();
    let len = u16::try_from(payload.len()).unwrap_or(u16::MAX).to_be_bytes();
    let mut bytes = vec![0x81];
    match payload.len() {
        0..126 => bytes.push(len[1]),
        _ => bytes.extend([126, len[0], len[1]]),
    }
    bytes.extend(payload);
    bytes
}

fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = |millis: u64| match millis {
            u64::MAX => "never".to_owned(),
            _ => format!("{millis} ms"),
        };
        let Self { median, slowest, skipped, cpu, memory, receivers } = self;
        write!(f, "{:>10}{:>10}", millis(*median), millis(*slowest))?;
        write!(f, "{:>9.2}%{:>9.0}%{:>8} MiB", skipped * 100.0, cpu * 100.0, memory >> 10)?;
        write!(f, "{:>10.1} KiB", *memory as f64 / *receivers as f64)
    }
}

/// How many connections are opened at once.
const CONNECTING: usize = 100;
/// Between two looks of the receivers.
const NAP: Duration = Duration::from_millis(5);
/// How many ticks are measured.
const TICKS: usize = 100;
/// What latencies are told apart, up to two seconds. Later ones count as two.
const SLOTS: usize = 200;
const SLOT_MILLIS: u64 = 10;
