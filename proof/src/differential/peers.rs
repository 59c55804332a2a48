//! The implementations that are asked about frames.

use std::io::{self, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use futures_core::Stream as _;
use sanswire::extension::{Deflate, DeflateConfig, parse_extensions};
use sanswire::{Config, Connection, Event, Role};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_websockets as tokio_ws;

use crate::differential::child::Child;
use crate::differential::scan::LIMIT;
use crate::differential::streams::Stream;
use crate::differential::told::{self, Class, Told};

/// What this crate tells of a stream that comes in these pieces, and then ends.
pub(crate) fn sanswire<'a>(stream: &Stream, pieces: impl Iterator<Item = &'a [u8]>) -> Vec<Told> {
    let limit = usize::try_from(LIMIT).expect("a small number");
    let config = Config::default().max_message_size(limit).max_frame_size(limit);
    let mut connection = match stream.role {
        Role::Client => Connection::client(&config, [7; 32]),
        Role::Server => Connection::server(&config),
    };
    if let Some(agreed) = stream.agreed {
        let agreed = parse_extensions([agreed.as_bytes()]).expect("a header");
        let deflate = Deflate::from_agreed(stream.role, &DeflateConfig::default(), &agreed[0]);
        connection = connection.with_deflate(deflate.expect("an agreement"));
    }
    let mut all = Vec::new();
    for piece in pieces.map(Some).chain([None]) {
        match piece {
            Some(piece) => connection.input().extend_from_slice(piece),
            None => connection.handle_eof(),
        }
        loop {
            match connection.poll_event() {
                Ok(Some((event, _))) => match event {
                    Event::Binary(payload) => all.push(Told::Binary(payload.to_vec())),
                    Event::Closed(closed) => {
                        all.push(Told::Closed(closed.code.into(), closed.reason.as_bytes().into()));
                        return all;
                    }
                    Event::Ping(payload) => all.push(Told::Ping(payload.to_vec())),
                    Event::Pong(payload) => all.push(Told::Pong(payload.to_vec())),
                    Event::Text(text) => all.push(Told::Text(text.as_bytes().to_vec())),
                    other => panic!("{other:?} was not asked for"),
                },
                Ok(None) => {
                    // A server ends when its Close has left.
                    let Some(output) = connection.poll_transmit() else { break };
                    bytes::Buf::advance(output, output.len());
                }
                Err(error) => {
                    let code = error.close_code().as_u16();
                    all.push(Told::Failed(Class::of_code(code).expect("a class")));
                    return all;
                }
            }
        }
    }
    panic!("the stream has ended, and the connection not: {all:?}");
}

pub(crate) fn tungstenite(stream: &Stream) -> Vec<Told> {
    use tungstenite::protocol::{Role as TheirRole, WebSocketConfig};
    use tungstenite::{Error, Message};

    let limit = usize::try_from(LIMIT).ok();
    let config = WebSocketConfig::default()
        .read_buffer_size(4 << 10)
        .max_message_size(limit)
        .max_frame_size(limit);
    let role = match stream.role {
        Role::Client => TheirRole::Client,
        Role::Server => TheirRole::Server,
    };
    let pieces = Pieces::new(stream);
    let mut socket = tungstenite::WebSocket::from_raw_socket(pieces, role, Some(config));
    let mut all = Vec::new();
    loop {
        all.push(match socket.read() {
            Ok(Message::Binary(payload)) => Told::Binary(payload.to_vec()),
            Ok(Message::Close(close)) => {
                let close =
                    close.map(|close| (close.code.into(), close.reason.as_bytes().to_vec()));
                let (code, reason) = close.unwrap_or((1005, Vec::new()));
                Told::Closed(code, reason)
            }
            Ok(Message::Ping(payload)) => Told::Ping(payload.to_vec()),
            Ok(Message::Pong(payload)) => Told::Pong(payload.to_vec()),
            Ok(Message::Text(text)) => Told::Text(text.as_bytes().to_vec()),
            Err(Error::Capacity(_)) => Told::Failed(Class::Size),
            Err(Error::Protocol(
                tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
            )) => Told::Failed(Class::End),
            Err(Error::Protocol(_)) => Told::Failed(Class::Protocol),
            Err(Error::Utf8(_)) => Told::Failed(Class::Data),
            other => panic!("{other:?}"),
        });
        if matches!(all.last(), Some(Told::Closed(..) | Told::Failed(_))) {
            return all;
        }
    }
}

pub(crate) fn tokio_websockets(stream: &Stream) -> Vec<Told> {
    use tokio_ws::proto::ProtocolError;
    use tokio_ws::{ClientBuilder, Error, Limits, ServerBuilder};

    let limits = Limits::default().max_payload_len(usize::try_from(LIMIT).ok());
    let pieces = Pieces::new(stream);
    let mut socket = match stream.role {
        Role::Client => ClientBuilder::new().limits(limits).take_over(pieces),
        Role::Server => ServerBuilder::new().limits(limits).serve(pieces),
    };
    let mut all = Vec::new();
    loop {
        let Poll::Ready(next) =
            Pin::new(&mut socket).poll_next(&mut Context::from_waker(Waker::noop()))
        else {
            panic!("it waits although all is there");
        };
        all.push(match next {
            Some(Ok(message)) => {
                let payload = message.as_payload().to_vec();
                if message.is_close() {
                    match message.as_close() {
                        Some((code, reason)) if !payload.is_empty() => {
                            Told::Closed(code.into(), reason.as_bytes().to_vec())
                        }
                        _ => Told::Closed(1005, Vec::new()),
                    }
                } else if message.is_ping() {
                    Told::Ping(payload)
                } else if message.is_pong() {
                    Told::Pong(payload)
                } else if message.is_text() {
                    Told::Text(payload)
                } else {
                    Told::Binary(payload)
                }
            }
            Some(Err(Error::PayloadTooLong { .. })) => Told::Failed(Class::Size),
            Some(Err(Error::Protocol(ProtocolError::InvalidUtf8))) => Told::Failed(Class::Data),
            Some(Err(Error::Protocol(_))) => Told::Failed(Class::Protocol),
            // Bytes are left that are no frame.
            Some(Err(Error::Io(_))) | None => Told::Failed(Class::End),
            other => panic!("{other:?}"),
        });
        if matches!(all.last(), Some(Told::Closed(..) | Told::Failed(_))) {
            return all;
        }
    }
}

/// Asks an implementation in Python.
pub(crate) fn python(child: &mut Child, name: &str, stream: &Stream) -> Vec<Told> {
    let role = match stream.role {
        Role::Client => "client",
        Role::Server => "server",
    };
    let mut question = format!("frames {name} {role} {}", stream.agreed.unwrap_or("-"));
    for piece in stream.pieces() {
        question += " ";
        question += &told::hex(piece);
    }
    let answer = child.ask(&question);
    told::parse(&answer).unwrap_or_else(|| panic!("{name} says {answer}, asked: {question}"))
}

/// A transport that delivers pieces, then ends, and takes everything.
#[derive(Debug)]
struct Pieces(std::vec::IntoIter<Vec<u8>>);

impl Pieces {
    fn new(stream: &Stream) -> Self {
        // No reader of the embedded ones reads less.
        let pieces: Vec<_> =
            stream.pieces().flat_map(|piece| piece.chunks(4 << 10)).map(<[u8]>::to_vec).collect();
        Self(pieces.into_iter())
    }
}

impl Read for Pieces {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let Some(piece) = self.0.next() else { return Ok(0) };
        let (now, later) = piece.split_at(piece.len().min(buf.len()));
        buf[..now.len()].copy_from_slice(now);
        if !later.is_empty() {
            let rest = core::iter::once(later.to_vec()).chain(self.0.by_ref());
            self.0 = rest.collect::<Vec<_>>().into_iter();
        }
        Ok(now.len())
    }
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsyncRead for Pieces {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = self.read(buf.initialize_unfilled())?;
        buf.advance(read);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pieces {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
