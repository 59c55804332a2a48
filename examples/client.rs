//! A WebSocket client for the command line.
//!
//! ```text
//! cargo run --release -p examples --bin client -- [OPTION]... URL [SUBPROTOCOL]
//! cargo run --release -p examples --bin client --features tls,proxy -- wss://example.com/
//! ```
//!
//! With `--deflate` it offers permessage-deflate and says whether the server agreed. With `--headers`
//! it shows the headers by which the server accepted. `--help` shows all options: headers, proxies,
//! certificates, redirects.
//!
//! Each line of the input goes out as a text message, but for these:
//!
//! ```text
//! \b HEX          a binary message, such as \b 00 ff
//! \c CODE REASON  closes the connection, such as \c 1000 bye
//! \p TEXT         a Ping
//! ```
//!
//! Messages that arrive are printed in the same way, and `\c CODE REASON` at the end. Before a text
//! that looks like one of these, another backslash stands. The end of the input closes the
//! connection with 1000; what is still under way is printed.
#![expect(
    clippy::disallowed_methods,
    clippy::std_instead_of_core,
    clippy::wildcard_enum_match_arm,
    reason = "an example is an application"
)]

mod client_options;

use std::fmt::Write as _;
use std::io::{self, BufRead, IsTerminal, Write};
use std::process::ExitCode;
use std::thread;

use client_options::{HELP, Options};
use sanswire::handshake::HandshakeError;
use sanswire::io::tokio::{NetStream, Receiver, Sender, WebSocket};
use sanswire::{AfterClose, CloseCode, Config, Error, Event, SendError};
use tokio::sync::mpsc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--help") {
        println!("{HELP}");
        return ExitCode::SUCCESS;
    }
    let Options { request, connector, offers_deflate, shows_headers } =
        match Options::parse(arguments) {
            Ok(options) => options,
            Err(complaint) => {
                eprintln!("{complaint}; see client --help");
                return ExitCode::FAILURE;
            }
        };
    // Without the user's password, if one was given.
    let url = request.url();
    let socket = match WebSocket::connect_via(&connector, &request, &config()).await {
        Ok(socket) => socket,
        Err(error) => {
            eprintln!("{url}: {}", explain(&error));
            return ExitCode::FAILURE;
        }
    };
    if offers_deflate {
        match socket.connection().extensions() {
            "" => eprintln!("no compression: the server declined it"),
            extensions => eprintln!("negotiated {extensions}"),
        }
    }
    for (name, value) in socket.response().iter().flat_map(|response| response.headers().iter()) {
        if shows_headers {
            eprintln!("{name}: {}", printable(&String::from_utf8_lossy(value)));
        }
    }
    let is_interactive = io::stdin().is_terminal();
    if is_interactive {
        match socket.protocol() {
            "" => eprintln!("connected to {url}"),
            protocol => eprintln!("connected to {url}, subprotocol {protocol}"),
        }
    }
    let (sender, receiver) = socket.split();
    tokio::spawn(send_lines(sender, read_lines()));
    match print_messages(receiver, is_interactive).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{url}: {}", explain(&error));
            ExitCode::FAILURE
        }
    }
}

fn config() -> Config {
    Config::default()
        .max_message_size(MAX_SIZE)
        .max_frame_size(MAX_SIZE)
        .after_close(AfterClose::Deliver)
}

/// Reads the input in a thread of its own: a read from a terminal cannot be cancelled.
fn read_lines() -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel(LINES);
    thread::spawn(move || {
        let mut stdin = io::stdin().lock();
        let mut line = Vec::new();
        while stdin.read_until(b'\n', &mut line).is_ok_and(|len| len > 0) {
            let end = line.strip_suffix(b"\n").unwrap_or(&line);
            let end = end.strip_suffix(b"\r").unwrap_or(end).len();
            line.truncate(end);
            if sender.blocking_send(std::mem::take(&mut line)).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Sends what is typed, and closes the connection behind it. How it ends is seen by the receiver.
async fn send_lines(mut sender: Sender<NetStream>, mut lines: mpsc::Receiver<Vec<u8>>) {
    while let Some(line) = lines.recv().await {
        let sent = match Line::parse(&line) {
            Ok(Line::Binary(bytes)) => sender.send(bytes).await,
            Ok(Line::Close(code, reason)) => sender.send_close(code, reason).await,
            Ok(Line::Ping(text)) => sender.ping(text.as_bytes()).await,
            Ok(Line::Text(text)) => sender.send(text).await,
            Err(complaint) => {
                eprintln!("{complaint}");
                continue;
            }
        };
        match sent {
            Ok(()) => {}
            Err(
                Error::Send { error: SendError::Closed, .. } | Error::Io(_) | Error::Timeout(_),
            ) => {
                return;
            }
            Err(error) => eprintln!("{error}"),
        }
    }
    let _ = sender.send_close(CloseCode::NORMAL, "").await;
}

/// Prints what arrives until the connection has been closed.
async fn print_messages(
    mut receiver: Receiver<NetStream>,
    is_interactive: bool,
) -> Result<(), Error> {
    let for_terminal = io::stdout().is_terminal();
    let print = |line: &str| {
        let mut stdout = io::stdout().lock();
        if for_terminal {
            writeln!(stdout, "{}", printable(line))
        } else {
            writeln!(stdout, "{line}")
        }
    };
    loop {
        let line = receiver.recv_with(|event, _| match event {
            Event::Text(text) if is_command(&text) => Some(format!("\\{}", &*text)),
            Event::Text(text) => Some(text.to_owned()),
            Event::Binary(payload) => Some(hex(&payload)),
            Event::Pong(payload) if is_interactive => {
                Some(format!("pong {}", String::from_utf8_lossy(&payload)))
            }
            Event::Closed(closed) => {
                Some(format!("\\c {} {}", closed.code, closed.reason).trim_end().to_owned())
            }
            _ => None,
        });
        match line.await? {
            Some(Some(line)) => print(&line)?,
            Some(None) => {}
            None => return Ok(()),
        }
    }
}

enum Line<'a> {
    Binary(Vec<u8>),
    Close(u16, &'a str),
    Ping(&'a str),
    Text(&'a str),
}

impl<'a> Line<'a> {
    fn parse(line: &'a [u8]) -> Result<Self, String> {
        let line = std::str::from_utf8(line)
            .map_err(|_| "a line that is not UTF-8 can only be sent as \\b HEX".to_owned())?;
        if !is_command(line) {
            return Ok(Self::Text(line));
        }
        let (command, rest) = line.split_once(' ').unwrap_or((line, ""));
        match command {
            "\\b" => unhex(rest)
                .map(Self::Binary)
                .ok_or_else(|| format!("{rest:?} is not hexadecimal: write \\b 00 ff")),
            "\\c" => {
                let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
                let code = if code.is_empty() { Ok(1000) } else { code.parse() };
                code.map(|code| Self::Close(code, reason))
                    .map_err(|_| format!("{rest:?} has no close code: write \\c 1000 bye"))
            }
            "\\p" => Ok(Self::Ping(rest)),
            _ => Ok(Self::Text(&line[1..])),
        }
    }
}

/// Returns whether a line is a command, or a text that would be one without a backslash.
fn is_command(line: &str) -> bool {
    let rest = line.trim_start_matches('\\');
    let (name, _) = rest.split_once(' ').unwrap_or((rest, ""));
    rest.len() < line.len() && matches!(name, "b" | "c" | "p")
}

fn hex(bytes: &[u8]) -> String {
    let mut line = String::with_capacity(3 + 2 * bytes.len());
    line.push_str("\\b ");
    for byte in bytes {
        let _ = write!(line, "{byte:02x}");
    }
    line
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .filter(|character| !character.is_ascii_whitespace())
        .map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    Some(digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

/// Escapes what could command the terminal.
fn printable(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    line
}

/// Says what went wrong, also what the server says about it.
fn explain(error: &Error) -> String {
    match error {
        Error::Handshake { error: HandshakeError::UnexpectedStatus(response), .. } => {
            let body = String::from_utf8_lossy(response.content()).into_owned();
            let body = body.trim_end().lines().map(printable).collect::<Vec<_>>().join("\n");
            let head = printable(&format!("{} {}", response.status(), response.reason()));
            format!("server answered {head}\n{body}").trim_end().to_owned()
        }
        other => other.to_string(),
    }
}

/// Messages and frames up to 32 MiB.
const MAX_SIZE: usize = 32 << 20;

/// How many lines may wait to be sent.
const LINES: usize = 64;
