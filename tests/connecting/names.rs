//! Names: fixed addresses, and who looks up others.

use std::fmt;
use std::future::{pending, poll_fn};
use std::io;
use std::net::SocketAddr;
#[cfg(target_os = "linux")]
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::thread;

use sanswire::Error;
use sanswire::handshake::HeadLimits;
use sanswire::io::{ConnectStage, Connector};
#[cfg(target_os = "linux")]
use socket2::{Domain, Socket, Type};

use crate::world::{Heard, Server, listen, taken};
use crate::{ALL, hurried, request};

#[test]
fn fixed_addresses_take_the_place_of_a_look_up() {
    let server = Server::start();
    let (listener, nobody) = listen();
    drop(listener);
    for (adapter, talk) in ALL {
        // One that does not answer, then one that does.
        let connector = Connector::new()
            .resolve("chat.invalid", 80, [])
            .resolve("CHAT.invalid", 80, [nobody, server.address])
            .resolve("chat.invalid", 81, [nobody]);
        assert_eq!(talk(&connector, &request("ws://Chat.Invalid/")).unwrap(), "hello", "{adapter}");
        assert_eq!(taken(&server.heard)[0].headers().text("Host"), Some("chat.invalid"));
        let error = talk(&connector, &request("ws://chat.invalid:81/")).unwrap_err();
        let expected =
            format!("cannot connect to chat.invalid:81 ({nobody} tried last): connection refused");
        assert_eq!(error.to_string(), expected, "{adapter}");
        let error = talk(&connector, &request("ws://chat.invalid:82/")).unwrap_err();
        assert!(error.to_string().contains("host not found"), "{adapter}: {error}");
    }
}

#[test]
fn a_host_without_an_address_is_not_found() {
    for (adapter, talk) in ALL {
        let connector = Connector::new().resolve("chat.invalid", 80, []);
        let error = talk(&connector, &request("ws://chat.invalid/")).unwrap_err();
        let Error::Connect(inner) = &error else { panic!("{adapter}: {error:?}") };
        let not_found = (ConnectStage::LookUp, io::ErrorKind::NotFound);
        assert_eq!((inner.stage, inner.error.kind()), not_found);
    }
}

/// A look-up in a thread of its own, which wakes the one that waits.
fn elsewhere(addresses: Vec<SocketAddr>) -> impl Future<Output = io::Result<Vec<SocketAddr>>> {
    let is_done = Arc::new(AtomicBool::new(false));
    let mut thread = None;
    poll_fn(move |cx| {
        if is_done.load(Ordering::Acquire) {
            return Poll::Ready(Ok(addresses.clone()));
        }
        let (is_done, waker) = (Arc::clone(&is_done), cx.waker().clone());
        thread.get_or_insert_with(|| {
            thread::spawn(move || {
                is_done.store(true, Ordering::Release);
                waker.wake();
            })
        });
        Poll::Pending
    })
}

#[test]
fn a_resolver_is_asked_for_names_and_for_nothing_else() {
    let server = Server::start();
    let heard = Heard::default();
    let (told, address) = (Arc::clone(&heard), server.address);
    let connector =
        Connector::new().resolve("fixed.invalid", 80, [address]).resolver(move |host, port| {
            told.lock().unwrap().push((host.to_owned(), port));
            elsewhere(vec![address])
        });
    for (adapter, talk) in ALL {
        assert_eq!(talk(&connector, &request("ws://a.invalid:81/")).unwrap(), "hello", "{adapter}");
        assert_eq!(taken(&heard), [("a.invalid".into(), 81)], "{adapter}");
        for url in [&server.url(), "ws://fixed.invalid/"] {
            assert_eq!(talk(&connector, &request(url)).unwrap(), "hello", "{adapter}");
            assert_eq!(taken(&heard), [], "{adapter}");
        }
    }
}

/// An `io::Error` with a cause of its own is told with it.
#[test]
fn the_cause_of_an_error_is_that_of_the_transports_error() {
    #[derive(Debug)]
    struct Failed(io::Error);
    impl fmt::Display for Failed {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the table cannot be read")
        }
    }
    impl std::error::Error for Failed {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }
    let broken = || io::Error::other(Failed(io::Error::other("the disk is broken")));
    let connector = Connector::new().resolver(move |_, _| async move { Err(broken()) });
    assert!(format!("{connector:?}").contains("Resolver(…)"), "{connector:?}");
    for (adapter, talk) in ALL {
        let error = talk(&connector, &request("ws://a.invalid/")).unwrap_err();
        assert!(error.to_string().ends_with("the table cannot be read"), "{adapter}: {error}");
        let Error::Connect(inner) = &error else { panic!("{adapter}: {error:?}") };
        for error in [&error as &dyn std::error::Error, &**inner] {
            assert_eq!(error.source().unwrap().to_string(), "the disk is broken", "{adapter}");
        }
    }
}

#[test]
fn without_a_timeout_what_takes_a_while_is_waited_for() {
    let server = Server::start();
    let address = server.address;
    let connector = Connector::new().resolver(move |_, _| elsewhere(vec![address]));
    let request = request("ws://a.invalid/").head_limits(HeadLimits::default().timeout(None));
    for (adapter, talk) in ALL {
        assert_eq!(talk(&connector, &request).unwrap(), "hello", "{adapter}");
    }
}

/// The queue of the listener is full: Linux does not answer then.
#[cfg(target_os = "linux")]
#[test]
fn a_server_that_does_not_answer_is_given_up_at_the_deadline() {
    use std::time::Duration;

    let server = Server::start();
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap().as_socket().unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_secs(1)) {
        waiting.push(stream);
    }
    for (adapter, talk) in ALL {
        let error = talk(&Connector::new(), &hurried(&format!("ws://{address}/"))).unwrap_err();
        let Error::Connect(inner) = &error else { panic!("{adapter}: {error:?}") };
        let timed_out = (ConnectStage::Tcp { last: address }, io::ErrorKind::TimedOut);
        assert_eq!((inner.stage, inner.error.kind()), timed_out, "{adapter}");
        let expected =
            format!("cannot connect to {address}: no answer within 200ms (HeadLimits::timeout)");
        assert_eq!(error.to_string(), expected, "{adapter}");
        // It does not stand in the way of another.
        let both = Connector::new().resolve("a.invalid", 80, [address, server.address]);
        assert_eq!(talk(&both, &request("ws://a.invalid/")).unwrap(), "hello", "{adapter}");
    }
}

#[test]
fn a_resolver_may_fail_or_take_for_ever() {
    for (adapter, talk) in ALL {
        let failing =
            Connector::new().resolver(|_, _| async { Err(io::Error::other("no such table")) });
        let error = talk(&failing, &request("ws://a.invalid/")).unwrap_err();
        let expected = "cannot connect to a.invalid:80: host not found: no such table";
        assert_eq!(error.to_string(), expected, "{adapter}");
        let hanging = Connector::new().resolver(|_, _| pending());
        let error = talk(&hanging, &hurried("ws://a.invalid/")).unwrap_err();
        let expected = "cannot connect to a.invalid:80: host not found: no answer within 200ms (HeadLimits::timeout)";
        assert_eq!(error.to_string(), expected, "{adapter}");
    }
}
