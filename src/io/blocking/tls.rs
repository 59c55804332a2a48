//! TLS on blocking streams, by rustls; decides nothing.

use core::time::Duration;
use std::io::{self, Read, Write};

use rustls::Connection;

use super::NetStream;
use crate::io::Transport;
use crate::io::connector::Tls;

/// A stream with TLS on it.
#[derive(Debug)]
pub struct TlsStream<S> {
    connection: Connection,
    stream: S,
}

impl<S> TlsStream<S> {
    /// Returns the stream underneath.
    pub const fn get_ref(&self) -> &S {
        &self.stream
    }

    /// Returns what has been negotiated: the peer's certificates, the version, ALPN.
    pub fn tls(&self) -> &rustls::CommonState {
        &self.connection
    }
}

/// Does a client's TLS handshake.
pub(super) fn connect(stream: NetStream, tls: Tls) -> io::Result<NetStream> {
    let connection =
        rustls::ClientConnection::new(tls.config, tls.name).map_err(io::Error::other)?;
    Ok(TlsStream { connection: connection.into(), stream }.into())
}

impl<S: Transport> TlsStream<S> {
    fn push(&mut self) -> io::Result<()> {
        while self.connection.wants_write() {
            self.connection.write_tls(&mut self.stream)?;
        }
        Ok(())
    }

    fn pull(&mut self) -> io::Result<()> {
        self.connection.read_tls(&mut self.stream)?;
        let processed = self.connection.process_new_packets();
        processed.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        Ok(())
    }
}

impl<S: Transport> Read for TlsStream<S> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.connection.reader().read(buf) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return read,
            }
            self.push()?;
            self.pull()?;
        }
    }
}

impl<S: Transport> Write for TlsStream<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        while self.connection.is_handshaking() {
            self.push()?;
            self.pull()?;
        }
        let len = self.connection.writer().write(bytes)?;
        self.push()?;
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.push()?;
        self.stream.flush()
    }
}

impl<S: Transport> Transport for TlsStream<S> {
    fn set_read_timeout(&mut self, timeout: Duration) -> io::Result<()> {
        self.stream.set_read_timeout(timeout)
    }

    fn set_write_timeout(&mut self, timeout: Duration) -> io::Result<()> {
        self.stream.set_write_timeout(timeout)
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.connection.send_close_notify();
        self.flush()?;
        self.stream.shutdown_write()
    }
}
