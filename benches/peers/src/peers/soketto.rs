//! soketto, behind buffers of the futures crate, since it writes header and payload one by one.
//! What is received is appended to a buffer of the caller's, which is the next best thing to
//! lending. It does not validate text; this adapter does, as an application must.

use bytes::Bytes;
use futures_util::io::{BufReader, BufWriter};
use soketto::connection::{Builder, Error, Receiver, Sender};
use soketto::{Data, Mode};
use tokio::net::TcpStream;
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt};

use crate::contestant::{
    Contestant, End, Endpoint, Role, Transport, Tuning, endpoint, flushing, plain,
};
use crate::memory::Memory;
use crate::wire::Kind;

pub(super) static ROWS: [Contestant; 1] = [Contestant {
    task: Some(|memory| Box::pin(plain::<_, Socket<_>>(memory, Tuning::Memory))),
    server: flushing::<Socket<TcpStream>>(),
    ..endpoint::<Socket<Memory>>("soketto", "lent", "slice")
}];

struct Socket<S> {
    sender: Sender<BufReader<BufWriter<Compat<S>>>>,
    receiver: Receiver<BufReader<BufWriter<Compat<S>>>>,
    message: Vec<u8>,
    tuning: Tuning,
}

impl<S: Transport> Endpoint<S> for Socket<S> {
    type Message = Kind;

    fn open(stream: S, role: Role, tuning: Tuning) -> Self {
        let capacity = if tuning == Tuning::Memory { 8 << 10 } else { 64 << 10 };
        let mode = role.pick(Mode::Client, Mode::Server);
        let stream = BufWriter::with_capacity(capacity, stream.compat());
        let stream = BufReader::with_capacity(capacity, stream);
        let (sender, receiver) = Builder::new(stream, mode).finish();
        Self { sender, receiver, message: Vec::new(), tuning }
    }

    async fn next(&mut self) -> Result<Kind, End> {
        self.message.clear();
        let data = self.receiver.receive_data(&mut self.message).await;
        let is_closed = |error: &_| matches!(error, Error::Closed);
        let data =
            data.map_err(|error| if is_closed(&error) { End::Closed } else { End::Failed })?;
        let is_bad = |message| simdutf8::basic::from_utf8(message).is_err();
        if data.is_text() && self.tuning != Tuning::Bare && is_bad(&self.message) {
            return Err(End::Failed);
        }
        Ok(Kind::text_if(matches!(data, Data::Text(_))))
    }

    fn show<'a>(&'a self, kind: &'a Kind) -> (Kind, &'a [u8]) {
        (*kind, &self.message)
    }

    async fn feed(&mut self, kind: Kind) -> Option<()> {
        match kind {
            Kind::Binary => self.sender.send_binary(&self.message).await.ok(),
            Kind::Text => {
                self.sender.send_text(core::str::from_utf8(&self.message).ok()?).await.ok()
            }
        }
    }

    async fn send(&mut self, payload: &Bytes) -> Option<()> {
        self.sender.send_binary(payload).await.ok()
    }

    async fn flush(&mut self) -> Option<()> {
        if self.tuning == Tuning::Memory {
            // The buffer is the caller's: it need not be kept.
            self.message = Vec::new();
        }
        self.sender.flush().await.ok()
    }
}
