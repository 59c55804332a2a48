//! Either end, with one thread: a server that says something to all, and clients that hear it.

use std::io::{self, BufRead, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use sanswire::handshake::ClientRequest;
use sanswire::io::tokio::{NetStream, Server, WebSocket};
use sanswire::{Config, Error, Prepared};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, broadcast, mpsc};
use tokio::task::JoinSet;

/// Says its address; at "say", sends the message to all; at "count", says how many there are.
pub(crate) fn serve() -> io::Result<()> {
    run(async {
        let server = Server::bind("127.0.0.1:0").await?.max_handshakes_per_address(None);
        say(&server.local_addr()?.to_string())?;
        let handle = server.handle();
        let (all, _) = broadcast::channel(1);
        let room = all.clone();
        let serving = tokio::spawn(server.serve(async move |socket| listen(socket, &room).await));
        let message = Prepared::text(MESSAGE);
        let mut lines = lines();
        while let Some(line) = lines.recv().await {
            if line == "say" {
                // Nobody there is no failure here: the clients would not hear.
                let _ = all.send(message.clone());
            } else {
                say(&handle.stats().connections.to_string())?;
            }
        }
        serving.abort();
        Ok(())
    })
}

async fn listen(
    mut socket: WebSocket<NetStream>,
    room: &broadcast::Sender<Prepared>,
) -> Result<(), Error> {
    let mut said = room.subscribe();
    loop {
        tokio::select! {
            message = said.recv() => match message {
                Ok(message) => socket.feed(&message).await?,
                Err(_) => return socket.close(1001, "").await,
            },
            received = socket.recv() => if received?.is_none() {
                return Ok(());
            },
        }
    }
}

/// Says "open" when all are, and "heard" whenever each has received the message.
pub(crate) fn connect(address: &str, count: usize) -> io::Result<()> {
    let address: SocketAddr = address.parse().map_err(io::Error::other)?;
    run(async move {
        let heard = Arc::new(Heard { count, messages: AtomicUsize::new(0) });
        // So many handshakes at once.
        let (permits, mut open) = (Arc::new(Semaphore::new(64)), JoinSet::new());
        for _ in 0..count {
            let permit = Arc::clone(&permits).acquire_owned().await.map_err(io::Error::other)?;
            let heard = Arc::clone(&heard);
            open.spawn(async move {
                let socket = enter(address).await?;
                drop(permit);
                tokio::spawn(hear(socket, heard));
                Ok::<_, io::Error>(())
            });
        }
        while let Some(opened) = open.join_next().await {
            opened??;
        }
        say("open")?;
        // Until whoever started this ends.
        let mut lines = lines();
        while lines.recv().await.is_some() {}
        Ok(())
    })
}

async fn enter(address: SocketAddr) -> io::Result<WebSocket<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let request = ClientRequest::new(&address.to_string(), "/").map_err(io::Error::other)?;
    let config = Config::default().ping_interval(None);
    WebSocket::connect_over(stream, &request, &config).await.map_err(io::Error::other)
}

async fn hear(mut socket: WebSocket<TcpStream>, heard: Arc<Heard>) {
    // A connection that fails is missed by the server's count.
    while let Ok(Some(_)) = socket.recv().await {
        heard.note();
    }
}

struct Heard {
    count: usize,
    messages: AtomicUsize,
}

impl Heard {
    fn note(&self) {
        let messages = self.messages.fetch_add(1, Ordering::Relaxed) + 1;
        if messages.is_multiple_of(self.count) {
            // Nobody who asks is left.
            let _ = say("heard");
        }
    }
}

fn run(work: impl Future<Output = io::Result<()>>) -> io::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}

fn say(line: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    writeln!(output, "{line}")?;
    output.flush()
}

/// Returns the lines of the standard input, until whoever started this process ends.
fn lines() -> mpsc::UnboundedReceiver<String> {
    let (sender, lines) = mpsc::unbounded_channel();
    thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    lines
}

/// As long as a price or a line of a chat.
pub(crate) const MESSAGE: &str =
    "{\"symbol\":\"SANS\",\"price\":123.45,\"change\":-0.07,\"at\":1700000000}";
