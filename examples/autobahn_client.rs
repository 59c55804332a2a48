//! The client side of the Autobahn test suite: runs every case of a fuzzing server.
//!
//! ```text
//! cargo run --release --features tokio --example autobahn_client -- [--blocking] ADDR AGENT
//! ```
//!
//! With `--features tokio,deflate` it offers permessage-deflate.

use std::process::ExitCode;

use sanswire::handshake::ClientRequest;
use sanswire::{Config, Connection, Event, Message, SendError, blocking, io};

const USAGE: &str = "usage: autobahn_client [--blocking] ADDR AGENT";

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let is_blocking = arguments.first().is_some_and(|first| first == "--blocking");
    if is_blocking {
        arguments.remove(0);
    }
    let [address, agent] = &arguments[..] else {
        eprintln!("{USAGE}");
        return ExitCode::FAILURE;
    };
    match run(address, agent, is_blocking) {
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

#[tokio::main(flavor = "current_thread")]
async fn run(address: &str, agent: &str, is_blocking: bool) -> Result<u32, io::Error> {
    let count = case_count(&request(address, "getCaseCount")?).await?;
    for case in 1..=count {
        let request = request(address, &format!("runCase?case={case}&agent={agent}"))?;
        if is_blocking {
            run_case_blocking(&request)?;
        } else {
            run_case_tokio(&request).await?;
        }
    }
    let request = request(address, &format!("updateReports?agent={agent}"))?;
    run_case_tokio(&request).await?;
    Ok(count)
}

fn request(address: &str, resource: &str) -> Result<ClientRequest, io::Error> {
    let request = ClientRequest::from_url(&format!("ws://{address}/{resource}"))?;
    #[cfg(feature = "deflate")]
    let request = request.deflate(&sanswire::extension::DeflateConfig::default());
    Ok(request)
}

async fn case_count(request: &ClientRequest) -> Result<u32, io::Error> {
    let mut socket = sanswire::tokio::WebSocket::connect_with(request, &config()).await?;
    let mut count = None;
    while let Some(message) = socket.recv().await? {
        count = message.as_text().and_then(|text| text.parse().ok());
    }
    count.ok_or_else(|| io::Error::Io(std::io::Error::other("server told no number of cases")))
}

/// Fails only if there was no connection: in a case it may well fail, and the server is the judge.
async fn run_case_tokio(request: &ClientRequest) -> Result<(), io::Error> {
    let mut socket = sanswire::tokio::WebSocket::connect_with(request, &config()).await?;
    while let Ok(Some(refused)) = socket.recv_with(echo).await {
        if let Some(message) = refused {
            let _ = socket.feed(message).await;
        }
    }
    Ok(())
}

/// As [`run_case_tokio`].
fn run_case_blocking(request: &ClientRequest) -> Result<(), io::Error> {
    let mut socket = blocking::WebSocket::connect_with(request, &config())?;
    while let Ok(Some(refused)) = socket.recv_with(echo) {
        if let Some(message) = refused {
            let _ = socket.feed(message);
        }
    }
    Ok(())
}

/// Sends a message back. Returns it if there is no room for it yet.
fn echo(event: Event<'_>, connection: &mut Connection) -> Option<Message> {
    let refused = connection.send(event.into_message()?).err()?;
    matches!(refused.error, SendError::Full { .. }).then_some(refused.message)
}

fn config() -> Config {
    let mut config = Config::default();
    config.max_message_size = 32 << 20;
    config.max_frame_size = 32 << 20;
    config
}
