//! soketto, behind buffers of the futures crate, since it writes header and payload one by one.
//! What is received is appended to a buffer of the caller's, which is the next best thing to
//! lending. It does not validate text; this adapter does, as an application must.

use bytes::Bytes;
use futures_util::io::{BufReader, BufWriter};
use soketto::connection::{Builder, Receiver as Receiving, Sender as Sending};
use soketto::{Data, Mode};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt};

use crate::memory::{self, Memory};
use crate::peer::{Peer, Receive, Receiver, Role, Sender, Server, Task, Transmit, Tuning};
use crate::wire::Kind;

pub(super) struct Soketto;

impl Peer for Soketto {
    fn name(&self) -> &'static str {
        "soketto"
    }

    fn receivers(&self, transport: &dyn Fn() -> Memory, role: Role) -> Vec<Receiver> {
        let socket = Socket::new(transport(), role, Tuning::Speed);
        vec![Receiver::new("soketto", "lent", socket)]
    }

    fn senders(&self, transport: &dyn Fn() -> Memory, role: Role, tuning: Tuning) -> Vec<Sender> {
        vec![Sender::new("soketto", "slice", Socket::new(transport(), role, tuning))]
    }

    fn tasks(&self, transport: &dyn Fn() -> Memory) -> Vec<Task> {
        vec![Task::new("soketto", echo(transport(), Tuning::Memory))]
    }

    fn servers(&self) -> Vec<Server> {
        vec![Server::tokio("soketto", |stream, tuning| drop(tokio::spawn(echo(stream, tuning))))]
    }
}

struct Socket<S> {
    sender: Sending<BufReader<BufWriter<Compat<S>>>>,
    receiver: Receiving<BufReader<BufWriter<Compat<S>>>>,
    message: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    fn new(stream: S, role: Role, tuning: Tuning) -> Self {
        let capacity = match tuning {
            Tuning::Memory => 8 << 10,
            Tuning::Speed => 64 << 10,
        };
        let mode = match role {
            Role::Client => Mode::Client,
            Role::Server => Mode::Server,
        };
        let stream = BufWriter::with_capacity(capacity, stream.compat());
        let stream = BufReader::with_capacity(capacity, stream);
        let (sender, receiver) = Builder::new(stream, mode).finish();
        Self { sender, receiver, message: Vec::new() }
    }

    /// Receives a message into `message`.
    async fn next(&mut self) -> Option<Kind> {
        self.message.clear();
        match self.receiver.receive_data(&mut self.message).await.ok()? {
            Data::Binary(_) => Some(Kind::Binary),
            Data::Text(_) => {
                simdutf8::basic::from_utf8(&self.message).is_ok().then_some(Kind::Text)
            }
        }
    }

    /// Sends `message` back.
    async fn reply(&mut self, kind: Kind) -> Option<()> {
        match kind {
            Kind::Binary => self.sender.send_binary(&self.message).await.ok(),
            Kind::Text => {
                self.sender.send_text(core::str::from_utf8(&self.message).ok()?).await.ok()
            }
        }
    }
}

impl Receive for Socket<Memory> {
    fn receive(&mut self, messages: usize, mut take: impl FnMut(Kind, &[u8])) {
        memory::run(async {
            for _ in 0..messages {
                let kind = self.next().await.unwrap();
                take(kind, &self.message);
            }
        });
    }
}

impl Transmit for Socket<Memory> {
    fn send(&mut self, payload: &Bytes, messages: usize) {
        memory::run(async {
            for _ in 0..messages {
                self.sender.send_binary(payload).await.unwrap();
            }
            self.sender.flush().await.unwrap();
        });
    }
}

async fn echo<S: AsyncRead + AsyncWrite + Unpin>(stream: S, tuning: Tuning) {
    let mut socket = Socket::new(stream, Role::Server, tuning);
    while let Some(kind) = socket.next().await {
        if socket.reply(kind).await.is_none() || socket.sender.flush().await.is_err() {
            return;
        }
        if tuning == Tuning::Memory {
            // The buffer is the caller's: it need not be kept.
            socket.message = Vec::new();
        }
    }
}
