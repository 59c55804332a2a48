//! Two tasks at each end of a pipe that do this and that, in all orders: no wake-up is lost, and
//! what was sent arrives unless both ends learn that the connection failed.
//!
//! Time is paused and nothing has a deadline: time leaps only while nobody can do anything, and far
//! only where a wake-up was lost.
#![expect(
    clippy::disallowed_types,
    clippy::panic,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test is an application, and ends at what it did not expect"
)]

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use sanswire::io::tokio::{Receiver, Sender, WebSocket};
use sanswire::{
    AfterClose, CloseCode, Closed, Commands, Config, Connection, ConnectionError, Error, Event,
    Message, MessageKind,
};
use tokio::io::{DuplexStream, duplex};
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, timeout};

/// How the connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Both close at about the same time.
    BothClose,
    /// The client closes when it has sent everything.
    ClientCloses,
    /// The server is gone, with its stream.
    ServerVanishes,
    /// The client sends more than the server takes.
    TooLarge,
}

/// What became of a message that was to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Queued,
    Refused,
    /// The call was dropped, or failed, when the message may have been queued.
    Unknown,
}

/// Who sent a message: each half numbers its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Half {
    Receiver,
    Sender,
}

/// What one end has done and seen.
#[derive(Debug, Default)]
struct Log {
    sent: Vec<Fate>,
    answered: Vec<Fate>,
    received: Vec<(Half, usize)>,
}

/// One half of one end, and what it does.
struct Player {
    random: StdRng,
    log: Arc<Mutex<Log>>,
    /// Whether it lets time pass now and then.
    rests: bool,
    /// Whether time must not pass while it waits for the other end, nor while a message is on its
    /// way to it: those who are needed for that always wait.
    is_prompt: bool,
    begin: Instant,
}

impl Player {
    fn new(random: &mut StdRng, log: &Arc<Mutex<Log>>, rests: bool, is_prompt: bool) -> Self {
        let random = StdRng::from_rng(random);
        Self { random, log: Arc::clone(log), rests, is_prompt, begin: Instant::now() }
    }

    /// Lets others run, perhaps until nobody can do anything.
    async fn rest(&mut self) {
        match self.random.random_range(0..6) {
            0 => yield_now().await,
            1 if self.rests => sleep(Duration::from_millis(self.random.random_range(1..20))).await,
            _ => {}
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.begin.elapsed().as_millis()).unwrap()
    }

    fn message(&mut self, half: Half, number: usize) -> Vec<u8> {
        let len = self.random.random_range(0..600);
        let mut message = vec![u8::from(half == Half::Sender)];
        message.extend(u32::try_from(number).unwrap().to_be_bytes());
        message.extend(self.now().to_be_bytes());
        message.resize(13 + len, 7);
        message
    }

    /// Sends all that it wants to, and then perhaps keeps its half.
    async fn send(
        mut self,
        mut sender: Sender<DuplexStream>,
        end: End,
        is_client: bool,
    ) -> Option<Sender<DuplexStream>> {
        for number in 0..self.random.random_range(0..60) {
            self.rest().await;
            let message = self.message(Half::Sender, number);
            let began = self.now();
            let fate = self.send_one(&mut sender, message).await;
            assert!(!self.is_prompt || self.now() == began, "a sender was stuck for some time");
            self.log.lock().unwrap().sent.push(fate);
        }
        match end {
            // The other end may have closed already.
            End::BothClose => drop(sender.send_close(CloseCode::NORMAL, "").await),
            End::ClientCloses if is_client => {
                sender.send_close(CloseCode::NORMAL, "").await.unwrap();
            }
            End::TooLarge if is_client => drop(sender.send(vec![0; 5_000]).await),
            _ => {}
        }
        self.random.random::<bool>().then_some(sender)
    }

    async fn send_one(&mut self, sender: &mut Sender<DuplexStream>, message: Vec<u8>) -> Fate {
        let polls = self.random.random_range(1..4);
        match self.random.random_range(0..8) {
            0 => match sender.try_send(message) {
                Ok(()) => Fate::Queued,
                Err(_) => Fate::Refused,
            },
            1 => match sender.with_commands(|commands| commands.send(message)) {
                Ok(()) => Fate::Queued,
                Err(_) => Fate::Refused,
            },
            2 => match sender.feed(message).await {
                Ok(()) => Fate::Queued,
                Err(_) => Fate::Refused,
            },
            3 => match poll_times(polls, sender.feed(message)).await {
                Some(Ok(())) => Fate::Queued,
                Some(Err(_)) | None => Fate::Refused,
            },
            4 => {
                let _ = poll_times(polls, sender.ping(b"ping")).await;
                let _ = poll_times(polls, sender.flush()).await;
                Fate::Refused
            }
            5 => {
                if sender.begin(MessageKind::Binary).is_err() {
                    return Fate::Refused;
                }
                for part in message.chunks(200) {
                    if sender.send_chunk(part).await.is_err() {
                        return Fate::Unknown;
                    }
                }
                match poll_times(polls, sender.finish()).await {
                    Some(Ok(())) | None => Fate::Queued,
                    Some(Err(_)) => Fate::Unknown,
                }
            }
            6 => sent(poll_times(polls, sender.send(message)).await),
            _ => sent(Some(sender.send(message).await)),
        }
    }

    /// Receives until the end, and answers some of it.
    async fn receive(
        mut self,
        mut receiver: Receiver<DuplexStream>,
    ) -> (Result<(), Error>, Option<Closed>) {
        let ended = loop {
            self.rest().await;
            let received = match self.random.random_range(0..4) {
                0 => {
                    let polls = self.random.random_range(1..4);
                    let Some(received) = poll_times(polls, receiver.recv()).await else { continue };
                    received
                }
                1 => {
                    let taken = receiver.recv_with(|event, commands| self.take(event, commands));
                    match taken.await {
                        Ok(Some(None)) => continue,
                        taken => taken.map(Option::flatten),
                    }
                }
                _ => receiver.recv().await,
            };
            match received {
                Ok(Some(message)) => self.note(&message),
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        (ended, receiver.closed())
    }

    fn take(&mut self, event: Event<'_>, commands: &mut Commands<'_>) -> Option<Message> {
        let message = event.into_message()?;
        let number = self.log.lock().unwrap().answered.len();
        let fate = match commands.send(self.message(Half::Receiver, number)) {
            Ok(()) => Fate::Queued,
            Err(_) => Fate::Refused,
        };
        self.log.lock().unwrap().answered.push(fate);
        Some(message)
    }

    fn note(&self, message: &Message) {
        let (half, rest) = message.as_bytes().split_first().unwrap();
        let half = if *half == 1 { Half::Sender } else { Half::Receiver };
        let (number, rest) = rest.split_first_chunk().unwrap();
        let number = usize::try_from(u32::from_be_bytes(*number)).unwrap();
        let sent = u64::from_be_bytes(*rest.first_chunk().unwrap());
        assert!(!self.is_prompt || self.now() == sent, "a message was stuck for some time");
        self.log.lock().unwrap().received.push((half, number));
    }
}

fn sent(result: Option<Result<(), Error>>) -> Fate {
    match result {
        Some(Ok(())) => Fate::Queued,
        Some(Err(Error::Send { .. })) => Fate::Refused,
        Some(Err(_)) | None => Fate::Unknown,
    }
}

/// Polls a future so many times, each when it was woken, and drops it then.
async fn poll_times<F: Future>(times: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = times;
    poll_fn(|cx| {
        left -= 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Asserts that what arrived is what was queued, in order, without a gap, and all of it if it was
/// a clean end.
fn assert_delivered(fates: &[Fate], half: Half, received: &[(Half, usize)], is_whole: bool) {
    let received: Vec<_> =
        received.iter().filter(|(by, _)| *by == half).map(|(_, number)| *number).collect();
    assert!(received.is_sorted_by(|a, b| a < b), "{received:?}");
    for number in &received {
        // The last one may be on its way while the call that sends it has not returned.
        assert_ne!(fates.get(*number), Some(&Fate::Refused), "{number} arrived");
    }
    let end = if is_whole { fates.len() } else { received.last().map_or(0, |last| last + 1) };
    for (number, fate) in fates.iter().enumerate().take(end) {
        let is_there = received.binary_search(&number).is_ok();
        assert!(is_there || *fate != Fate::Queued, "{number} did not arrive");
    }
}

fn config(random: &mut StdRng) -> Config {
    let max_buffered = [50, 500, 5_000, 1 << 20][random.random_range(0..4)];
    Config::default()
        .after_close(AfterClose::Deliver)
        .max_buffered(max_buffered)
        .low_water(max_buffered / 2)
        .max_message_size(1_000)
        .ping_interval(None)
        .write_timeout(None)
        .close_timeout(None)
}

async fn play(seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let end = [End::BothClose, End::ClientCloses, End::ServerVanishes, End::TooLarge]
        [random.random_range(0..4)];
    let (near, far) = duplex([1, 3, 20, 100, 1_000, 10_000][random.random_range(0..6)]);
    let client = Connection::client(&config(&mut random), [7; 32]);
    let server = Connection::server(&config(&mut random));
    let (client_sender, client_receiver) = WebSocket::from_driver(near, client).split();
    let (server_sender, server_receiver) = WebSocket::from_driver(far, server).split();
    let (client, server) = (Arc::default(), Arc::default());
    let [client_rests, server_rests]: [bool; 2] = random.random();
    let nobody_rests = !client_rests && !server_rests;
    let mut player = |log, rests, is_prompt| Player::new(&mut random, log, rests, is_prompt);
    let client_sender = player(&client, true, !server_rests).send(client_sender, end, true);
    let server_sender = player(&server, true, !client_rests).send(server_sender, end, false);
    let client_receiver = player(&client, client_rests, nobody_rests).receive(client_receiver);
    let server_receiver = player(&server, server_rests, nobody_rests).receive(server_receiver);
    let (client_sending, server_sending) =
        (tokio::spawn(client_sender), tokio::spawn(server_sender));
    let client_receiving = tokio::spawn(client_receiver);
    let server_receiving = tokio::spawn(server_receiver);
    let server_sending = if end == End::ServerVanishes {
        sleep(Duration::from_millis(random.random_range(0..50))).await;
        server_receiving.abort();
        server_sending.abort();
        // With the half that it may have returned.
        drop(server_sending);
        None
    } else {
        Some(server_sending)
    };
    let (client_ended, client_closed) = client_receiving.await.unwrap();
    let server_ended = server_receiving.await;
    match end {
        End::BothClose | End::ClientCloses => {
            client_ended.unwrap();
            server_ended.unwrap().0.unwrap();
        }
        End::ServerVanishes => {
            let error = client_ended.unwrap_err();
            let is_eof = matches!(error, Error::Connection(ConnectionError::UnexpectedEof));
            assert!(is_eof || matches!(error, Error::Io(_)), "{error:?}");
        }
        End::TooLarge => {
            let (ended, _) = server_ended.unwrap();
            let Err(Error::Connection(error)) = ended else { panic!("{ended:?}") };
            assert_eq!(error, ConnectionError::MessageTooLarge { limit: 1_000 });
            client_ended.unwrap();
            assert_eq!(client_closed.unwrap().code, CloseCode::MESSAGE_TOO_BIG);
        }
    }
    // Who still sends is told.
    client_sending.await.unwrap();
    if let Some(sending) = server_sending {
        sending.await.unwrap();
    }
    let (client, server) = (client.lock().unwrap(), server.lock().unwrap());
    let is_clean = matches!(end, End::BothClose | End::ClientCloses);
    let is_whole = is_clean;
    assert_delivered(&client.sent, Half::Sender, &server.received, is_whole);
    assert_delivered(&client.answered, Half::Receiver, &server.received, is_whole);
    // The server has told all before it failed.
    let is_whole = is_clean || end == End::TooLarge;
    assert_delivered(&server.sent, Half::Sender, &client.received, is_whole);
    assert_delivered(&server.answered, Half::Receiver, &client.received, is_whole);
}

#[tokio::test(start_paused = true)]
async fn halves_in_any_order_lose_neither_messages_nor_wake_ups() {
    for seed in 0..200 {
        // Pongs behind a Close frame may wait in vain for a peer that has closed and reads no more.
        let played = tokio::spawn(timeout(Duration::from_secs(6), play(seed)));
        match played.await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => panic!("seed {seed}: a wake-up was lost"),
            Err(failed) => panic!("seed {seed}: {failed}"),
        }
    }
}
