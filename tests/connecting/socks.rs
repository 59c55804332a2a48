//! SOCKS5: on tokio, with and without a password, and names that are looked up on either side.

use std::io;

use sanswire::Error;
use sanswire::io::{ConnectStage, Connector, Proxy, ProxyError};
use tokio::io::AsyncReadExt;

use crate::world::{Does, HttpProxy, Server, SocksProxy, listen, serve, taken};
use crate::{BLOCKING, FUTURES_IO, TOKIO, hurried, request};

fn by(url: &str) -> Connector {
    Connector::new().proxy(Proxy::from_url(url).unwrap())
}

#[test]
fn the_proxy_looks_up_names_unless_that_is_done_here() {
    let server = Server::start();
    let proxy = SocksProxy::start(server.address, None, 0);
    let (_, talk) = TOKIO;
    let connector = by(&format!("socks5h://{}", proxy.address));
    assert_eq!(talk(&connector, &request("ws://chat.invalid/")).unwrap(), "hello");
    assert_eq!(taken(&proxy.heard), [("chat.invalid:80".into(), None)]);
    assert_eq!(talk(&connector, &request("ws://192.0.2.1:81/")).unwrap(), "hello");
    assert_eq!(taken(&proxy.heard), [("192.0.2.1:81".into(), None)]);
    let connector = by(&format!("socks5://{}", proxy.address));
    let known = ["192.0.2.7:82".parse().unwrap(), "[2001:db8::1]:82".parse().unwrap()];
    let here = connector.clone().resolve("chat.invalid", 82, known);
    assert_eq!(talk(&here, &request("ws://chat.invalid:82/")).unwrap(), "hello");
    assert_eq!(taken(&proxy.heard), [("192.0.2.7:82".into(), None)]);
    assert_eq!(talk(&connector, &request("ws://[2001:db8::1]:83/")).unwrap(), "hello");
    assert_eq!(taken(&proxy.heard), [("[2001:db8::1]:83".into(), None)]);
    let error = talk(&connector, &request("ws://nobody.invalid/")).unwrap_err();
    let Error::Connect(inner) = &error else { panic!("{error:?}") };
    assert_eq!((inner.stage, inner.proxy.as_deref()), (ConnectStage::LookUp, None));
    let error = talk(&connector.resolve("a.invalid", 80, []), &request("ws://a.invalid/"));
    let expected = "cannot connect to a.invalid:80: host not found: it has no address";
    assert_eq!(error.unwrap_err().to_string(), expected);
    assert!(taken(&proxy.heard).is_empty());
}

#[test]
fn a_password_is_sent_to_a_proxy_that_wants_one_and_shown_to_nobody() {
    let server = Server::start();
    let proxy = SocksProxy::start(server.address, Some("p@ss"), 0);
    let (_, talk) = TOKIO;
    let url = |user| format!("socks5h://{user}{}", proxy.address);
    let connector = by(&url("user:p%40ss@"));
    assert_eq!(talk(&connector, &request("ws://chat.invalid/")).unwrap(), "hello");
    let user = Some(("user".into(), "p@ss".into()));
    assert_eq!(taken(&proxy.heard), [("chat.invalid:80".into(), user)]);
    for user in ["", "user:hidden@"] {
        let error = talk(&by(&url(user)), &request("ws://chat.invalid/")).unwrap_err();
        let Error::Proxy { error: ProxyError::Socks(_), .. } = &error else { panic!("{error:?}") };
        let shown = format!("{error} {error:?} {connector:?}");
        assert!(!shown.contains("hidden") && !shown.contains("p@ss"), "{shown}");
        assert!(error.to_string().contains(&url("")), "{error}");
    }
}

#[test]
fn a_proxy_that_refuses_or_speaks_otherwise_is_an_error() {
    let server = Server::start();
    let (_, talk) = TOKIO;
    let proxy = SocksProxy::start(server.address, None, 5);
    let error = talk(&by(&format!("socks5h://{}", proxy.address)), &request("ws://a.invalid/"));
    assert!(error.unwrap_err().to_string().ends_with("SOCKS error: connection refused"));
    let proxy = HttpProxy::start(Does::Answer(b"HTTP/1.1 400 Bad Request\r\n\r\n"));
    let connector = by(&format!("socks5h://{}", proxy.address));
    // It waits for the end of a head, which does not come.
    let error = talk(&connector, &hurried("ws://a.invalid/")).unwrap_err();
    let Error::Connect(inner) = &error else { panic!("{error:?}") };
    assert_eq!((inner.stage, inner.error.kind()), (ConnectStage::Proxy, io::ErrorKind::TimedOut));
}

#[test]
fn a_proxy_that_leaves_is_an_error_of_its_connection() {
    let (listener, address) = listen();
    serve(listener, async |mut stream| {
        let _ = stream.read(&mut [0; 100]).await;
    });
    let (_, talk) = TOKIO;
    let connector = by(&format!("socks5h://{address}"));
    let error = talk(&connector, &request("ws://a.invalid/")).unwrap_err();
    let Error::Connect(inner) = &error else { panic!("{error:?}") };
    assert_eq!(
        (inner.stage, inner.error.kind()),
        (ConnectStage::Proxy, io::ErrorKind::UnexpectedEof)
    );
    let words = format!("connection to the proxy socks5h://{address} lost: ");
    assert!(error.to_string().contains(&words), "{error}");
}

#[test]
fn other_adapters_say_that_they_cannot() {
    let server = Server::start();
    let proxy = SocksProxy::start(server.address, None, 0);
    for (adapter, talk) in [FUTURES_IO, BLOCKING] {
        let connector = by(&format!("socks5://{}", proxy.address));
        let error = talk(&connector, &request("ws://127.0.0.1/")).unwrap_err();
        let Error::Proxy { error: ProxyError::Unsupported, .. } = &error else {
            panic!("{adapter}: {error:?}")
        };
        assert!(error.to_string().contains("tokio"), "{error}");
    }
}
