//! A server that sends every message back, and shows itself to a browser.
//!
//! ```text
//! cargo run --release -p examples --bin echo_server -- [--blocking | --futures-io] [ADDR]
//! cargo run --release -p examples --features tls --bin echo_server -- --tls [CERT KEY] [ADDR]
//! ```
//!
//! Open `http://ADDR/`, or `https://ADDR/` with `--tls`, in a browser to try it out; ADDR is 127.0.0.1:9001 by default. The text
//! `!close CODE REASON` makes the server close the connection with that code and reason. The server
//! compresses what it sends to clients that offer permessage-deflate. `--futures-io` runs it on smol
//! and needs `--features futures-io` before the `--`. On tokio, Ctrl-C or SIGTERM closes all
//! connections with 1001.
//!
//! CERT and KEY are files in PEM format. With `--tls` alone, the server makes a certificate, which a
//! browser complains about.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::std_instead_of_core,
    clippy::wildcard_enum_match_arm,
    reason = "an example is an application"
)]

#[cfg(feature = "tls")]
mod identity;
mod stop;
mod tls;

use std::error::Error;
use std::io::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use sanswire::extension::DeflateConfig;
use sanswire::handshake::{Acceptance, HandshakeError, Request, Response};
use sanswire::{CloseCode, Commands, Config, Event, Refused, SendError};

use self::tls::Tls;

const USAGE: &str = "usage: echo_server [--blocking | --futures-io] [--tls [CERT KEY]] [ADDR]";

fn main() -> ExitCode {
    let mut serve = serve_tokio as fn(&str, Tls) -> Result<(), Box<dyn Error>>;
    let (mut has_tls, mut others) = (false, Vec::new());
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--blocking" => serve = serve_blocking,
            #[cfg(feature = "futures-io")]
            "--futures-io" => serve = serve_futures_io,
            "--tls" => has_tls = true,
            "-h" | "--help" => {
                println!("{USAGE}");
                return ExitCode::SUCCESS;
            }
            option if option.starts_with('-') => {
                eprintln!("unknown option {option}\n{USAGE}");
                return ExitCode::FAILURE;
            }
            _ => others.push(argument),
        }
    }
    let others: Vec<_> = others.iter().map(String::as_str).collect();
    let (files, address) = match others[..] {
        [] => (None, ADDRESS),
        [address] => (None, address),
        [certificate, key] if has_tls => (Some((certificate, key)), ADDRESS),
        [certificate, key, address] if has_tls => (Some((certificate, key)), address),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::FAILURE;
        }
    };
    let tls = if has_tls { Tls::new(files) } else { Ok(Tls::default()) };
    match tls.and_then(|tls| serve(address, tls)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{address}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// One thread for each connection.
fn serve_blocking(address: &str, tls: Tls) -> Result<(), Box<dyn Error>> {
    use sanswire::io::blocking::WebSocket;
    use std::net::{TcpListener, TcpStream};

    fn serve(stream: TcpStream, tls: &Tls) -> Result<(), sanswire::Error> {
        stream.set_nodelay(true)?;
        let mut socket = WebSocket::accept_with(tls.accept(stream)?, &config(), decide)?;
        socket.run(echo)
    }

    let listener = TcpListener::bind(address)?;
    announce(&tls, listener.local_addr()?)?;
    loop {
        match listener.accept() {
            Ok((stream, peer)) => {
                let tls = tls.clone();
                thread::spawn(move || report(peer, serve(stream, &tls)));
            }
            Err(error) => {
                eprintln!("accept: {error}");
                thread::sleep(PAUSE);
            }
        }
    }
}

/// One task for each connection.
#[tokio::main]
async fn serve_tokio(address: &str, tls: Tls) -> Result<(), Box<dyn Error>> {
    use sanswire::io::tokio::Server;
    use sanswire::io::tokio::server::Stats;

    let server = tls.on(Server::bind(address).await?);
    let server = server.config(config()).on_error(|error| eprintln!("{error}"));
    announce(&tls, server.local_addr()?)?;
    let handle = server.handle();
    stop::on_signals(move |limit| handle.shut_down(CloseCode::GOING_AWAY, "", limit));
    let decide = async |request: Request, _| Ok((decide(&request)?, ()));
    let stats = server.serve_with(decide, async |mut socket, ()| socket.run(echo).await).await;
    let Stats { closed, failed, aborted, .. } = stats;
    println!("{closed} connections closed, {failed} failed, {aborted} dropped");
    Ok(())
}

/// One task of smol for each connection.
#[cfg(feature = "futures-io")]
fn serve_futures_io(address: &str, tls: Tls) -> Result<(), Box<dyn Error>> {
    use sanswire::io::futures_io::WebSocket;
    use smol::net::{TcpListener, TcpStream};

    async fn serve(stream: TcpStream, tls: Tls) -> Result<(), sanswire::Error> {
        stream.set_nodelay(true)?;
        let stream = tls.accept_async(stream).await?;
        let mut socket =
            WebSocket::accept_with(stream, &config(), async |request| decide(request)).await?;
        socket.run(echo).await
    }

    smol::block_on(async {
        let listener = TcpListener::bind(address).await?;
        announce(&tls, listener.local_addr()?)?;
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    let tls = tls.clone();
                    smol::spawn(async move { report(peer, serve(stream, tls).await) }).detach();
                }
                Err(error) => {
                    eprintln!("accept: {error}");
                    smol::Timer::after(PAUSE).await;
                }
            }
        }
    })
}

/// Sends a message back. There is always room for an answer: a peer that does not read is given no
/// more events.
fn echo(event: Event<'_>, commands: &mut Commands<'_>) {
    let sent = match event {
        Event::Text(text) if is_close_command(&text) => close(&text, commands),
        Event::Text(text) => commands.send(text),
        Event::Binary(payload) => commands.send(payload),
        _ => Ok(()),
    };
    match sent {
        // The peer has closed, which is the next event.
        Ok(()) | Err(Refused { error: SendError::Closed, .. }) => {}
        Err(refused) => eprintln!("{refused}"),
    }
}

fn is_close_command(text: &str) -> bool {
    text == "!close" || text.starts_with("!close ")
}

/// Obeys `!close CODE REASON`, or complains to the client if that makes no sense.
fn close(command: &str, commands: &mut Commands<'_>) -> Result<(), Refused> {
    let rest = command.trim_start_matches("!close").trim_start();
    let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
    let closed = match code.parse::<u16>() {
        Ok(code) => commands.close(code, reason).map_err(|error| error.to_string()),
        Err(_) if rest.is_empty() => {
            commands.close(CloseCode::NO_STATUS, "").map_err(|error| error.to_string())
        }
        Err(_) => Err(format!("{code:?} is not a close code")),
    };
    match closed {
        Ok(()) => Ok(()),
        Err(complaint) => commands.send(format!("cannot close: {complaint}")),
    }
}

/// Accepts what asks for a WebSocket, with the first subprotocol of the client's. Serves a page to
/// what does not.
fn decide(request: &Request) -> Result<Acceptance, Response> {
    if request.headers().get("Upgrade").is_some() {
        let acceptance = Acceptance::new().subprotocol(request.subprotocols().next());
        return Ok(acceptance.deflate(&DeflateConfig::default()));
    }
    Err(match (request.method(), request.path()) {
        ("GET" | "HEAD", "/") => Response::new(200).html(include_str!("echo.html")),
        ("GET" | "HEAD", "/favicon.ico") => Response::new(204),
        ("GET" | "HEAD", _) => Response::new(404).text("not found\n"),
        _ => Response::new(405).text("method not allowed\n").header("Allow", "GET, HEAD")?,
    })
}

fn config() -> Config {
    Config::default().max_message_size(MAX_SIZE).max_frame_size(MAX_SIZE)
}

fn announce(tls: &Tls, address: SocketAddr) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "listening on {}://{address}", tls.scheme())?;
    stdout.flush()
}

fn report(peer: SocketAddr, served: Result<(), sanswire::Error>) {
    use sanswire::Error;

    match served {
        // Answered with a page, or a connection that a browser had in reserve.
        Ok(())
        | Err(
            Error::Rejected { .. }
            | Error::Handshake { error: HandshakeError::NoRequest { .. }, .. },
        ) => {}
        Err(error) => eprintln!("{peer}: {error}"),
    }
}

/// Where it listens if nothing is said.
const ADDRESS: &str = "127.0.0.1:9001";

/// Messages and frames up to 32 MiB.
const MAX_SIZE: usize = 32 << 20;

/// The wait when the system has no more sockets to give.
const PAUSE: Duration = Duration::from_millis(50);
