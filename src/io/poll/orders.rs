//! Sockets whose tasks run in many orders of all that they lock: nobody waits forever, and nothing is
//! lost or comes twice.
//!
//! A failure prints how to replay its order. The environment variable `SANSWIRE_ORDERS` says how many
//! orders are tried of each kind, 300 by default.

mod combinators;
mod halves;
mod pipes;

use alloc::vec::Vec;

use self::pipes::End;
use super::WebSocket;
use crate::connection::Config;
use crate::io::Error;

/// A message is stuck when another one waits. Nothing has a deadline.
fn config() -> Config {
    Config::default().max_buffered(20).ping_interval(None).write_timeout(None).close_timeout(None)
}

fn message(number: u8) -> [u8; 12] {
    [number; 12]
}

/// Sends everything back, to the end. Returns the first bytes of the messages.
async fn echo(mut client: WebSocket<End>) -> (Vec<u8>, Result<(), Error>) {
    let mut received = Vec::new();
    loop {
        match client.recv().await {
            Ok(Some(message)) => {
                received.push(message.as_bytes()[0]);
                // The server may have closed meanwhile.
                let _ = client.send(message).await;
            }
            Ok(None) => return (received, Ok(())),
            Err(error) => return (received, Err(error)),
        }
    }
}

/// Runs in many orders: random ones, and those in which a few switches at bad moments suffice.
fn in_many_orders(run: fn()) {
    let orders = std::env::var("SANSWIRE_ORDERS").map_or(300, |orders| orders.parse().unwrap());
    shuttle::check_random(run, orders);
    shuttle::check_pct(run, orders, 3);
}
