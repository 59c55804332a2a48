//! Options of TCP, and Unix sockets.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use sanswire::io::{ConnectStage, Connector, Proxy};
use sanswire::{Config, Error};

use crate::world::{Does, HttpProxy, Server, taken};
use crate::{ALL, BLOCKING, FUTURES_IO, TOKIO, hurried, request};

#[tokio::test]
async fn the_tokio_adapter_sets_all_options() {
    let server = Server::start();
    for nodelay in [true, false] {
        let connector = Connector::new()
            .nodelay(nodelay)
            .keepalive(Duration::from_secs(77))
            .local_address(Ipv4Addr::new(127, 0, 0, 9).into());
        let connecting = sanswire::io::tokio::WebSocket::connect_via(
            &connector,
            &request(&server.url()),
            &Config::default(),
        );
        let socket = connecting.await.unwrap();
        let stream = socket.stream().tcp().unwrap();
        assert_eq!(stream.nodelay().unwrap(), nodelay);
        let options = socket2::SockRef::from(stream);
        assert!(options.keepalive().unwrap());
        #[cfg(target_os = "linux")]
        {
            assert_eq!(stream.local_addr().unwrap().ip(), Ipv4Addr::new(127, 0, 0, 9));
            assert_eq!(options.tcp_keepalive_time().unwrap(), Duration::from_secs(77));
        }
    }
}

#[test]
fn nodelay_is_set_by_default() {
    let server = Server::start();
    let socket = sanswire::io::blocking::WebSocket::connect(&server.url()).unwrap();
    assert!(socket.stream().tcp().unwrap().nodelay().unwrap());
    let connector = Connector::new().nodelay(false);
    let request = request(&server.url());
    let socket =
        sanswire::io::blocking::WebSocket::connect_via(&connector, &request, &Config::default());
    assert!(!socket.unwrap().stream().tcp().unwrap().nodelay().unwrap());
}

#[cfg(target_os = "linux")]
#[test]
fn an_interface_is_used_or_there_is_an_error() {
    let server = Server::start();
    let (_, talk) = TOKIO;
    // Since Linux 5.7, it needs no privileges.
    let connector = Connector::new().interface("lo");
    assert_eq!(talk(&connector, &request(&server.url())).unwrap(), "hello");
    let error = talk(&connector.interface("none0"), &request(&server.url())).unwrap_err();
    let Error::Connect(inner) = &error else { panic!("{error:?}") };
    assert!(matches!(inner.stage, ConnectStage::Tcp { .. }), "{error:?}");
}

#[test]
fn addresses_of_the_family_of_the_local_address_are_tried() {
    let server = Server::start();
    let (_, talk) = TOKIO;
    let six = (Ipv6Addr::LOCALHOST, server.address.port()).into();
    let connector = Connector::new()
        .resolve("chat.invalid", 80, [six, server.address])
        .local_address(IpAddr::V4(Ipv4Addr::LOCALHOST));
    assert_eq!(talk(&connector, &request("ws://chat.invalid/")).unwrap(), "hello");
    let connector = connector.resolve("chat.invalid", 80, [six]);
    let error = talk(&connector, &request("ws://chat.invalid/")).unwrap_err();
    assert!(error.to_string().contains("family of Connector::local_address"), "{error}");
}

#[test]
fn an_option_that_an_adapter_lacks_is_an_error_before_anything_is_dialled() {
    let server = Server::start();
    let local = Ipv4Addr::LOCALHOST.into();
    for (adapter, talk) in [FUTURES_IO, BLOCKING] {
        for (connector, name) in [
            (Connector::new().keepalive(Duration::from_secs(60)), "Connector::keepalive"),
            (Connector::new().local_address(local), "Connector::local_address"),
            (Connector::new().interface("lo"), "Connector::interface"),
        ] {
            let error = talk(&connector, &request(&server.url())).unwrap_err();
            let Error::Connect(inner) = &error else { panic!("{adapter}: {error:?}") };
            let unsupported = (ConnectStage::Options, io::ErrorKind::Unsupported);
            assert_eq!((inner.stage, inner.error.kind()), unsupported);
            assert!(error.to_string().contains(name), "{error}");
        }
    }
    assert!(taken(&server.heard).is_empty());
}

#[cfg(unix)]
#[test]
fn a_unix_socket_takes_the_place_of_the_host() {
    use std::os::unix::net::UnixListener;
    use std::thread;

    use sanswire::io::blocking::WebSocket;

    let directory = std::env::temp_dir().join(format!("sanswire-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let path = directory.join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let server = thread::spawn(move || {
        // One for each adapter, and another.
        for _ in 0..4 {
            let (stream, _) = listener.accept().unwrap();
            let mut socket = WebSocket::accept_with(stream, &Config::default(), |request| {
                assert_eq!(request.headers().text("Host"), Some("chat.invalid"));
                assert_eq!(request.path(), "/path");
                Ok(sanswire::handshake::Acceptance::new())
            })
            .unwrap();
            while let Some(message) = socket.recv().unwrap() {
                socket.send(message).unwrap();
            }
        }
    });
    let connector = Connector::new().keepalive(Duration::from_secs(1)).unix_socket(&path);
    for (adapter, talk) in ALL {
        assert_eq!(
            talk(&connector, &request("ws://chat.invalid/path")).unwrap(),
            "hello",
            "{adapter}"
        );
    }
    // The way that was set last counts.
    let proxy = HttpProxy::start(Does::Nothing);
    let proxy_url = format!("http://{}", proxy.address);
    let through = |connector: Connector| connector.proxy(Proxy::from_url(&proxy_url).unwrap());
    let (_, talk) = TOKIO;
    let last = through(Connector::new()).unix_socket(&path);
    assert_eq!(talk(&last, &request("ws://chat.invalid/path")).unwrap(), "hello");
    assert!(taken(&proxy.heard).is_empty());
    let last = through(Connector::new().unix_socket(&path));
    assert!(talk(&last, &hurried("ws://chat.invalid/path")).is_err());
    assert_eq!(taken(&proxy.heard).len(), 1);
    server.join().unwrap();
    std::fs::remove_dir_all(&directory).unwrap();
    for (adapter, talk) in ALL {
        let error = talk(&connector, &request("ws://chat.invalid/path")).unwrap_err();
        let Error::Connect(inner) = &error else { panic!("{adapter}: {error:?}") };
        assert_eq!(inner.stage, ConnectStage::Unix, "{adapter}");
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    }
}
