//! The processes that are attacked: an echo server, and a client that receives; knows no attack.

use std::io::{Read, Write as _};
use std::time::Duration;

use sanswire::extension::DeflateConfig;
use sanswire::handshake::{Acceptance, ClientRequest, HeadLimits, OriginPolicy, Request, Response};
use sanswire::io::tokio::server::Peer;
use sanswire::io::tokio::{NetStream, Server, WebSocket};
use sanswire::{Config, Error, Message};

use crate::Fault;

/// Which deadlines a server has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deadlines {
    /// Those of the crate.
    Default,
    /// So short that they can be waited for.
    Short,
}

impl Deadlines {
    fn config(self) -> Config {
        match self {
            Self::Default => Config::default(),
            Self::Short => Config::default()
                .ping_interval(Duration::from_secs(3))
                .pong_timeout(Duration::from_secs(3))
                .write_timeout(Duration::from_secs(4))
                .close_timeout(Duration::from_secs(3))
                .hold_timeout(Duration::from_secs(1)),
        }
    }

    fn head_limits(self) -> HeadLimits {
        match self {
            Self::Default => HeadLimits::default(),
            Self::Short => HeadLimits::default().timeout(Duration::from_secs(3)),
        }
    }

    /// Returns the arguments of a process that serves.
    pub(crate) const fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Default => &["serve"],
            Self::Short => &["serve", "short"],
        }
    }
}

pub(crate) const MAX_CONNECTIONS: usize = 400;
pub(crate) const MAX_HANDSHAKES_PER_ADDRESS: usize = 64;

/// Serves until its standard input ends. Says its port, then each error.
#[tokio::main]
pub(crate) async fn serve(deadlines: Deadlines) -> Result<(), Fault> {
    let server = Server::bind("127.0.0.1:0")
        .await?
        .config(deadlines.config())
        .head_limits(deadlines.head_limits())
        .max_connections(MAX_CONNECTIONS)
        .max_handshakes_per_address(MAX_HANDSHAKES_PER_ADDRESS)
        .on_error(|error| say(&format!("{error:?}")));
    say(&server.local_addr()?.port().to_string());
    std::thread::spawn(|| {
        let _ = std::io::stdin().read(&mut [0]);
        std::process::exit(0);
    });
    server.serve_with(decide, handle).await;
    Ok(())
}

async fn decide(request: Request, _: Peer) -> Result<(Acceptance, String), Response> {
    if request.path() == "/origin" {
        OriginPolicy::same_origin().check(&request)?;
    }
    let acceptance = Acceptance::new()
        .deflate(&DeflateConfig::default())
        .subprotocol(request.subprotocols().next());
    Ok((acceptance, request.path().to_owned()))
}

async fn handle(mut socket: WebSocket<NetStream>, path: String) -> Result<(), Error> {
    match path.as_str() {
        "/close" => return socket.close(1000, "").await,
        "/flood" => loop {
            send(&mut socket, vec![b'f'; 4096].into()).await?;
        },
        "/sink" => {
            while socket.recv().await?.is_some() {}
            return Ok(());
        }
        _ => {}
    }
    while let Some(message) = socket.recv().await? {
        send(&mut socket, message).await?;
    }
    Ok(())
}

/// Sends, and finds out which deadline has passed if one has.
async fn send(socket: &mut WebSocket<NetStream>, message: Message) -> Result<(), Error> {
    let sent = socket.send(message).await;
    if let Err(Error::Timeout(_)) = sent {
        while socket.recv().await?.is_some() {}
    }
    sent
}

/// Connects, asks for an echo and receives until the end. Says how it ended, and by how many KiB its
/// memory has grown at most.
#[tokio::main]
pub(crate) async fn connect(authority: &str) -> Result<(), Fault> {
    let before = crate::process::memory("self")?.now;
    let request = ClientRequest::new(authority, "/chat")?
        .header("Authorization", "Bearer secret")?
        .subprotocol("chat")?
        .deflate(&DeflateConfig::default())
        .head_limits(Deadlines::Short.head_limits())
        .refusal_timeout(Duration::from_secs(1));
    let ended = receive(&request).await;
    match ended {
        Ok(()) => say("closed"),
        Err(error) => say(&format!("{error:?}\t{error}")),
    }
    say(&crate::process::memory("self")?.peak.saturating_sub(before).to_string());
    Ok(())
}

async fn receive(request: &ClientRequest) -> Result<(), Error> {
    let mut socket = WebSocket::connect_with(request, &Config::default()).await?;
    socket.send("hello").await?;
    while socket.recv().await?.is_some() {}
    Ok(())
}

/// One line, even if its text has several.
fn say(text: &str) {
    let mut stdout = std::io::stdout().lock();
    let _ = writeln!(stdout, "{}", text.replace('\n', "\\n"));
    let _ = stdout.flush();
}
