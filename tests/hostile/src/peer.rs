//! The attacker's end: bytes as they are, without a protocol that could object.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use socket2::{Domain, SockRef, Socket, Type};

use crate::Fault;
use crate::process::PATIENCE;
use std::time::Duration;

/// A connection of the attacker.
#[derive(Debug)]
pub(crate) struct Peer {
    stream: TcpStream,
    /// What was read and is in no frame yet.
    received: Vec<u8>,
}

/// A frame of the other end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// FIN, the reserved bits and the opcode.
    pub(crate) first: u8,
    pub(crate) mask: Option<[u8; 4]>,
    /// Unmasked.
    pub(crate) payload: Vec<u8>,
}

/// What the other end did in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reaction {
    /// It sent one HTTP response with this status. Unless that is 101, the connection is over.
    Answered(u16),
    /// It sent a Close frame with this code, and the connection is over.
    Closed(u16),
    /// It ended the connection and said nothing about it.
    Dropped,
    /// It failed by this deadline, as its own error says.
    Deadline(&'static str),
    /// It ended the connection in one of these ways; in which depends on chance.
    Ended,
    /// It went on, as the protocol has it.
    Served,
    /// A client did not open the connection, and reported why.
    Refused,
}

impl std::fmt::Display for Reaction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Answered(status) => write!(f, "HTTP {status}"),
            Self::Closed(code) => write!(f, "Close {code}"),
            Self::Dropped => f.write_str("dropped"),
            Self::Deadline(name) => write!(f, "`{name}`"),
            Self::Ended => f.write_str("ended"),
            Self::Served => f.write_str("served"),
            Self::Refused => f.write_str("not opened"),
        }
    }
}

impl Peer {
    pub(crate) fn new(stream: TcpStream) -> Result<Self, Fault> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream, received: Vec::new() })
    }

    /// Connects, from another address than that of the honest client.
    pub(crate) fn connect(port: u16) -> Result<Self, Fault> {
        Self::connect_with(port, None)
    }

    /// Connects, and has the kernel hold no more than so much of what is not read.
    fn connect_with(port: u16, buffer: Option<usize>) -> Result<Self, Fault> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        if let Some(len) = buffer {
            // Before it has told the other end how much it takes.
            socket.set_recv_buffer_size(len)?;
        }
        socket.bind(&SocketAddr::from(([127, 0, 0, 2], 0)).into())?;
        socket.connect(&SocketAddr::from(([127, 0, 0, 1], port)).into())?;
        Self::new(socket.into())
    }

    /// Connects and opens a WebSocket.
    pub(crate) fn open(port: u16) -> Result<Self, Fault> {
        Self::open_with(port, "/", "")
    }

    /// As [`open`](Self::open), with permessage-deflate.
    pub(crate) fn open_deflate(port: u16) -> Result<Self, Fault> {
        Self::open_with(port, "/", "Sec-WebSocket-Extensions: permessage-deflate\r\n")
    }

    /// As [`open`](Self::open), with a small buffer of the kernel for what is not read.
    pub(crate) fn open_unread(port: u16, path: &str) -> Result<Self, Fault> {
        Self::connect_with(port, Some(4096))?.opened(path, "")
    }

    pub(crate) fn open_with(port: u16, path: &str, headers: &str) -> Result<Self, Fault> {
        Self::connect(port)?.opened(path, headers)
    }

    fn opened(mut self, path: &str, headers: &str) -> Result<Self, Fault> {
        self.send(request(path, headers).as_bytes())?;
        let head = self.head()?;
        let wants_deflate = headers.contains("permessage-deflate");
        if !head.starts_with("HTTP/1.1 101 ")
            || head.to_ascii_lowercase().contains("permessage-deflate") != wants_deflate
        {
            return Err(Fault::new(format!("not opened as asked for: {head}")));
        }
        Ok(self)
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        Ok(self.stream.write_all(bytes)?)
    }

    /// Sends as long as the other end takes it; it may have had enough.
    pub(crate) fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Sends each byte in a segment of its own.
    pub(crate) fn trickle(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if !self.try_send(&[*byte]) {
                return;
            }
        }
    }

    /// Sends nothing more.
    pub(crate) fn finish(&self) -> Result<(), Fault> {
        Ok(self.stream.shutdown(std::net::Shutdown::Write)?)
    }

    /// Goes away without a word: the other end gets a reset.
    pub(crate) fn reset(self) -> Result<(), Fault> {
        Ok(SockRef::from(&self.stream).set_linger(Some(Duration::ZERO))?)
    }

    /// Reads the head of a response or request.
    pub(crate) fn head(&mut self) -> Result<String, Fault> {
        loop {
            let end = self.received.windows(4).position(|four| four == b"\r\n\r\n");
            if let Some(end) = end {
                let head: Vec<u8> = self.received.drain(..end + 4).collect();
                return Ok(String::from_utf8_lossy(&head).into_owned());
            }
            if !self.read()? {
                return Err(Fault::new("the stream ended before the head"));
            }
        }
    }

    /// Reads the next frame; `None` at the end of the stream.
    pub(crate) fn frame(&mut self) -> Result<Option<Frame>, Fault> {
        loop {
            if let Some((frame, len)) = parse(&self.received) {
                self.received.drain(..len);
                return Ok(Some(frame));
            }
            if !self.read()? {
                return Ok(None);
            }
        }
    }

    /// Reads the next frame, which must be this one.
    pub(crate) fn expect(&mut self, first: u8, payload: &[u8]) -> Result<(), Fault> {
        loop {
            match self.frame()? {
                // Heartbeats are none of its business.
                Some(Frame { first: 0x89, .. }) if first != 0x89 => {}
                Some(frame) if frame.first == first && frame.payload == payload => return Ok(()),
                other => {
                    let is = other.map(|frame| (frame.first, frame.payload.len()));
                    return Err(Fault::new(format!(
                        "{is:02x?}, and not {first:02x} with {} bytes",
                        payload.len()
                    )));
                }
            }
        }
    }

    /// Reads to the end of an open WebSocket.
    pub(crate) fn end(&mut self) -> Result<Reaction, Fault> {
        let mut reaction = Reaction::Dropped;
        while let Some(frame) = self.frame()? {
            if frame.first == 0x88 {
                let code =
                    frame.payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code));
                reaction = Reaction::Closed(code);
            }
        }
        if self.received.is_empty() {
            Ok(reaction)
        } else {
            Err(Fault::new("the stream ended within a frame"))
        }
    }

    /// Reads an answer to a request to its end, and nothing may follow it.
    pub(crate) fn answer(&mut self) -> Result<Reaction, Fault> {
        while self.read()? {}
        if self.received.is_empty() {
            return Ok(Reaction::Dropped);
        }
        let text = String::from_utf8_lossy(&self.received).into_owned();
        let status = text.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
        match status {
            Some(status) if text.matches("HTTP/1.1 ").count() == 1 => {
                if !text.contains("\r\nConnection: close") {
                    return Err(Fault::new(format!("it does not say that it closes: {text}")));
                }
                Ok(Reaction::Answered(status))
            }
            _ => Err(Fault::new(format!("not one answer: {text}"))),
        }
    }

    /// Reads what there is, as long as there is less than `most`.
    pub(crate) fn drain(&mut self, most: usize) -> Result<usize, Fault> {
        let mut bytes = vec![0; most];
        Ok(self.stream.read(&mut bytes)?)
    }

    /// Reads some more; returns whether there was something before the end.
    fn read(&mut self) -> Result<bool, Fault> {
        let mut bytes = [0; 64 << 10];
        match self.stream.read(&mut bytes) {
            Ok(len) => {
                self.received.extend_from_slice(&bytes[..len]);
                Ok(len > 0)
            }
            // It has closed and threw away what was still sent to it.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(false),
            Err(error) => Err(Fault::new(format!("nothing comes, not even the end: {error}"))),
        }
    }
}

/// A valid request, with further headers.
pub(crate) fn request(path: &str, headers: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\n\
         Host: 127.0.0.1\r\n\
         Upgrade: websocket\r\n\
         Connection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Version: 13\r\n\
         {headers}\r\n"
    )
}

/// A frame of a client, with its length in the shortest form.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = header(first, payload.len() as u64);
    bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, key)| byte ^ key));
    bytes
}

/// The header of a frame of a client, whose payload may never come.
pub(crate) fn header(first: u8, len: u64) -> Vec<u8> {
    let mut bytes = unmasked_header(first, len);
    if let Some(second) = bytes.get_mut(1) {
        *second |= 0x80;
    }
    bytes.extend(MASK);
    bytes
}

/// A frame of a server.
pub(crate) fn unmasked(first: u8, payload: &[u8]) -> Vec<u8> {
    [&unmasked_header(first, payload.len() as u64), payload].concat()
}

pub(crate) fn unmasked_header(first: u8, len: u64) -> Vec<u8> {
    let long = len.to_be_bytes();
    match len {
        0..126 => vec![first, long[7]],
        126..65_536 => [&[first, 126], &long[6..]].concat(),
        _ => [&[first, 127], &long[..]].concat(),
    }
}

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Parses one frame, and returns how long it is.
fn parse(bytes: &[u8]) -> Option<(Frame, usize)> {
    let (&first, &second) = (bytes.first()?, bytes.get(1)?);
    let (len, mut at) = match second & 0x7f {
        126 => (usize::from(u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?)), 4),
        127 => (u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?).try_into().ok()?, 10),
        len => (usize::from(len), 2),
    };
    let mut mask = None;
    if second & 0x80 != 0 {
        mask = Some(*bytes.get(at..)?.first_chunk()?);
        at += 4;
    }
    let mut payload = bytes.get(at..at.checked_add(len)?)?.to_vec();
    if let Some(mask) = mask {
        payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
    }
    Some((Frame { first, mask, payload }, at + len))
}
