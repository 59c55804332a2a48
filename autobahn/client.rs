//! The client side of the Autobahn test suite: runs every case of a fuzzing server.
//!
//! ```text
//! cargo run --release -p test-peers --bin autobahn_client -- [--blocking | --futures-io | --tls] ADDR AGENT
//! ```
//!
//! It offers permessage-deflate. With `--tls` it connects over TLS, on tokio, and trusts any
//! certificate.

use std::process::ExitCode;

use sanswire::extension::DeflateConfig;
use sanswire::handshake::ClientRequest;
use sanswire::io::tls::ClientTls;
use sanswire::io::tokio::{NetStream, WebSocket};
use sanswire::io::{Connector, blocking};
use sanswire::{Commands, Config, Error, Event};

const USAGE: &str = "usage: autobahn_client [--blocking | --futures-io | --tls] ADDR AGENT";

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let adapter = match arguments.first().map(String::as_str) {
        Some("--blocking") => Adapter::Blocking,
        Some("--futures-io") => Adapter::FuturesIo,
        Some("--tls") => Adapter::Tls,
        _ => Adapter::Tokio,
    };
    if adapter != Adapter::Tokio {
        arguments.remove(0);
    }
    let [address, agent] = &arguments[..] else {
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

#[derive(Clone, Copy, PartialEq, Eq)]
enum Adapter {
    Blocking,
    FuturesIo,
    Tls,
    Tokio,
}

#[tokio::main(flavor = "current_thread")]
async fn run(address: &str, agent: &str, adapter: Adapter) -> Result<u32, Error> {
    let request = |resource: &str| request(address, resource, adapter == Adapter::Tls);
    let count = case_count(&request("getCaseCount")?).await?;
    for case in 1..=count {
        let request = request(&format!("runCase?case={case}&agent={agent}"))?;
        match adapter {
            Adapter::Blocking => run_case_blocking(&request)?,
            Adapter::FuturesIo => smol::block_on(run_case_futures_io(&request))?,
            Adapter::Tls | Adapter::Tokio => run_case_tokio(&request).await?,
        }
    }
    let request = request(&format!("updateReports?agent={agent}"))?;
    run_case_tokio(&request).await?;
    Ok(count)
}

fn request(address: &str, resource: &str, is_tls: bool) -> Result<ClientRequest, Error> {
    let scheme = if is_tls { "wss" } else { "ws" };
    let request = ClientRequest::from_url(&format!("{scheme}://{address}/{resource}"))?;
    Ok(request.deflate(&DeflateConfig::default()))
}

async fn connect(request: &ClientRequest) -> Result<WebSocket<NetStream>, Error> {
    let connector = Connector::new().tls(ClientTls::new().dangerous_trust_any_certificate());
    WebSocket::connect_via(&connector, request, &config()).await
}

async fn case_count(request: &ClientRequest) -> Result<u32, Error> {
    let mut socket = connect(request).await?;
    let mut count = None;
    while let Some(message) = socket.recv().await? {
        count = message.as_text().and_then(|text| text.parse().ok());
    }
    count.ok_or_else(|| Error::Io(std::io::Error::other("server told no number of cases")))
}

/// Fails only if there was no connection: in a case it may well fail, and the server is the judge.
async fn run_case_tokio(request: &ClientRequest) -> Result<(), Error> {
    let mut socket = connect(request).await?;
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
