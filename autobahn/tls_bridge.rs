//! Takes TLS off a connection, or puts it on: the test suite itself speaks plain WebSocket only.
//!
//! ```text
//! tls_bridge off ADDR TO    accepts TLS at ADDR, and passes on to TO
//! tls_bridge on ADDR TO     accepts TCP at ADDR, and passes on to TO over TLS
//! ```
//!
//! The certificate is made at the start, and none is verified: nothing is tested here but what both
//! ends send.

use std::io;
use std::process::ExitCode;

use sanswire::io::tls::{ClientTls, ServerTls};
use sanswire::io::tokio::NetStream;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

const USAGE: &str = "usage: tls_bridge on|off ADDR TO";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (is_on, address, to) = match &arguments[..] {
        [mode, address, to] if mode == "on" => (true, address, to),
        [mode, address, to] if mode == "off" => (false, address, to),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::FAILURE;
        }
    };
    match serve(is_on, address, to.clone()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{address}: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(is_on: bool, address: &str, to: String) -> Result<(), Box<dyn core::error::Error>> {
    let identity = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    let (certificate, key) = (identity.cert.pem(), identity.signing_key.serialize_pem());
    let accepting = ServerTls::from_pem(certificate.as_bytes(), key.as_bytes())?;
    let connecting =
        TlsConnector::from(ClientTls::new().dangerous_trust_any_certificate().resolve()?);
    let listener = TcpListener::bind(address).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let (to, accepting, connecting) = (to.clone(), accepting.clone(), connecting.clone());
        tokio::spawn(async move {
            let passed = if is_on {
                put_on(stream, &to, connecting).await
            } else {
                take_off(stream, &to, &accepting).await
            };
            if let Err(error) = passed {
                eprintln!("{to}: {error}");
            }
        });
    }
}

async fn put_on(mut stream: TcpStream, to: &str, tls: TlsConnector) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let peer = TcpStream::connect(to).await?;
    peer.set_nodelay(true)?;
    let name = "localhost".try_into().map_err(io::Error::other)?;
    let mut peer = tls.connect(name, peer).await?;
    copy_bidirectional(&mut stream, &mut peer).await.map(drop)
}

async fn take_off(stream: TcpStream, to: &str, tls: &ServerTls) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = NetStream::accept_tls(stream, tls).await.map_err(io::Error::other)?;
    let mut peer = TcpStream::connect(to).await?;
    peer.set_nodelay(true)?;
    copy_bidirectional(&mut stream, &mut peer).await.map(drop)
}
