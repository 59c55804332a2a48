//! TLS on blocking streams, by rustls: moves its records; decides nothing about certificates.

use core::time::Duration;
use std::io::{self, IoSlice, Read, Write};
#[cfg(unix)]
use std::os::fd::{AsFd, BorrowedFd};
#[cfg(windows)]
use std::os::windows::io::{AsSocket, BorrowedSocket};
use std::thread;
use std::time::Instant;

use rustls::{ClientConnection, CommonState, Connection, ServerConnection};

use super::NetStream;
use crate::io::connector::Tls;
use crate::io::pump::is_timeout;
use crate::io::tls::{ACCEPT_LIMIT, ServerTls};
use crate::io::{Error, TlsError, TlsPart, Transport};

/// A stream with TLS on it.
///
/// [`WebSocket::connect`](super::WebSocket::connect) and [`NetStream::accept_tls`] make it of TCP
/// streams; [`handshake`](Self::handshake) makes it of any other.
///
/// Neither direction waits for the other: a write that is stuck returns when the write timeout is
/// over, and never reads. So two ends that both send much do not block each other, as they can with
/// the `StreamOwned` of rustls. What was written may wait in the stream, up to the buffer limit of
/// rustls, by default 64 KiB; [`flush`](Write::flush) returns when all of it is on its way. After
/// `WouldBlock`, `TimedOut` and `Interrupted`, each call can be made again, and nothing is lost.
///
/// A peer that ends the stream without TLS's `close_notify` may have been cut off by an attacker:
/// the read fails with [`UnexpectedEof`](io::ErrorKind::UnexpectedEof).
#[derive(Debug)]
pub struct TlsStream<S> {
    connection: Connection,
    stream: S,
    /// How long a read may block.
    read_timeout: Duration,
    /// Whether the stream was told less than that.
    is_shortened: bool,
    /// How long a write may block, as the stream was told.
    write_timeout: Duration,
    /// Whether TLS itself has something to say that nobody will flush, such as an alert.
    has_own_output: bool,
}

impl<S> TlsStream<S> {
    /// Returns the stream underneath.
    pub const fn get_ref(&self) -> &S {
        &self.stream
    }

    /// Returns what has been negotiated: the peer's certificates, the version, ALPN.
    pub fn tls(&self) -> &CommonState {
        &self.connection
    }
}

impl<S: Transport> TlsStream<S> {
    /// Does the TLS handshake of a client or a server over a connected stream, within `limit`.
    ///
    /// `connection` is a `rustls::ClientConnection` or `rustls::ServerConnection`. The timeouts of
    /// the stream are set, and are an hour afterwards.
    ///
    /// # Errors
    ///
    /// - [`InvalidData`](io::ErrorKind::InvalidData), with a `rustls::Error` in it: the ends did not
    ///   agree.
    /// - [`TimedOut`](io::ErrorKind::TimedOut) after `limit`. It works if the stream can limit its
    ///   reads and writes.
    /// - [`UnexpectedEof`](io::ErrorKind::UnexpectedEof): the peer ended the stream.
    /// - Those of the stream.
    pub fn handshake(
        connection: impl Into<Connection>,
        stream: S,
        limit: Duration,
    ) -> io::Result<Self> {
        let (connection, begin) = (connection.into(), Instant::now());
        let mut stream = Self {
            connection,
            stream,
            read_timeout: UNLIMITED,
            is_shortened: false,
            write_timeout: UNLIMITED,
            has_own_output: false,
        };
        while stream.connection.is_handshaking() || stream.connection.wants_write() {
            let left = limit.saturating_sub(begin.elapsed());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            stream.limit(left);
            match stream.step() {
                Err(error) if is_timeout(&error) => {
                    // A non-blocking stream comes back at once, and must not be asked in a busy
                    // loop.
                    thread::sleep(PAUSE.min(limit.saturating_sub(begin.elapsed())));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    stream.farewell(limit.saturating_sub(begin.elapsed()).min(FAREWELL));
                    return Err(error);
                }
                Ok(()) => {}
            }
        }
        stream.limit(UNLIMITED);
        Ok(stream)
    }

    /// Makes one step of a handshake.
    fn step(&mut self) -> io::Result<()> {
        if self.connection.wants_write() {
            self.push()?;
            return if self.connection.wants_write() { Ok(()) } else { self.stream.flush() };
        }
        match self.pull()? {
            0 if self.connection.is_handshaking() => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    /// Tells the peer why a handshake has failed, and lets it read that: TCP would destroy it if
    /// the stream were dropped with something of the peer's unread.
    fn farewell(&mut self, limit: Duration) {
        let begin = Instant::now();
        self.limit(limit);
        let _ = self.push();
        let _ = self.stream.shutdown_write();
        let mut ignored = [0; 4096];
        while matches!(self.stream.read(&mut ignored), Ok(1..)) {
            let left = limit.saturating_sub(begin.elapsed());
            if left.is_zero() {
                return;
            }
            self.limit(left);
        }
    }

    /// Sets how long the next reads and writes may block. A stream that cannot be told is not.
    fn limit(&mut self, limit: Duration) {
        let limit = limit.clamp(Duration::from_millis(1), UNLIMITED);
        let _ = Transport::set_read_timeout(self, limit);
        let _ = Transport::set_write_timeout(self, limit);
    }

    /// Writes once, as many records as the stream takes.
    fn push(&mut self) -> io::Result<()> {
        match self.connection.write_tls(&mut self.stream)? {
            0 => Err(io::ErrorKind::WriteZero.into()),
            _ => Ok(()),
        }
    }

    /// Reads once, and processes what came; 0 is the end of the stream.
    fn pull(&mut self) -> io::Result<usize> {
        let len = self.connection.read_tls(&mut self.stream)?;
        let had_output = self.connection.wants_write();
        let processed = self.connection.process_new_packets();
        self.has_own_output |= self.connection.wants_write() && !had_output;
        processed.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        Ok(len)
    }

    /// Checks that a read that has brought nothing yet may go on, and for how long. Bytes that come
    /// one by one would make each read of the stream succeed.
    fn go_on(&mut self, begin: Instant) -> io::Result<()> {
        let spent = begin.elapsed();
        let left = self.read_timeout.saturating_sub(spent);
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        // What comes at full speed is not worth a system call.
        if spent > self.read_timeout / 8 {
            self.is_shortened = self.stream.set_read_timeout(left).is_ok();
        }
        Ok(())
    }

    /// Writes what TLS itself has to say, as far as that can be done now. An error is for a write
    /// to report.
    fn push_own_output(&mut self) {
        if self.has_own_output {
            let _ = self.push();
            self.has_own_output = self.connection.wants_write();
        }
    }

    /// Writes once, and takes what is written by `encrypt`: as much as the buffer has room for.
    fn write_by(
        &mut self,
        encrypt: impl Fn(&mut rustls::Writer<'_>) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let taken = encrypt(&mut self.connection.writer())?;
        if !self.connection.wants_write() {
            // It is closed for writing, or there was nothing to write.
            return Ok(taken);
        }
        match self.push() {
            Err(error) if taken == 0 => Err(error),
            // What was taken waits for the next call.
            Err(error) if is_timeout(&error) || error.kind() == io::ErrorKind::Interrupted => {
                Ok(taken)
            }
            Err(error) => Err(error),
            Ok(()) if taken > 0 => Ok(taken),
            Ok(()) => match encrypt(&mut self.connection.writer())? {
                // What a record needs besides its payload does not count for the buffer.
                0 if self.connection.wants_write() => Err(io::ErrorKind::WouldBlock.into()),
                taken => Ok(taken),
            },
        }
    }
}

impl<S: Transport> Read for TlsStream<S> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut begin = None;
        for _ in 0..MOST_PULLS {
            match self.connection.reader().read(buf) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return read,
            }
            match begin {
                Some(begin) => self.go_on(begin)?,
                None => {
                    begin = Some(Instant::now());
                    if self.is_shortened {
                        self.set_read_timeout(self.read_timeout)?;
                    }
                }
            }
            self.push_own_output();
            if let Err(error) = self.pull() {
                if error.kind() == io::ErrorKind::InvalidData {
                    // The peer is to know.
                    self.push_own_output();
                }
                return Err(error);
            }
        }
        // Others have a turn.
        Err(io::ErrorKind::WouldBlock.into())
    }
}

impl<S: Transport> Write for TlsStream<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_by(|writer| writer.write(bytes))
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.write_by(|writer| writer.write_vectored(slices))
    }

    fn flush(&mut self) -> io::Result<()> {
        let begin = Instant::now();
        while self.connection.wants_write() {
            self.push()?;
            // A peer that takes a little each time would make each write succeed.
            if self.connection.wants_write() && begin.elapsed() >= self.write_timeout {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
        self.has_own_output = false;
        self.stream.flush()
    }
}

impl<S: Transport> Transport for TlsStream<S> {
    fn set_read_timeout(&mut self, timeout: Duration) -> io::Result<()> {
        self.read_timeout = timeout;
        self.is_shortened = false;
        self.stream.set_read_timeout(timeout)
    }

    fn set_write_timeout(&mut self, timeout: Duration) -> io::Result<()> {
        self.write_timeout = timeout;
        self.stream.set_write_timeout(timeout)
    }

    /// Sends `close_notify`, then shuts down the stream underneath.
    fn shutdown_write(&mut self) -> io::Result<()> {
        // Only the first call does something.
        self.connection.send_close_notify();
        self.flush()?;
        self.stream.shutdown_write()
    }
}

#[cfg(unix)]
impl<S: AsFd> AsFd for TlsStream<S> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

#[cfg(windows)]
impl<S: AsSocket> AsSocket for TlsStream<S> {
    fn as_socket(&self) -> BorrowedSocket<'_> {
        self.stream.as_socket()
    }
}

/// Does a client's TLS handshake within `limit`.
pub(super) fn connect(stream: NetStream, tls: Tls, limit: Duration) -> io::Result<NetStream> {
    let connection = ClientConnection::new(tls.config, tls.name).map_err(io::Error::other)?;
    TlsStream::handshake(connection, stream, limit).map(NetStream::from)
}

impl NetStream {
    /// Does a server's TLS handshake over a connected stream. The result is for
    /// [`accept`](super::WebSocket::accept).
    ///
    /// ```no_run
    /// # fn f(stream: std::net::TcpStream) -> Result<(), Box<dyn std::error::Error>> {
    /// use sanswire::Config;
    /// use sanswire::io::blocking::{NetStream, WebSocket};
    /// use sanswire::io::tls::ServerTls;
    ///
    /// let tls = ServerTls::from_pem(&std::fs::read("cert.pem")?, &std::fs::read("key.pem")?)?;
    /// stream.set_nodelay(true)?;
    /// let stream = NetStream::accept_tls(stream, &tls)?;
    /// let mut socket = WebSocket::accept(stream, &Config::default())?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// - [`Error::Tls`]: the client does not speak TLS, does not trust the certificate, or has none
    ///   where one is wanted.
    /// - [`Error::Io`]: the stream failed, or the client took longer than 10 s.
    pub fn accept_tls(stream: impl Into<Self>, tls: &ServerTls) -> Result<Self, Error> {
        let connection =
            ServerConnection::new(tls.config()).map_err(TlsError::of(TlsPart::Options))?;
        let stream = TlsStream::handshake(connection, stream.into(), ACCEPT_LIMIT);
        stream.map(Self::from).map_err(Error::of_tls_handshake)
    }
}

/// How often the stream is read for what comes to nothing: records without payload, or one that
/// trickles.
const MOST_PULLS: usize = 1024;

/// How long the peer has to read why a handshake has failed.
const FAREWELL: Duration = Duration::from_secs(1);

/// The wait before a non-blocking stream is looked at again.
const PAUSE: Duration = Duration::from_millis(5);

/// A wait without end, which streams cannot be told.
const UNLIMITED: Duration = Duration::from_secs(3600);
