//! The client side of the Autobahn test suite: runs every case of a fuzzing server.
//!
//! ```text
//! cargo run --release -p test-peers --bin autobahn_client -- [--blocking | --futures-io | --tls BRIDGE] ADDR AGENT
//! ```
//!
//! It offers permessage-deflate. With `--tls` it connects over TLS, on tokio, to the address BRIDGE,
//! and trusts any certificate; the server wants its own address in the request.

use core::net::SocketAddr;
use std::process::ExitCode;

use sanswire::extension::DeflateConfig;
use sanswire::handshake::ClientRequest;
use sanswire::io::tls::ClientTls;
use sanswire::io::tokio::{NetStream, WebSocket};
use sanswire::io::{Connector, blocking};
use sanswire::{Commands, Config, Error, Event};

const USAGE: &str = "usage: autobahn_client [--blocking | --futures-io | --tls BRIDGE] ADDR AGENT";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let Some((adapter, address, agent)) = parse(&arguments) else {
        eprintln!("{USAGE}");
        return ExitCode::FAILURE;
    };
    match run(address, agent, adapter) {
        Ok(count) => {
            println!("ran {count} cases");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{address}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parse<'a>(arguments: &[&'a str]) -> Option<(Adapter, &'a str, &'a str)> {
    Some(match *arguments {
        [address, agent] => (Adapter::Tokio, address, agent),
        ["--blocking", address, agent] => (Adapter::Blocking, address, agent),
        ["--futures-io", address, agent] => (Adapter::FuturesIo, address, agent),
        ["--tls", bridge, address, agent] => (Adapter::Tls(bridge.parse().ok()?), address, agent),
        _ => return None,
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Adapter {
    Blocking,
    FuturesIo,
    Tls(SocketAddr),
    Tokio,
}

#[tokio::main(flavor = "current_thread")]
async fn run(address: &str, agent: &str, adapter: Adapter) -> Result<u32, Error> {
    let request = |resource: &str| request(address, resource, matches!(adapter, Adapter::Tls(_)));
    let count = case_count(&request("getCaseCount")?, adapter).await?;
    for case in 1..=count {
        let request = request(&format!("runCase?case={case}&agent={agent}"))?;
        match adapter {
            Adapter::Blocking => run_case_blocking(&request)?,
            Adapter::FuturesIo => smol::block_on(run_case_futures_io(&request))?,
            Adapter::Tls(_) | Adapter::Tokio => run_case_tokio(&request, adapter).await?,
        }
    }
    let request = request(&format!("updateReports?agent={agent}"))?;
    run_case_tokio(&request, adapter).await?;
    Ok(count)
}

fn request(address: &str, resource: &str, is_tls: bool) -> Result<ClientRequest, Error> {
    let scheme = if is_tls { "wss" } else { "ws" };
    let request = ClientRequest::from_url(&format!("{scheme}://{address}/{resource}"))?;
    Ok(request.deflate(&DeflateConfig::default()))
}

async fn connect(request: &ClientRequest, adapter: Adapter) -> Result<WebSocket<NetStream>, Error> {
    let mut connector = Connector::new().tls(ClientTls::new().dangerous_trust_any_certificate());
    if let Adapter::Tls(bridge) = adapter {
        connector = connector.resolve(request.host(), request.port(), [bridge]);
    }
    WebSocket::connect_via(&connector, request, &config()).await
}

async fn case_count(request: &ClientRequest, adapter: Adapter) -> Result<u32, Error> {
    let mut socket = connect(request, adapter).await?;
    let mut count = None;
    while let Some(message) = socket.recv().await? {
        count = message.as_text().and_then(|text| text.parse().ok());
    }
    count.ok_or_else(|| Error::Io(std::io::Error::other("server told no number of cases")))
}

/// Fails only if there was no connection: in a case it may well fail, and the server is the judge.
async fn run_case_tokio(request: &ClientRequest, adapter: Adapter) -> Result<(), Error> {
    let mut socket = connect(request, adapter).await?;
    let _ = socket.run(echo).await;
    Ok(())
}

/// As [`run_case_tokio`].
async fn run_case_futures_io(request: &ClientRequest) -> Result<(), Error> {
    let mut socket = sanswire::io::futures_io::WebSocket::connect_with(request, &config()).await?;
    let _ = socket.run(echo).await;
    Ok(())
}

/// As [`run_case_tokio`].
fn run_case_blocking(request: &ClientRequest) -> Result<(), Error> {
    let mut socket = blocking::WebSocket::connect_with(request, &config())?;
    let _ = socket.run(echo);
    Ok(())
}

/// Sends a message back. What is refused is so because the connection is closing.
fn echo(event: Event<'_>, commands: &mut Commands<'_>) {
    if let Some(message) = event.into_message() {
        let _ = commands.send(message);
    }
}

fn config() -> Config {
    Config::default().max_message_size(32 << 20).max_frame_size(32 << 20)
}
