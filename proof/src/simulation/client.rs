//! A client of the room, which reconnects; says something now and then.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use sanswire::Config;
use sanswire::delivery::Limits;
use sanswire::handshake::ClientRequest;
use sanswire::io::tokio::reconnecting::{Client, ClientEvent, Options};
use sanswire::reconnect::{AttemptError, Policy, Retry};
use tokio::time::sleep;
use turmoil::net::TcpStream;

use super::leap;
use super::records::{Records, message};

/// Says all it has to say, and listens forever.
pub(super) async fn run(number: usize, seed: u64, records: Arc<Records>) -> turmoil::Result {
    let mut random = StdRng::seed_from_u64(seed);
    tokio::spawn(leap(super::client(number), random.random(), Arc::clone(&records)));
    let policy = Policy::default().initial_delay(SECOND).max_delay(3 * SECOND);
    let options = Options::default()
        .policy(policy.normal_close(Retry::Later))
        .config(config())
        .attempt_timeout(4 * SECOND)
        .delivery(Limits::default())
        .seed([u8::try_from(number)?; 32]);
    let request = move |_| async move {
        Ok::<_, AttemptError>(ClientRequest::new("room.example", &format!("/{number}"))?)
    };
    let dial = |_| async {
        let connected = TcpStream::connect((super::PROXY, PORT)).await;
        // The simulated network says only where.
        Ok(connected
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", error.kind())))?)
    };
    let mut client = Client::with_dialer(options, request, dial)?;
    let mut left: usize = random.random_range(1..30);
    let mut pause = Duration::ZERO;
    loop {
        tokio::select! {
            biased;
            event = client.next() => {
                let event = event.ok_or("the client has given up")?;
                let mut records = records.lock();
                records.note(&super::client(number), text(&event));
                match event {
                    ClientEvent::Message(message) => records.note_told(number, &message),
                    ClientEvent::PeerForgot(lost) => records.note_lost(number, &lost),
                    ClientEvent::Forgot | ClientEvent::GaveUp(_) => {
                        return Err(format!("client {number}: {event}").into());
                    }
                    _ => {}
                }
            }
            () = sleep(pause), if left > 0 => {
                let mut records = records.lock();
                let next = message(number, records.next_of(number));
                if client.try_send(next).is_ok() {
                    left -= 1;
                    records.note_sent(number, left);
                }
                pause = Duration::from_millis(random.random_range(0..4000));
            }
        }
    }
}

/// What happened; of a message, what it says.
fn text(event: &ClientEvent) -> String {
    match event {
        ClientEvent::Message(message) => format!("{:?}", message.as_text().unwrap_or_default()),
        _ => event.to_string(),
    }
}

/// Heartbeats that find a dead connection in seconds.
pub(super) fn config() -> Config {
    Config::default().ping_interval(3 * SECOND).pong_timeout(2 * SECOND).close_timeout(SECOND)
}

pub(super) const PORT: u16 = 9001;
const SECOND: Duration = Duration::from_secs(1);
