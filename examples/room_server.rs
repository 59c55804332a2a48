//! A room in a hundred lines: what one says all hear, and who reads too slowly is told how much was missed.
//!
//! ```text
//! cargo run --release -p examples --bin room_server -- [ADDR]
//! ```
//!
//! ADDR is 127.0.0.1:9001 by default. To try it out, run `client ws://ADDR/` in two terminals;
//! `examples/chat` is a whole application with a page. With
//! `--features tokio,deflate` each line is compressed, once for all.
#![expect(
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::wildcard_enum_match_arm,
    reason = "an example is an application"
)]

mod stop;

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sanswire::extension::DeflateConfig;
use sanswire::handshake::{Acceptance, Request};
use sanswire::io::tokio::{NetStream, Server, WebSocket};
use sanswire::{CloseCode, Config, Error, Event, Prepared, WhenFull};
use tokio::sync::broadcast::{self, error::RecvError};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".to_owned());
    let server = Server::bind(address).await?.on_error(|error| eprintln!("{error}"));
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "listening on http://{}", server.local_addr()?)?;
    drop(stdout);
    let handle = server.handle();
    stop::on_signals(move |limit| handle.shut_down(CloseCode::GOING_AWAY, "", limit));
    serve(server).await;
    Ok(())
}

/// One task for each member of the room.
pub(crate) async fn serve(server: Server) {
    let (room, _) = broadcast::channel(LINES);
    let numbers = Arc::new(AtomicU64::new(1));
    let admit = async move |_: Request, _| {
        let acceptance = Acceptance::new().deflate(&DeflateConfig::default());
        Ok((acceptance, numbers.fetch_add(1, Ordering::Relaxed)))
    };
    let join = async move |socket, number| join(socket, number, room).await;
    server.config(config()).serve_with(admit, join).await;
}

/// Takes part in the room until the end of the connection.
async fn join(
    mut socket: WebSocket<NetStream>,
    number: u64,
    room: broadcast::Sender<Prepared>,
) -> Result<(), Error> {
    let mut lines = room.subscribe();
    socket.feed(format!("you are number {number}")).await?;
    loop {
        tokio::select! {
            said = lines.recv() => match said {
                // Does not wait: where there is no room, the line is dropped and counted.
                Ok(line) => socket.feed(&line).await?,
                // This task was late itself.
                Err(RecvError::Lagged(missed)) => socket.feed(complaint(missed)).await?,
                Err(RecvError::Closed) => {
                    return match socket.close(1001, "").await {
                        // Lines were dropped before. The connection is closed all the same.
                        Err(Error::Discarded(_)) => Ok(()),
                        ended => ended,
                    };
                }
            },
            // Writes what was fed before it waits.
            received = socket.recv_with(|event, commands| match event {
                Event::Text(text) => {
                    // There is at least one who listens.
                    let _ = room.send(prepare(&format!("{number}: {}", &*text)));
                    Ok(())
                }
                Event::Writable(writable) if writable.dropped_messages > 0 => {
                    commands.send(complaint(writable.dropped_messages))
                }
                _ => Ok(()),
            }) => match received? {
                Some(answered) => answered?,
                None => return Ok(()),
            },
        }
    }
}

fn prepare(line: &str) -> Prepared {
    Prepared::text(line).compressed_for(&DeflateConfig::default())
}

fn complaint(missed: u64) -> String {
    format!("{missed} lines missed")
}

fn config() -> Config {
    Config::default()
        .max_message_size(64 << 10)
        // What a member who does not read may cost.
        .max_buffered(64 << 10)
        .low_water(16 << 10)
        .when_full(WhenFull::DropOldest)
}

/// How many lines may wait for a task that is late.
const LINES: usize = 1024;
