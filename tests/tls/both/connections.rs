//! What holds for both adapters.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::std_instead_of_alloc,
    reason = "a peer that writes its bytes itself is a thread"
)]

use std::future::Future;
use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use sanswire::handshake::{ClientRequest, HeadLimits};
use sanswire::io::tls::{ClientTls, ServerTls, rustls};
use sanswire::io::{ConnectStage, Connector, TlsError};
use sanswire::{CloseCode, Config, ConnectionError, Error, Message};

use super::{NetStream, TcpListener, TcpStream, WebSocket};
use crate::certificates::{Authority, Identity};

type Socket = WebSocket<NetStream>;

/// Listens on a port of its own, and returns the URL for `host`.
async fn listen(host: &str) -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("wss://{host}:{}/chat?token=secret", listener.local_addr().unwrap().port());
    (listener, url)
}

async fn accept(listener: &TcpListener, tls: &ServerTls) -> Result<Socket, Error> {
    let (stream, _) = listener.accept().await.unwrap();
    let stream = NetStream::accept_tls(stream, tls).await?;
    WebSocket::accept(stream, &Config::default()).await
}

async fn connect(url: &str, tls: &ClientTls) -> Result<Socket, Error> {
    let connector = Connector::new().tls(tls.clone());
    let request = ClientRequest::from_url(url).unwrap();
    WebSocket::connect_via(&connector, &request, &Config::default()).await
}

async fn echo(mut socket: Socket) -> Result<(), Error> {
    while let Some(message) = socket.recv().await? {
        socket.send(message).await?;
    }
    Ok(())
}

/// Sends messages of many sizes, has them back, and closes.
async fn exchange(socket: &mut Socket) {
    for len in [0, 1, 125, 126, 16 << 10, 70_000, 1 << 20] {
        socket.send(vec![7; len]).await.unwrap();
        assert_eq!(socket.recv().await.unwrap(), Some(vec![7; len].into()));
    }
    socket.close(1000, "").await.unwrap();
}

/// Connects both ends, and exchanges messages.
async fn succeeds(server: &ServerTls, client: &ClientTls, host: &str) {
    let (listener, url) = listen(host).await;
    let serve = async { echo(accept(&listener, server).await?).await };
    let talk = async {
        let mut socket = connect(&url, client).await.unwrap();
        assert!(socket.stream().is_tls());
        assert_eq!(socket.stream().tls().unwrap().alpn_protocol(), Some(&b"http/1.1"[..]));
        exchange(&mut socket).await;
    };
    let (served, ()) = within(join(serve, talk)).await;
    served.unwrap();
}

/// Connects both ends, which must fail; returns the errors of server and client.
async fn fails(server: &ServerTls, client: &ClientTls, host: &str) -> (Error, Error) {
    let (listener, url) = listen(host).await;
    let serve = async { echo(accept(&listener, server).await?).await };
    let (served, connected) = within(join(serve, connect(&url, client))).await;
    let error = connected.map(drop).unwrap_err();
    assert!(!error.to_string().contains("secret"), "{error}");
    (served.unwrap_err(), error)
}

/// The text of an error of TLS, of the end at the URL.
#[track_caller]
fn text_of_tls(error: &Error) -> String {
    let Error::Tls { error: TlsError::Handshake(_), url: Some(url) } = error else {
        panic!("{error:?}")
    };
    let text = error.to_string();
    assert!(text.starts_with(&format!("{url}: TLS handshake failed: ")), "{text}");
    text
}

async fn within<R>(future: impl Future<Output = R>) -> R {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect("hung")
}

async fn join<A, B>(a: impl Future<Output = A>, b: impl Future<Output = B>) -> (A, B) {
    futures_util::future::join(a, b).await
}

#[tokio::test]
async fn a_certificate_of_a_trusted_authority_is_taken() {
    let authority = Authority::new();
    succeeds(&authority.issue("localhost").server(), &authority.client(), "localhost").await;
    succeeds(&authority.issue("127.0.0.1").server(), &authority.client(), "127.0.0.1").await;
}

#[tokio::test]
async fn a_certificate_that_has_expired_is_refused() {
    let authority = Authority::new();
    let server = authority.issue_expired("localhost").server();
    let (served, error) = fails(&server, &authority.client(), "localhost").await;
    let text = text_of_tls(&error);
    assert!(text.contains("certificate expired") && text.contains("renewed"), "{text}");
    assert!(served.to_string().contains("CertificateExpired"), "{served}");
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let authority = Authority::new();
    let server = authority.issue("example.com").server();
    let (_, error) = fails(&server, &authority.client(), "localhost").await;
    let text = text_of_tls(&error);
    assert!(text.contains("\"localhost\"") && text.contains("example.com"), "{text}");
    // It is the name that is asked for which counts, not that of the URL.
    let client = authority.client().server_name("example.com").unwrap();
    succeeds(&server, &client, "localhost").await;
    let error = authority.client().server_name("not a name").unwrap_err();
    assert!(error.to_string().contains("\"not a name\""), "{error}");
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_is_refused() {
    let server = Authority::new().issue("localhost").server();
    let (served, error) = fails(&server, &Authority::new().client(), "localhost").await;
    let text = text_of_tls(&error);
    assert!(text.contains("UnknownIssuer"), "{text}");
    assert!(text.contains("ClientTls::root_certificates"), "{text}");
    let Error::Tls { error: TlsError::Handshake(_), url: None } = &served else {
        panic!("{served:?}")
    };
    assert!(served.to_string().contains("does not trust who signed"), "{served}");
}

/// RFC 8446, §6.2: each fatal alert has a number.
#[tokio::test]
async fn an_alert_has_the_remedy_that_belongs_to_it() {
    for (alert, remedy) in [
        (40, ""), // handshake_failure
        (48, ": the peer does not trust who signed the certificate"),
        (112, ": the server has no certificate for this name"),
        (116, ": the server wants a certificate of the client: give one by ClientTls::config"),
        (120, ": the peer does not speak HTTP/1.1 on this port"),
    ] {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("wss://{}/", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(&[0x15, 0x03, 0x03, 0, 2, 2, alert]).unwrap();
            // Until the client has read it, and left: either is an end.
            let _ = stream.read_to_end(&mut Vec::new());
        });
        let connected = within(connect(&url, &Authority::new().client())).await;
        let text = text_of_tls(&connected.map(drop).unwrap_err());
        server.join().unwrap();
        let (_, told) = text.split_once("received fatal alert: ").unwrap();
        assert_eq!(told.trim_start_matches(char::is_alphanumeric), remedy, "{text}");
    }
}

/// The two versions have different ways to sign.
#[tokio::test]
async fn a_client_that_trusts_any_certificate_wants_its_key_all_the_same() {
    let any = ClientTls::new().dangerous_trust_any_certificate();
    let (shown, other) = (Identity::self_signed("localhost"), Identity::self_signed("localhost"));
    let provider = Arc::clone(any.resolve().unwrap().crypto_provider());
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let server = |key| {
            let key = provider.key_provider.load_private_key(key).unwrap();
            let key = rustls::sign::CertifiedKey::new(shown.chain(), key);
            let resolver = rustls::sign::SingleCertAndKey::from(key);
            let builder = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
                .with_protocol_versions(&[version])
                .unwrap();
            ServerTls::new(builder.with_no_client_auth().with_cert_resolver(Arc::new(resolver)))
        };
        succeeds(&server(shown.key()), &any, "localhost").await;
        let (_, error) = fails(&server(other.key()), &any, "localhost").await;
        let text = text_of_tls(&error);
        assert!(text.ends_with("BadSignature"), "{text}");
    }
}

#[tokio::test]
async fn ends_without_a_version_in_common_are_told_so() {
    let authority = Authority::new();
    let identity = authority.issue("localhost");
    let provider = Arc::clone(authority.client().resolve().unwrap().crypto_provider());
    let server = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(identity.chain(), identity.key());
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let (server, client) = (ServerTls::new(server.unwrap()), ClientTls::new().config(client));
    let (served, error) = fails(&server, &client, "localhost").await;
    assert!(text_of_tls(&error).ends_with("received fatal alert: ProtocolVersion"), "{error}");
    let Error::Tls { error: TlsError::Handshake(inner), .. } = &served else {
        panic!("{served:?}")
    };
    // What rustls says is enough.
    assert!(served.to_string().ends_with(&format!("TLS handshake failed: {inner}")), "{served}");
}

#[cfg(any(feature = "platform-verifier", feature = "webpki-roots"))]
#[tokio::test]
async fn by_default_the_roots_are_those_that_a_feature_brings() {
    let server = Authority::new().issue("localhost").server();
    let (_, error) = fails(&server, &ClientTls::new(), "localhost").await;
    let text = text_of_tls(&error);
    assert!(text.contains("UnknownIssuer"), "{text}");
}

#[tokio::test]
async fn a_self_signed_certificate_is_taken_by_who_wants_it() {
    let identity = Identity::self_signed("localhost");
    succeeds(&identity.server(), &identity.client_that_pins_it(), "localhost").await;
    let any = ClientTls::new().dangerous_trust_any_certificate();
    succeeds(&identity.server(), &any, "localhost").await;
    let expired = Authority::new().issue_expired("example.com");
    succeeds(&expired.server(), &any, "localhost").await;
    let other = Identity::self_signed("localhost");
    let (_, error) = fails(&other.server(), &identity.client_that_pins_it(), "localhost").await;
    text_of_tls(&error);
}

#[tokio::test]
async fn a_client_shows_its_certificate_where_one_is_wanted() {
    let authority = Authority::new();
    let server = authority.server_for_clients(&authority.issue("localhost"));
    let client = authority.client_with(&authority.issue("a client"));
    succeeds(&server, &client, "localhost").await;
    // With TLS 1.3, a client is done before the server has seen that there is none.
    let (served, error) = fails(&server, &authority.client(), "localhost").await;
    let text = text_of_tls(&error);
    assert!(text.contains("ClientTls::config"), "{text}");
    assert!(served.to_string().contains("must send a certificate"), "{served}");
}

#[tokio::test]
async fn a_server_without_tls_is_named() {
    let (listener, url) = listen("localhost").await;
    let serve = async {
        let (stream, _) = listener.accept().await.unwrap();
        WebSocket::accept(NetStream::from(stream), &Config::default()).await
    };
    let tls = Authority::new().client();
    let (served, connected) = within(join(serve, connect(&url, &tls))).await;
    let error = connected.map(drop).unwrap_err();
    let text = text_of_tls(&error);
    assert!(text.contains("does not speak TLS"), "{text}");
    // And the server sees what the client spoke.
    let error = served.map(drop).unwrap_err();
    assert!(error.to_string().contains("TLS"), "{error}");
}

#[tokio::test]
async fn a_client_without_tls_is_named() {
    let (listener, url) = listen("localhost").await;
    let server = Authority::new().issue("localhost").server();
    let url = url.replace("wss", "ws");
    let serve = accept(&listener, &server);
    let (served, connected) = within(join(serve, WebSocket::connect(&url))).await;
    let error = served.map(drop).unwrap_err();
    assert!(error.to_string().contains("does not speak TLS"), "{error}");
    let error = connected.map(drop).unwrap_err();
    assert!(error.to_string().contains("TLS"), "{error}");
}

#[tokio::test]
async fn a_server_that_says_nothing_does_not_hold_up_a_client() {
    let (listener, url) = listen("localhost").await;
    let limits = HeadLimits::default().timeout(Duration::from_millis(100));
    let request = ClientRequest::from_url(&url).unwrap().head_limits(limits);
    let connector = Connector::new().tls(Authority::new().client());
    let connecting = WebSocket::connect_via(&connector, &request, &Config::default());
    let Err(Error::Connect(error)) = within(connecting).await else { panic!("connected") };
    assert_eq!(error.stage, ConnectStage::Tls);
    assert!(error.to_string().contains("100ms"), "{error}");
    drop(listener);
}

#[tokio::test]
async fn a_connection_that_is_cut_off_has_not_ended_well() {
    let (authority, (listener, url)) = (Authority::new(), listen("localhost").await);
    let server = authority.issue("localhost").server();
    let serve = async {
        let mut socket = accept(&listener, &server).await.unwrap();
        assert_eq!(socket.recv().await.unwrap(), Some("cut".into()));
        // Without a Close frame, and without TLS's close_notify.
    };
    let talk = async {
        let mut socket = connect(&url, &authority.client()).await.unwrap();
        socket.send("cut").await.unwrap();
        let error = socket.recv().await.unwrap_err();
        let is_cut =
            matches!(error, Error::Connection(ConnectionError::UnexpectedEof) | Error::Io(_));
        assert!(is_cut, "{error:?}");
        assert_eq!(socket.closed().unwrap().code, CloseCode::ABNORMAL);
    };
    within(join(serve, talk)).await;
}

#[tokio::test]
async fn a_list_for_alpn_is_left_as_it_is() {
    let authority = Authority::new();
    let identity = authority.issue("localhost");
    let mut config = rustls::ServerConfig::clone(&identity.server().config());
    config.alpn_protocols = vec![b"h2".to_vec()];
    let (_, error) = fails(&ServerTls::new(config), &authority.client(), "localhost").await;
    let text = text_of_tls(&error);
    assert!(text.contains("does not speak HTTP/1.1"), "{text}");
    let mut config = rustls::ClientConfig::clone(&authority.client().resolve().unwrap());
    config.alpn_protocols = vec![b"own".to_vec()];
    let resolved = ClientTls::new().config(config).resolve().unwrap();
    assert_eq!(resolved.alpn_protocols, [b"own".to_vec()]);
}

#[tokio::test]
async fn clones_of_a_client_resume_sessions() {
    let authority = Authority::new();
    let (server, client) = (authority.issue("localhost").server(), authority.client());
    let (listener, url) = listen("localhost").await;
    for expected in [rustls::HandshakeKind::Full, rustls::HandshakeKind::Resumed] {
        let serve = async { echo(accept(&listener, &server).await?).await };
        let talk = async {
            let mut socket = connect(&url, &client.clone()).await.unwrap();
            assert_eq!(socket.stream().tls().unwrap().handshake_kind(), Some(expected));
            exchange(&mut socket).await;
        };
        within(join(serve, talk)).await.0.unwrap();
    }
}

#[tokio::test]
async fn two_ends_that_both_send_much_do_not_wait_for_each_other() {
    let (authority, (listener, url)) = (Authority::new(), listen("localhost").await);
    let server = authority.issue("localhost").server();
    let big = || Message::from(vec![3; 8 << 20]);
    let config = Config::default().max_message_size(8 << 20).max_frame_size(8 << 20);
    let end = async |socket: Socket| {
        let (mut sender, mut receiver) = socket.split();
        let (sent, received) = join(sender.send(big()), receiver.recv()).await;
        sent.unwrap();
        assert_eq!(received.unwrap(), Some(big()));
        sender.reunite(receiver).unwrap()
    };
    let serve = async {
        let (stream, _) = listener.accept().await.unwrap();
        let stream = NetStream::accept_tls(stream, &server).await.unwrap();
        end(WebSocket::accept(stream, &config).await.unwrap()).await.recv().await
    };
    let talk = async {
        let connector = Connector::new().tls(authority.client());
        let request = ClientRequest::from_url(&url).unwrap();
        let socket = WebSocket::connect_via(&connector, &request, &config).await.unwrap();
        end(socket).await.close(1000, "").await
    };
    let (served, closed) = within(join(serve, talk)).await;
    assert_eq!(served.unwrap(), None);
    closed.unwrap();
}

#[tokio::test]
async fn halves_send_and_receive_at_once() {
    let (authority, (listener, url)) = (Authority::new(), listen("localhost").await);
    let server = authority.issue("localhost").server();
    let serve = async { echo(accept(&listener, &server).await?).await };
    let talk = async {
        let socket = connect(&url, &authority.client()).await.unwrap();
        let (mut sender, mut receiver) = socket.split();
        let send = async {
            for number in 0..1000 {
                sender.send(number.to_string()).await.unwrap();
            }
            sender.send_close(1000, "").await.unwrap();
        };
        let receive = async {
            let mut count = 0;
            while let Some(message) = receiver.recv().await.unwrap() {
                assert_eq!(message.as_text(), Some(&*count.to_string()));
                count += 1;
            }
            count
        };
        join(send, receive).await.1
    };
    let (served, count) = within(join(serve, talk)).await;
    served.unwrap();
    // Messages that arrive behind the Close frame are dropped.
    assert!(count <= 1000);
}

#[tokio::test]
async fn a_stream_tells_what_it_is() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let stream = NetStream::from(stream);
    assert_eq!(stream.peer_addr().unwrap(), listener.local_addr().unwrap());
    assert!(!stream.is_tls() && stream.tls().is_none() && stream.tcp().is_some());
    #[cfg(unix)]
    {
        let stream = NetStream::from(super::UnixStream::pair().unwrap().0);
        assert!(!stream.is_tls() && stream.tls().is_none() && stream.tcp().is_none());
        let error = stream.peer_addr().unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::Unsupported);
    }
}
