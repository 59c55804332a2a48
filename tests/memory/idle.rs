//! What a connection holds while it is idle: its state, and no buffers.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and the figures are worth a look"
)]

use core::time::Duration;

use sanswire::driver::Driver;
use sanswire::io::tokio::{Server, WebSocket};
use sanswire::{Commands, Config, Connection, Error, Event, Role};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use crate::heap::{Heap, heap_of, signed};
use crate::support::{BINARY, FIN, frame, from};

/// What a task over a WebSocket holds at most beyond one over the bare stream, in bytes.
const BEYOND_RAW: isize = 1_024;

/// What a thread keeps at most for its connections.
const SPARE: isize = 264 << 10;
/// What a connection of a server holds at most beyond a task over the bare stream: it is counted,
/// watches the shutdown, and may be closed behind its handler. The future of the handler is a box of
/// its own, with the place of the socket twice: as its argument and as its variable.
const BEYOND_RAW_OF_SERVER: isize = 2_560;

/// What is left at most of a connection that has ended, in tables that keep their size.
const LEFT: isize = 16;

/// How many connections are measured at once.
const COUNT: usize = 100;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\n\
    Host: server.example.com\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\
    \r\n";

const RESPONSE: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
    \r\n";

#[test]
fn the_machine_of_an_idle_server_takes_640_bytes_at_most() {
    let mut kept = None;
    let boxed = heap_of(|| kept = Some(Driver::from(Connection::server(&Config::default())))).live;
    let all = signed(size_of::<Driver>()) + boxed;
    println!(
        "an idle server's machine: {all} bytes, {boxed} of them in boxes; its connection {}",
        size_of::<Connection>(),
    );
    assert!(all <= 640, "{all} bytes");
    drop(kept);
}

/// Serves connections in tasks until they have sent `request` back as `answer` and wait; returns
/// what is held for another one.
async fn held<F>(serve: impl Fn(TcpStream) -> F, request: &[&[u8]], answer: &[&[u8]]) -> isize
where
    F: Future<Output = Result<(), Error>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (request, answer) = (request.concat(), answer.concat());
    let (mut idle, mut held) = (Vec::new(), 0);
    // What the thread keeps for all of its connections is there once it has served some.
    for _ in 0..3 {
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        let mut read = vec![0; answer.len()];
        let before = Heap::now().live;
        let task = tokio::spawn(serve(server));
        client.write_all(&request).await.unwrap();
        client.read_exact(&mut read).await.unwrap();
        // Then it has nothing to do.
        sleep(Duration::from_millis(10)).await;
        held = Heap::now().live - before;
        assert!(read == answer);
        idle.push((client, task));
    }
    for (client, task) in idle {
        drop(client);
        task.await.unwrap().unwrap_err();
    }
    held
}

async fn raw(mut stream: TcpStream) -> Result<(), Error> {
    loop {
        stream.readable().await?;
        let mut read = Vec::with_capacity(100_000);
        match stream.try_read_buf(&mut read) {
            Ok(0) => return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into()),
            Ok(_) => stream.write_all(&read).await?,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
    }
}

async fn echo(stream: TcpStream) -> Result<(), Error> {
    let mut socket = WebSocket::accept(stream, &Config::default()).await?;
    while let Some(message) = socket.recv().await? {
        socket.send(message).await?;
    }
    Ok(())
}

async fn handle(stream: TcpStream) -> Result<(), Error> {
    let mut socket = WebSocket::accept(stream, &Config::default()).await?;
    let answer = |event: Event<'_>, commands: &mut Commands<'_>| {
        if let Event::Binary(payload) = event {
            commands.send(&payload).unwrap();
        }
    };
    socket.run(answer).await
}

#[tokio::test]
async fn a_task_that_waits_holds_1_kib_at_most_beyond_one_over_the_bare_stream() {
    let message = frame(FIN | BINARY, &[7; 64 << 10]);
    let masked = from(Role::Client, &message);
    let (request, answer) = ([REQUEST, &masked], [RESPONSE, &message]);
    let bare = held(raw, &[&masked], &[&masked]).await;
    let echoing = held(echo, &request, &answer).await - bare;
    let handling = held(handle, &request, &answer).await - bare;
    println!(
        "a task over the bare stream holds {bare} bytes; over a WebSocket {echoing} more, with a \
         handler {handling}"
    );
    assert!(echoing <= BEYOND_RAW, "{echoing} bytes");
    assert!(handling <= BEYOND_RAW, "{handling} bytes");
}

#[tokio::test]
async fn a_connection_of_a_server_that_waits_holds_2560_bytes_at_most_beyond_a_bare_task() {
    let message = frame(FIN | BINARY, &[7; 64 << 10]);
    let masked = from(Role::Client, &message);
    let bare = held(raw, &[&masked], &[&masked]).await;
    let server = Server::bind("127.0.0.1:0").await.unwrap();
    let (address, handle) = (server.local_addr().unwrap(), server.handle());
    let serving = tokio::spawn(server.serve(async |mut socket| {
        while let Some(message) = socket.recv().await? {
            socket.send(message).await?;
        }
        Ok(())
    }));
    let (request, answer) = ([REQUEST, &masked].concat(), [RESPONSE, &message].concat());
    let mut read = vec![0; answer.len()];
    let mut exchange = async |client: &mut TcpStream, sent: &[u8], len: usize| {
        client.write_all(sent).await.unwrap();
        client.read_exact(&mut read[..len]).await.unwrap();
        assert_eq!(read[..len], answer[answer.len() - len..]);
    };
    // As long as this one is there, it has been given the buffers that the thread keeps.
    let mut first = TcpStream::connect(address).await.unwrap();
    exchange(&mut first, &request, answer.len()).await;
    let mut settled = [0; 2];
    let mut clients = Vec::with_capacity(COUNT);
    for live in &mut settled {
        exchange(&mut first, &masked, message.len()).await;
        sleep(Duration::from_millis(10)).await;
        let before = Heap::now().live;
        for _ in 0..COUNT {
            let mut client = TcpStream::connect(address).await.unwrap();
            exchange(&mut client, &request, answer.len()).await;
            clients.push(client);
        }
        sleep(Duration::from_millis(10)).await;
        // What grows for many at once is counted as theirs.
        let each = (Heap::now().live - before) / signed(COUNT) - bare;
        println!("a connection of a server holds {each} bytes beyond a task over the bare stream");
        assert!(each <= BEYOND_RAW_OF_SERVER, "{each} bytes");
        clients.clear();
        while handle.stats().connections > 1 {
            sleep(Duration::from_millis(1)).await;
        }
        exchange(&mut first, &masked, message.len()).await;
        sleep(Duration::from_millis(10)).await;
        *live = Heap::now().live;
    }
    let left = (settled[1] - settled[0]) / signed(COUNT);
    println!("{left} bytes are left of each that has ended");
    assert!(left <= LEFT, "{left} bytes");
    handle.shut_down(1001, "", Duration::ZERO).unwrap();
    serving.await.unwrap();
}

#[tokio::test]
async fn a_connection_that_waits_holds_no_buffers() {
    let (mut near, mut far) = duplex(100_000);
    // A pipe keeps what it once needed.
    for _ in 0..2 {
        near.write_all(&[7; 70_000]).await.unwrap();
        far.read_exact(&mut [0; 70_000]).await.unwrap();
        core::mem::swap(&mut near, &mut far);
    }
    let connection = Connection::server(&Config::default());
    let mut server = WebSocket::from_driver(near, connection);
    // Its timer is there.
    assert!(timeout(Duration::from_millis(1), server.recv()).await.is_err());
    let message = from(Role::Client, &frame(FIN | BINARY, &[7; 64 << 10]));
    let mut answer = vec![0; 10 + (64 << 10)];
    // At first, the thread gets what it keeps for all of its connections.
    for round in 0..3 {
        let before = Heap::now().live;
        far.write_all(&message).await.unwrap();
        let received = server.recv().await.unwrap().unwrap();
        server.feed(received).await.unwrap();
        assert!(round > 0 || Heap::now().live > before + (40 << 10));
        assert!(timeout(Duration::from_millis(1), server.recv()).await.is_err());
        far.read_exact(&mut answer).await.unwrap();
        let held = Heap::now().live - before;
        assert!(if round < 2 { held <= SPARE } else { held == 0 }, "{held} bytes");
    }
}
