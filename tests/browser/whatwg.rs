//! Plays the scenarios of a file as a page would, and prints what a page would see.
//!
//! ```text
//! cargo run -p test-peers --bin whatwg -- SERVER CLOSED_PORT FILE
//! ```
//!
//! `tests/browser/whatwg.txt` says what may be in the file, `tests/browser/whatwg.mjs` is the
//! server and compares this with a browser.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::std_instead_of_core,
    clippy::wildcard_enum_match_arm,
    reason = "a test peer is an application"
)]

use std::error::Error;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use bytes::Buf;
use sanswire::extension::Extension;
use sanswire::handshake::ClientRequest;
use sanswire::whatwg::{DomEvent, DomException, WebSocketObject};
use sanswire::{Config, Message, ReadyState};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [server, closed, file] = arguments.as_slice() else {
        return Err("usage: whatwg SERVER CLOSED_PORT FILE".into());
    };
    let scenarios = std::fs::read_to_string(file)?;
    for (index, scenario) in scenarios.split("\n== ").skip(1).enumerate() {
        let mut lines = scenario.lines().filter(|line| !line.is_empty());
        println!("== {}", lines.next().unwrap_or_default());
        let mut page = Page::default();
        for step in lines.filter(|line| !line.starts_with("server ")) {
            let url = format!("ws://{server}/core/{index}");
            page.step(step, &url, closed)?;
        }
        page.pump(None, PAUSE)?;
    }
    Ok(())
}

/// A page with one socket.
#[derive(Default)]
struct Page {
    socket: Option<WebSocketObject>,
    transport: Transport,
    /// The names of the events that fired and were not waited for.
    fired: Vec<&'static str>,
}

#[derive(Default)]
enum Transport {
    #[default]
    None,
    To(String),
    Tcp(TcpStream),
}

impl Page {
    fn step(&mut self, step: &str, url: &str, closed: &str) -> Result<(), Box<dyn Error>> {
        let expanded = expand(step);
        let (verb, rest) = expanded.split_once(' ').unwrap_or((&expanded, ""));
        let mut result = String::new();
        match (verb, &mut self.socket) {
            ("new", _) => {
                let rest = rest.replace("$closed", closed);
                let mut words = rest.split(' ');
                let given = words.next().filter(|word| *word != "/");
                // Whatever it is refused for, a page sees this.
                if self.open(given.unwrap_or(url), words).is_err() {
                    println!("{step} -> SyntaxError");
                    return Ok(());
                }
                if let (Some(_), Some(socket)) = (given, &self.socket) {
                    result = format!(" {},", socket.url());
                }
            }
            ("send", Some(socket)) => result = thrown(socket.send(rest)),
            ("send-bytes", Some(socket)) => result = thrown(socket.send(vec![0; rest.parse()?])),
            ("close", Some(socket)) => {
                let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
                let code = (!matches!(code, "" | "-")).then(|| clamp(code));
                let reason = rest.contains(' ').then_some(reason);
                result = thrown(socket.close(code, reason));
            }
            ("wait", Some(_)) => self.pump(Some(rest), PATIENCE)?,
            ("pause", Some(_)) => self.pump(None, PAUSE)?,
            _ => return Err(format!("no such step here: {step}").into()),
        }
        let Some(socket) = &self.socket else { return Ok(()) };
        let (state, buffered) = (socket.ready_state() as u8, socket.buffered_amount());
        println!("{step} ->{result} state {state}, buffered {buffered}");
        Ok(())
    }

    fn open<'a>(
        &mut self,
        url: &str,
        protocols: impl Iterator<Item = &'a str>,
    ) -> Result<(), Box<dyn Error>> {
        // As a browser does. In the scenarios a server accepts it and compresses nothing.
        let deflate = Extension::new("permessage-deflate")?;
        let mut request = ClientRequest::from_url(url)?.extension(deflate);
        for protocol in protocols {
            request = request.subprotocol(protocol)?;
        }
        // Good enough to talk to oneself; everybody else takes the operating system's entropy.
        let (nonce, seed) = ([7; 16], [7; 32]);
        self.socket = Some(WebSocketObject::new(&request, &Config::default(), nonce, seed));
        self.transport = Transport::To(format!("{}:{}", request.host(), request.port()));
        Ok(())
    }

    /// Drives the socket until an event fires, or for a while.
    fn pump(&mut self, until: Option<&str>, limit: Duration) -> Result<(), Box<dyn Error>> {
        let end = Instant::now() + limit;
        let Some(socket) = &mut self.socket else { return Ok(()) };
        loop {
            if let Some(wanted) = until
                && let Some(position) = self.fired.iter().position(|name| *name == wanted)
            {
                self.fired.drain(..=position);
                return Ok(());
            }
            if let Some(event) = socket.poll_event() {
                self.fired.push(print(&event, socket));
                continue;
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return until.map_or(Ok(()), |event| Err(format!("no {event}").into()));
            }
            if let Transport::To(address) = &self.transport {
                match TcpStream::connect(address) {
                    Ok(stream) => self.transport = Transport::Tcp(stream),
                    Err(_) => {
                        socket.handle_not_connected();
                        self.transport = Transport::None;
                    }
                }
                continue;
            }
            let Transport::Tcp(stream) = &mut self.transport else {
                std::thread::sleep(left.min(PAUSE));
                continue;
            };
            if let Some(output) = socket.poll_transmit() {
                // A peer that is gone is found out by reading.
                let len = stream.write(output.chunk()).unwrap_or(output.remaining());
                output.advance(len);
                continue;
            }
            if socket.ready_state() == ReadyState::Closed {
                self.transport = Transport::None;
                continue;
            }
            stream.set_read_timeout(Some(left))?;
            let mut input = socket.input();
            match stream.read(input.spare_mut()) {
                Ok(0) => socket.handle_eof(),
                Ok(len) => input.commit(len),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock) => {}
                Err(_) => socket.handle_eof(),
            }
        }
    }
}

/// Prints an event, and returns its name.
fn print(event: &DomEvent, socket: &WebSocketObject) -> &'static str {
    let (name, details) = match event {
        DomEvent::Open => {
            let (protocol, extensions) = (quote(socket.protocol()), quote(socket.extensions()));
            ("open", format!(" protocol {protocol}, extensions {extensions},"))
        }
        DomEvent::Message(Message::Text(text)) => ("message", format!(" text {},", quote(text))),
        DomEvent::Message(Message::Binary(bytes)) => {
            ("message", format!(" bytes {:02x?},", bytes.as_ref()))
        }
        DomEvent::Error => ("error", String::new()),
        DomEvent::Close { code, reason, was_clean } => {
            ("close", format!(" {code} {} {was_clean},", quote(reason)))
        }
        _ => ("unknown", String::new()),
    };
    println!("   {name}:{details} state {}", socket.ready_state() as u8);
    name
}

fn thrown(result: Result<(), DomException>) -> String {
    result.map_or_else(|exception| format!(" {},", exception.name()), |()| String::new())
}

/// Converts a number as WebIDL's `[Clamp] unsigned short` does: a Rust caller has a `u16` and no
/// need of this.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is the clamp")]
fn clamp(code: &str) -> u16 {
    code.parse::<f64>().unwrap_or(f64::NAN).round_ties_even() as u16
}

/// Resolves `\u{...}` and `x*124`.
fn expand(step: &str) -> String {
    let mut plain = String::new();
    for (index, part) in step.split("\\u{").enumerate() {
        let (hex, rest) =
            if index == 0 { ("", part) } else { part.split_once('}').unwrap_or_default() };
        plain.extend(u32::from_str_radix(hex, 16).ok().and_then(char::from_u32));
        plain.push_str(rest);
    }
    let words = plain.split(' ').map(|word| {
        let Some((character, rest)) = word.split_once('*') else { return word.to_owned() };
        let digits = rest.trim_end_matches(|digit: char| !digit.is_ascii_digit());
        let tail = rest.get(digits.len()..).unwrap_or_default();
        format!("{}{tail}", character.repeat(digits.parse().unwrap_or(1)))
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Writes a text so that it is the same in all languages.
fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            ' '..='~' => quoted.push(character),
            _ => quoted.push_str(&format!("\\u{{{:x}}}", u32::from(character))),
        }
    }
    quoted + "\""
}

/// How long an event may take.
const PATIENCE: Duration = Duration::from_secs(8);

/// What the scenarios call a pause.
const PAUSE: Duration = Duration::from_millis(100);
