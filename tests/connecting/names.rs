//! Names: fixed addresses, and who looks up others.

use std::future::{pending, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::thread;

use sanswire::Error;
use sanswire::io::{ConnectStage, Connector};

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
