//! A client for the command line that comes back by itself.
//!
//! ```text
//! cargo run --release -p examples --bin reconnecting_client -- [--delivery] URL
//! ```
//!
//! Each line of the input goes out as a text message, also while there is no connection; what
//! happens is printed. The end of the input stops it when all lines have left. With `--delivery`,
//! which wants a server like `examples/delivery_server.rs`, messages arrive once and in order
//! however often the connection breaks.
#![expect(
    clippy::std_instead_of_core,
    clippy::wildcard_enum_match_arm,
    reason = "an example is an application"
)]

use std::error::Error;
use std::process::ExitCode;

use sanswire::delivery::Limits;
use sanswire::handshake::ClientRequest;
use sanswire::io::tokio::reconnecting::{Client, ClientEvent, Handle, Options};
use tokio::io::{AsyncBufReadExt, BufReader};

const USAGE: &str = "usage: reconnecting_client [--delivery] URL";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let is_delivered = arguments.first().is_some_and(|first| first == "--delivery");
    if is_delivered {
        arguments.remove(0);
    }
    let [url] = &arguments[..] else {
        eprintln!("{USAGE}");
        return Ok(ExitCode::FAILURE);
    };
    let url = url.clone();
    let options = Options::default().delivery(is_delivered.then(Limits::default));
    // An application would fetch a fresh token here.
    let mut client = Client::new(options, move |_attempt| {
        let request = ClientRequest::from_url(&url);
        async { Ok(request?) }
    })?;
    tokio::spawn(send_lines(client.handle()));
    while let Some(event) = client.next().await {
        match event {
            ClientEvent::Message(message) => match message.as_text() {
                Some(text) => println!("{text}"),
                None => println!("{} bytes", message.len()),
            },
            ClientEvent::GaveUp(why) => return Err(why.into()),
            event => eprintln!("{event}"),
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Queues what is typed, no faster than it leaves.
async fn send_lines(client: Handle) {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if client.send(line).await.is_err() {
            return;
        }
    }
    let _ = client.drained().await;
    client.stop();
}
