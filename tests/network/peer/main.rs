//! A server and a client whose deadlines can be set, and that say what becomes of their
//! connections: what `.ci/network` puts through its paces.
//!
//! ```text
//! network_peer serve ADDRESS [OPTION VALUE]...
//! network_peer connect URL [OPTION VALUE]...
//! ```
//!
//! The server sends text back, and `pong` to `ping`; it shows a browser a page with
//! examples/heartbeat.js. The client only receives, asks for an echo in the end and closes. The
//! options are those of `Settings::set`. A line of the output is the Unix time in milliseconds, the
//! number of the connection and what happened to it.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::wildcard_enum_match_arm,
    reason = "a test peer is an application"
)]

mod blocking;
mod smol;
mod tokio;

use std::fmt;
use std::io::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use sanswire::handshake::{
    Acceptance, ClientRequest, HandshakeError, HeadLimits, Request, Response,
};
use sanswire::io::Connector;
use sanswire::{Commands, Config, Error, Event, Message, Refused};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<(), Box<dyn std::error::Error>> {
    let [role, place, options @ ..] = arguments else {
        return Err("usage: network_peer serve|connect PLACE [OPTION VALUE]...".into());
    };
    let settings = Settings::parse(options)?;
    match (role.as_str(), settings.adapter) {
        ("serve", Adapter::Blocking) => blocking::serve(place, settings),
        ("serve", Adapter::FuturesIo) => Err("there is no server on futures-io here".into()),
        ("serve", Adapter::Tokio) => tokio::serve(place, settings),
        ("connect", Adapter::Blocking) => {
            report(0, blocking::connect(place, &settings));
            Ok(())
        }
        ("connect", Adapter::FuturesIo) => {
            report(0, smol::connect(place, &settings));
            Ok(())
        }
        ("connect", Adapter::Tokio) => {
            report(0, tokio::connect(place, &settings));
            Ok(())
        }
        _ => Err(format!("{role} is neither serve nor connect").into()),
    }
}

/// What the command line says.
#[derive(Clone)]
struct Settings {
    adapter: Adapter,
    config: Config,
    /// What a client does not look up.
    addresses: Vec<SocketAddr>,
    head: HeadLimits,
    flood: usize,
    flood_by: FloodBy,
    stay: Duration,
}

#[derive(Clone, Copy)]
enum Adapter {
    Blocking,
    FuturesIo,
    Tokio,
}

/// How a server sends what nobody asked for.
#[derive(Clone, Copy)]
enum FloodBy {
    Feed,
    Send,
}

impl Settings {
    fn parse(options: &[String]) -> Result<Self, Box<dyn std::error::Error>> {
        let mut settings = Self {
            adapter: Adapter::Tokio,
            config: Config::default(),
            addresses: Vec::new(),
            head: HeadLimits::default(),
            flood: 0,
            flood_by: FloodBy::Send,
            stay: Duration::from_secs(3600),
        };
        for option in options.chunks(2) {
            let [name, value] = option else { return Err("an option without a value".into()) };
            settings.set(name, value).map_err(|error| format!("{name} {value}: {error}"))?;
        }
        Ok(settings)
    }

    /// Times are in milliseconds, and 0 is none.
    fn set(&mut self, name: &str, value: &str) -> Result<(), Box<dyn std::error::Error>> {
        match (name, value) {
            ("--adapter", "blocking") => self.adapter = Adapter::Blocking,
            ("--adapter", "futures-io") => self.adapter = Adapter::FuturesIo,
            ("--adapter", "tokio") => self.adapter = Adapter::Tokio,
            // How many bytes are sent on each new connection.
            ("--flood", bytes) => self.flood = bytes.parse()?,
            ("--flood-by", "feed") => self.flood_by = FloodBy::Feed,
            ("--flood-by", "send") => self.flood_by = FloodBy::Send,
            // To which addresses a client connects, whatever the host of the URL is.
            ("--addresses", list) => {
                let parsed: Result<_, _> = list.split(',').map(str::parse).collect();
                self.addresses = parsed?;
            }
            (_, time) => {
                let time = Duration::from_millis(time.parse()?);
                let limit = Some(time).filter(|time| !time.is_zero());
                match name {
                    "--handshake" => self.head.timeout = limit,
                    "--hold" => self.config.hold_timeout = limit,
                    "--message" => self.config.message_timeout = limit,
                    "--ping" => self.config.ping_interval = limit,
                    "--pong" => self.config.pong_timeout = limit,
                    // When a client asks for an echo.
                    "--stay" => self.stay = time,
                    "--write" => self.config.write_timeout = limit,
                    _ => return Err("no such option".into()),
                }
            }
        }
        Ok(())
    }

    /// How a client gets to the server of `request`.
    fn connector(&self, request: &ClientRequest) -> Connector {
        let connector = Connector::new();
        if self.addresses.is_empty() {
            return connector;
        }
        connector.resolve(request.host(), request.port(), self.addresses.iter().copied())
    }

    /// Messages of [`Settings::flood`] bytes in all, none of which is made before it is sent.
    fn messages(&self) -> impl Iterator<Item = Message> + use<> {
        (0..self.flood / MESSAGE_SIZE).map(|_| Message::from(vec![1; MESSAGE_SIZE]))
    }
}

/// What a server makes of an event.
fn react(number: u64, event: &Event<'_>, commands: &mut Commands<'_>) -> Result<(), Refused> {
    match event {
        Event::Closed(closed) => say(number, format_args!("closed {}", closed.code.as_u16())),
        Event::Pong(_) => {
            if let Some(time) = commands.round_trip_time() {
                say(number, format_args!("rtt {}", time.as_micros()));
            }
        }
        Event::Text(text) if &**text == "ping" => return commands.send("pong"),
        Event::Text(text) => return commands.send(text),
        _ => {}
    }
    Ok(())
}

/// Accepts WebSockets, and serves the page.
fn decide(request: &Request) -> Result<Acceptance, Response> {
    if request.headers().get("Upgrade").is_some() {
        return Ok(Acceptance::new());
    }
    let found = match request.path() {
        "/" => Some(("text/html", "<!doctype html><title>heartbeat</title>")),
        "/heartbeat.js" => {
            Some(("text/javascript", include_str!("../../../examples/heartbeat.js")))
        }
        _ => None,
    };
    let response = match found {
        Some((kind, body)) => Response::new(200).body(body).header("Content-Type", kind),
        None => Ok(Response::new(404)),
    };
    Err(response.unwrap_or_else(|error: HandshakeError| Response::from(&error)))
}

/// Says how a connection ended, unless by a Close frame.
fn report(number: u64, ended: Result<(), Error>) {
    if let Err(error) = ended {
        say(number, format_args!("failed {}", describe(&error)));
    }
}

fn describe(error: &Error) -> String {
    match error {
        Error::Connection(error) => format!("{error:?}"),
        Error::Handshake { error, .. } => format!("handshake with {}", error.status()),
        Error::Io(error) => format!("Io({:?})", error.kind()),
        Error::Timeout(timeout) => format!("{timeout:?}"),
        error => error.to_string(),
    }
}

fn say(number: u64, what: fmt::Arguments<'_>) {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let mut stdout = std::io::stdout().lock();
    // Whoever does not listen any more misses nothing.
    let _ = writeln!(stdout, "{} {number} {what}", now.as_millis());
}

/// The size of the messages of a flood.
const MESSAGE_SIZE: usize = 64 << 10;

/// What a client wants to have sent back.
const ASK: &str = "are you there?";
