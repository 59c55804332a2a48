//! Servers and proxies for the tests, in a runtime of their own.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock, Mutex};

use sanswire::handshake::{Acceptance, Request, Response};
use sanswire::io::tls::ServerTls;
use sanswire::io::tokio::{NetStream, WebSocket};
use sanswire::{Config, Error};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

/// What a server or proxy was told.
pub(crate) type Heard<T> = Arc<Mutex<Vec<T>>>;

pub(crate) fn taken<T>(heard: &Heard<T>) -> Vec<T> {
    std::mem::take(&mut *heard.lock().unwrap())
}

pub(crate) fn listen() -> (TcpListener, SocketAddr) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    listener.set_nonblocking(true).unwrap();
    let _within = RUNTIME.enter();
    (TcpListener::from_std(listener).unwrap(), address)
}

/// Spawns what becomes of each connection.
pub(crate) fn serve<F: Future<Output = ()> + Send + 'static>(
    listener: TcpListener,
    handle: impl Fn(TcpStream) -> F + Send + 'static,
) {
    RUNTIME.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).unwrap();
            tokio::spawn(handle(stream));
        }
    });
}

/// A server of WebSockets that sends back what it gets.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    /// The requests.
    pub(crate) heard: Heard<Request>,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::deciding(|_| Ok(Acceptance::new()))
    }

    pub(crate) fn over_tls(tls: &ServerTls) -> Self {
        Self::with(Some(tls.clone()), |_| Ok(Acceptance::new()))
    }

    pub(crate) fn deciding(
        decide: impl Fn(&Request) -> Result<Acceptance, Response> + Clone + Send + Sync + 'static,
    ) -> Self {
        Self::with(None, decide)
    }

    /// One that redirects, from one path to a URL.
    pub(crate) fn redirecting(paths: &[(&'static str, String)]) -> Self {
        let paths = paths.to_vec();
        Self::deciding(move |request| {
            match paths.iter().find(|(path, _)| *path == request.path()) {
                Some((_, to)) => Err(Response::new(302).header("Location", to).unwrap()),
                None => Ok(Acceptance::new()),
            }
        })
    }

    fn with(
        tls: Option<ServerTls>,
        decide: impl Fn(&Request) -> Result<Acceptance, Response> + Clone + Send + Sync + 'static,
    ) -> Self {
        let (listener, address) = listen();
        let heard = Heard::default();
        let told = Arc::clone(&heard);
        serve(listener, move |stream| {
            let (tls, decide, told) = (tls.clone(), decide.clone(), Arc::clone(&told));
            async move {
                // How a client leaves is its own business.
                let _ = echo(stream, tls, decide, told).await;
            }
        });
        Self { address, heard }
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}/chat?token=secret", self.address)
    }
}

async fn echo(
    stream: TcpStream,
    tls: Option<ServerTls>,
    decide: impl Fn(&Request) -> Result<Acceptance, Response>,
    told: Heard<Request>,
) -> Result<(), Error> {
    let stream = match tls {
        Some(tls) => NetStream::accept_tls(stream, &tls).await?,
        None => stream.into(),
    };
    let decide = async |request: &Request| {
        told.lock().unwrap().push(request.clone());
        decide(request)
    };
    let mut socket = WebSocket::accept_with(stream, &Config::default(), decide).await?;
    while let Some(message) = socket.recv().await? {
        socket.send(message).await?;
    }
    Ok(())
}

/// What an HTTP proxy does.
#[derive(Clone)]
pub(crate) enum Does {
    /// Leads to this server, whatever it is asked for.
    Forward(SocketAddr),
    /// As that, for clients that send this header line.
    Guard(SocketAddr, &'static str),
    /// Answers with this, and closes.
    Answer(&'static [u8]),
    /// Says nothing.
    Nothing,
}

/// An HTTP proxy.
pub(crate) struct HttpProxy {
    pub(crate) address: SocketAddr,
    /// The heads of the requests.
    pub(crate) heard: Heard<String>,
}

impl HttpProxy {
    pub(crate) fn start(does: Does) -> Self {
        Self::with(None, does)
    }

    pub(crate) fn over_tls(tls: &ServerTls, does: Does) -> Self {
        Self::with(Some(tls.clone()), does)
    }

    fn with(tls: Option<ServerTls>, does: Does) -> Self {
        let (listener, address) = listen();
        let heard = Heard::default();
        let told = Arc::clone(&heard);
        serve(listener, move |stream| {
            let (tls, does, told) = (tls.clone(), does.clone(), Arc::clone(&told));
            async move {
                let stream = match &tls {
                    Some(tls) => match NetStream::accept_tls(stream, tls).await {
                        Ok(stream) => stream,
                        Err(_) => return,
                    },
                    None => stream.into(),
                };
                tunnel(stream, does, &told).await;
            }
        });
        Self { address, heard }
    }
}

async fn tunnel(mut stream: NetStream, does: Does, told: &Heard<String>) {
    let head = read_head(&mut stream).await;
    told.lock().unwrap().push(head.clone());
    let to = match does {
        Does::Forward(to) => to,
        Does::Guard(to, line) if head.lines().any(|told| told == line) => to,
        Does::Guard(..) => {
            let answer = b"HTTP/1.1 407 Proxy Authentication Required\r\n\
                Proxy-Authenticate: Basic realm=\"the proxy\"\r\nContent-Length: 0\r\n\r\n";
            return drop(stream.write_all(answer).await);
        }
        Does::Answer(answer) => return drop(stream.write_all(answer).await),
        Does::Nothing => return drop(stream.read_u8().await),
    };
    let mut server = TcpStream::connect(to).await.unwrap();
    stream.write_all(b"HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n").await.unwrap();
    stream.flush().await.unwrap();
    let _ = copy_bidirectional(&mut stream, &mut server).await;
}

async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(head).unwrap()
}

/// A SOCKS5 proxy (RFC 1928) that leads to one server, whatever it is asked for.
pub(crate) struct SocksProxy {
    pub(crate) address: SocketAddr,
    /// Where clients wanted to get to, and as whom.
    pub(crate) heard: Heard<(String, Option<(String, String)>)>,
}

impl SocksProxy {
    /// `password` is that of the user `user`; without, no client is asked. `reply` is 0 for success.
    pub(crate) fn start(to: SocketAddr, password: Option<&'static str>, reply: u8) -> Self {
        let (listener, address) = listen();
        let heard = Heard::default();
        let told = Arc::clone(&heard);
        serve(listener, move |stream| {
            let told = Arc::clone(&told);
            async move {
                let _ = socks5(stream, to, password, reply, told).await;
            }
        });
        Self { address, heard }
    }
}

async fn socks5(
    mut stream: TcpStream,
    to: SocketAddr,
    password: Option<&str>,
    reply: u8,
    told: Heard<(String, Option<(String, String)>)>,
) -> std::io::Result<()> {
    assert_eq!(stream.read_u8().await?, 5);
    let methods = bytes(&mut stream).await?;
    let method = if password.is_some() { 2 } else { 0 };
    if !methods.contains(&method) {
        return stream.write_all(&[5, 0xff]).await;
    }
    stream.write_all(&[5, method]).await?;
    let mut user = None;
    if let Some(password) = password {
        assert_eq!(stream.read_u8().await?, 1);
        let (name, given) = (bytes(&mut stream).await?, bytes(&mut stream).await?);
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let (name, given) = (text(name), text(given));
        let is_right = name == "user" && given == password;
        stream.write_all(&[1, u8::from(!is_right)]).await?;
        if !is_right {
            return Ok(());
        }
        user = Some((name, given));
    }
    let mut command = [0; 4];
    stream.read_exact(&mut command).await?;
    assert_eq!(command[..3], [5, 1, 0]);
    let host = match command[3] {
        1 => std::net::Ipv4Addr::from(stream.read_u32().await?).to_string(),
        3 => String::from_utf8(bytes(&mut stream).await?).unwrap(),
        4 => format!("[{}]", std::net::Ipv6Addr::from(stream.read_u128().await?)),
        other => panic!("{other}"),
    };
    let port = stream.read_u16().await?;
    told.lock().unwrap().push((format!("{host}:{port}"), user));
    stream.write_all(&[5, reply, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
    if reply == 0 {
        let mut server = TcpStream::connect(to).await?;
        copy_bidirectional(&mut stream, &mut server).await?;
    }
    Ok(())
}

/// Bytes behind their number.
async fn bytes(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![0; stream.read_u8().await?.into()];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}

/// Gives out what it was made of, one after the other.
pub(crate) fn queue<T>(items: impl IntoIterator<Item = T>) -> Arc<Mutex<VecDeque<T>>> {
    Arc::new(Mutex::new(items.into_iter().collect()))
}
