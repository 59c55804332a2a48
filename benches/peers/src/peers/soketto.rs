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
    Contestant, End, Endpoint, Look, Role, Transport, Tuning, endpoint, flushing, plain,
};
use crate::memory::Memory;
use crate::wire::Kind;

pub(super) static ROWS: [Contestant; 1] = [Contestant {
    task: Some(|memory| Box::pin(plain(Socket::open(memory, Role::Server, Tuning::Memory)))),
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
        let stream = BufWriter::with_capacity(tuning.capacity(), stream.compat());
        let stream = BufReader::with_capacity(tuning.capacity(), stream);
        let builder = Builder::new(stream, role.pick(Mode::Client, Mode::Server));
        let (sender, receiver) = builder.finish();
        Self { sender, receiver, message: Vec::new(), tuning }
    }

    async fn next(&mut self) -> Result<Kind, End> {
        self.message.clear();
        match self.receiver.receive_data(&mut self.message).await {
            Ok(Data::Binary(_)) => Ok(Kind::Binary),
            Ok(Data::Text(_)) => {
                if self.tuning != Tuning::Bare {
                    simdutf8::basic::from_utf8(&self.message)?;
                }
                Ok(Kind::Text)
            }
            Err(Error::Closed) => Err(End::Closed),
            Err(_) => Err(End::Failed),
        }
    }

    fn look<'a>(&'a self, kind: &'a Kind) -> Look<'a> {
        Ok(Some((*kind, &self.message)))
    }

    async fn feed(&mut self, kind: Kind) -> Result<(), End> {
        match kind {
            Kind::Binary => self.sender.send_binary(&self.message).await?,
            Kind::Text => self.sender.send_text(core::str::from_utf8(&self.message)?).await?,
        }
        Ok(())
    }

    async fn send(&mut self, payload: &Bytes) -> Result<(), End> {
        Ok(self.sender.send_binary(payload).await?)
    }

    async fn flush(&mut self) -> Result<(), End> {
        if self.tuning == Tuning::Memory {
            // The buffer is the caller's: it need not be kept.
            self.message = Vec::new();
        }
        Ok(self.sender.flush().await?)
    }
}
