//! HTTP proxies: what they are told, what they may answer, TLS on either part of the way.

use std::io;

use sanswire::Error;
use sanswire::handshake::{HandshakeError, TunnelError, UrlPart};
use sanswire::io::{ConnectStage, Connector, Proxy, ProxyError};
use tokio::io::AsyncReadExt;

use crate::certificates::Authority;
use crate::world::{Does, HttpProxy, Server, listen, serve, taken};
use crate::{ALL, hurried, request};

fn by(proxy: &HttpProxy) -> Connector {
    by_url(&format!("http://{}", proxy.address))
}

fn by_url(url: &str) -> Connector {
    Connector::new().proxy(Proxy::from_url(url).unwrap())
}

#[test]
fn the_proxy_is_told_the_server_and_no_more() {
    let server = Server::start();
    let proxy = HttpProxy::start(Does::Forward(server.address));
    for (adapter, talk) in ALL {
        // A name that only the proxy knows.
        let request = request("ws://chat.invalid/chat?token=secret");
        let request = request.header("Authorization", "Bearer secret").unwrap();
        assert_eq!(talk(&by(&proxy), &request).unwrap(), "hello", "{adapter}");
        let head = "CONNECT chat.invalid:80 HTTP/1.1\r\nHost: chat.invalid:80\r\n\r\n";
        assert_eq!(taken(&proxy.heard), [head], "{adapter}");
        let heard = taken(&server.heard);
        let [heard] = &heard[..] else { panic!("{heard:?}") };
        assert_eq!(heard.headers().text("Host"), Some("chat.invalid"));
        assert_eq!(heard.headers().text("Authorization"), Some("Bearer secret"));
        assert_eq!(heard.target(), "/chat?token=secret");
    }
}

#[test]
fn credentials_go_to_the_proxy_alone() {
    let server = Server::start();
    // user:p@ss
    let line = "Proxy-Authorization: Basic dXNlcjpwQHNz";
    let proxy = HttpProxy::start(Does::Guard(server.address, line));
    let url = |user| format!("http://{user}{}", proxy.address);
    for (adapter, talk) in ALL {
        let connector = by_url(&url("user:p%40ss@"));
        assert_eq!(talk(&connector, &request(&server.url())).unwrap(), "hello", "{adapter}");
        let heard = taken(&server.heard);
        assert_eq!(heard.len(), 1);
        assert!(heard[0].headers().iter().all(|(name, _)| !name.starts_with("Proxy")), "{heard:?}");
        for user in ["", "user:hidden@"] {
            let error = talk(&by_url(&url(user)), &request(&server.url())).unwrap_err();
            let Error::Proxy { error: ProxyError::Tunnel(TunnelError::Refused(response)), .. } =
                &error
            else {
                panic!("{adapter}: {error:?}")
            };
            assert_eq!(response.status(), 407);
            let challenge = response.headers().text("Proxy-Authenticate");
            assert_eq!(challenge, Some("Basic realm=\"the proxy\""));
            let text = error.to_string();
            assert!(text.contains("407") && text.contains("realm=\"the proxy\""), "{text}");
            assert!(text.contains(&url("")), "{text}");
            let shown = format!("{text} {error:?} {connector:?}");
            for secret in ["hidden", "secret", "p@ss", "dXNl"] {
                assert!(!shown.contains(secret), "{adapter}: {shown}");
            }
        }
        // The server has heard nothing of those.
        assert!(taken(&server.heard).is_empty());
    }
}

#[test]
fn headers_for_the_proxy_are_not_for_the_server() {
    let server = Server::start();
    let proxy = HttpProxy::start(Does::Guard(server.address, "Proxy-Authorization: Bearer 123"));
    let url = format!("http://{}", proxy.address);
    let to = Proxy::from_url(&url).unwrap().header("User-Agent", "test").unwrap();
    let connector = Connector::new().proxy(to.header("Proxy-Authorization", "Bearer 123").unwrap());
    for (adapter, talk) in ALL {
        assert_eq!(talk(&connector, &request(&server.url())).unwrap(), "hello", "{adapter}");
        assert!(taken(&proxy.heard)[0].contains("\r\nUser-Agent: test\r\n"));
        assert_eq!(taken(&server.heard)[0].headers().text("User-Agent"), None);
    }
}

#[test]
fn what_a_proxy_may_answer_is_an_error_that_says_so() {
    type IsExpected = fn(&TunnelError) -> bool;
    let cases: [(&[u8], IsExpected, &str); 6] = [
        (
            b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 5\r\n\r\nsorry",
            |error| matches!(error, TunnelError::Refused(response) if response.status() == 502),
            "proxy answered 502 Bad Gateway; it does not reach the server",
        ),
        (
            b"HTTP/1.1 403 \r\n\r\n",
            |error| matches!(error, TunnelError::Refused(response) if response.status() == 403),
            "port 443 only",
        ),
        (
            b"garbage\r\n\r\n",
            |error| matches!(error, TunnelError::InvalidAnswer(HandshakeError::Malformed { .. })),
            "answer of the proxy: ",
        ),
        (
            b"\x15\x03\x01\0\x02\x02\x46",
            |error| {
                matches!(error, TunnelError::InvalidAnswer(HandshakeError::WrongProtocol { .. }))
            },
            "proxy speaks TLS here",
        ),
        (
            b"HTTP/1.1 200 OK\r\n",
            |error| matches!(error, TunnelError::InvalidAnswer(HandshakeError::EndOfStream)),
            "answer of the proxy: ",
        ),
        (
            b"",
            |error| matches!(error, TunnelError::InvalidAnswer(HandshakeError::NoResponse)),
            "proxy closed the connection without an answer",
        ),
    ];
    for (answer, is_expected, words) in cases {
        let proxy = HttpProxy::start(Does::Answer(answer));
        for (adapter, talk) in ALL {
            let error = talk(&by(&proxy), &request("ws://a.invalid/?secret")).unwrap_err();
            let Error::Proxy { error: ProxyError::Tunnel(inner), proxy: shown, url } = &error
            else {
                panic!("{adapter}: {error:?}")
            };
            assert!(is_expected(inner), "{adapter}: {error:?}");
            assert_eq!(**shown, *format!("http://{}", proxy.address));
            assert_eq!(&**url, "ws://a.invalid/");
            assert!(error.to_string().contains(words), "{error}");
            assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
        }
    }
}

#[track_caller]
fn assert_stage(adapter: &str, error: &Error, stage: ConnectStage, kind: io::ErrorKind) {
    let Error::Connect(inner) = error else { panic!("{adapter}: {error:?}") };
    assert_eq!((inner.stage, inner.error.kind()), (stage, kind), "{adapter}: {error}");
    assert!(
        inner.proxy.as_deref().is_some_and(|proxy| error.to_string().contains(proxy)),
        "{error}"
    );
}

#[test]
fn a_proxy_that_is_silent_is_given_up_at_the_deadline() {
    let proxy = HttpProxy::start(Does::Nothing);
    for (adapter, talk) in ALL {
        let error = talk(&by(&proxy), &hurried("ws://a.invalid/")).unwrap_err();
        assert_stage(adapter, &error, ConnectStage::Proxy, io::ErrorKind::TimedOut);
        assert!(error.to_string().contains("no answer within 200ms"), "{error}");
    }
}

#[test]
fn a_proxy_that_is_not_there_is_named() {
    let (listener, address) = listen();
    drop(listener);
    for (adapter, talk) in ALL {
        let connector = by_url(&format!("http://secret@{address}"));
        let error = talk(&connector, &request("ws://a.invalid/")).unwrap_err();
        let tcp = ConnectStage::Tcp { last: address };
        assert_stage(adapter, &error, tcp, io::ErrorKind::ConnectionRefused);
        assert_eq!(
            error.to_string(),
            format!(
                "cannot connect to a.invalid:80 through the proxy http://{address}: connection refused"
            ),
        );
        let connector = by_url("http://secret@nobody.invalid:3128");
        let error = talk(&connector, &request("ws://127.0.0.1:9/")).unwrap_err();
        let Error::Connect(inner) = &error else { panic!("{adapter}: {error:?}") };
        assert_eq!(inner.stage, ConnectStage::LookUp);
        let words =
            "127.0.0.1:9 through the proxy http://nobody.invalid:3128: host of the proxy not found";
        assert!(error.to_string().contains(words), "{error}");
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    }
}

#[test]
fn tls_goes_through_a_proxy_and_to_a_proxy() {
    let (authority, others) = (Authority::new(), Authority::new());
    let server = Server::over_tls(&authority.issue("chat.invalid").server());
    let plain = HttpProxy::start(Does::Forward(server.address));
    let secure = others.issue("127.0.0.1").server();
    let secure = HttpProxy::over_tls(&secure, Does::Forward(server.address));
    let over_tls = format!("https://{}", secure.address);
    let to = request("wss://chat.invalid/");
    for (adapter, talk) in ALL {
        // TLS within a tunnel.
        let connector = by(&plain).tls(authority.client());
        assert_eq!(talk(&connector, &to).unwrap(), "hello", "{adapter}");
        assert!(taken(&plain.heard)[0].starts_with("CONNECT chat.invalid:443 "));
        // TLS within TLS.
        let connector = by_url(&over_tls).tls(authority.client()).proxy_tls(others.client());
        assert_eq!(talk(&connector, &to).unwrap(), "hello", "{adapter}");
        // What the server may show does not do for the proxy.
        let connector = by_url(&over_tls).tls(authority.client()).proxy_tls(authority.client());
        let error = talk(&connector, &to).unwrap_err();
        assert!(error.to_string().contains("https://127.0.0.1"), "{adapter}: {error}");
        let connector = by(&plain).tls(others.client());
        assert!(talk(&connector, &to).is_err(), "{adapter}");
    }
    let plain_server = Server::start();
    let secure = HttpProxy::over_tls(
        &others.issue("127.0.0.1").server(),
        Does::Forward(plain_server.address),
    );
    for (adapter, talk) in ALL {
        let url = format!("https://{}", secure.address);
        let connector = by_url(&url).proxy_tls(others.client());
        assert_eq!(talk(&connector, &request("ws://a.invalid/")).unwrap(), "hello", "{adapter}");
    }
}

#[test]
fn a_proxy_that_leaves_within_the_tls_handshake_is_named() {
    let (listener, address) = listen();
    serve(listener, async |mut stream| {
        // What the client has begun with is read: the end is no reset.
        let _ = stream.read(&mut [0; 1 << 14]).await;
    });
    let tls = Authority::new().client();
    for (adapter, talk) in ALL {
        let connector = by_url(&format!("https://secret@{address}")).proxy_tls(tls.clone());
        let error = talk(&connector, &request("ws://a.invalid/")).unwrap_err();
        assert_stage(adapter, &error, ConnectStage::ProxyTls, io::ErrorKind::UnexpectedEof);
        let words = format!(
            "a.invalid:80: connection to the proxy https://{address} lost within the TLS handshake: "
        );
        assert!(error.to_string().starts_with(&words), "{adapter}: {error}");
    }
}

#[test]
fn a_proxy_has_no_path() {
    for url in ["http://a/b", "https://a?b", "socks5://a/#", "http://a:1//"] {
        let Err(ProxyError::InvalidUrl(error)) = Proxy::from_url(url) else { panic!("{url}") };
        assert_eq!(error.part(), UrlPart::Path, "{url}");
        let text = error.to_string();
        assert!(text.starts_with("path of ") && text.contains("leave it out"), "{text}");
    }
}

#[test]
fn a_name_for_the_proxys_certificate_is_not_that_of_the_server() {
    let authority = Authority::new();
    let server = Server::over_tls(&authority.issue("chat.invalid").server());
    let tls = authority.issue("proxy.invalid").server();
    let proxy = HttpProxy::over_tls(&tls, Does::Forward(server.address));
    let url = format!("https://proxy.invalid:{}", proxy.address.port());
    for (adapter, talk) in ALL {
        let connector = by_url(&url)
            .resolve("proxy.invalid", proxy.address.port(), [proxy.address])
            .tls(authority.client())
            .proxy_tls(authority.client());
        assert_eq!(
            talk(&connector, &request("wss://chat.invalid/")).unwrap(),
            "hello",
            "{adapter}"
        );
    }
}

/// The environment is that of a process: a child has one of its own.
#[test]
fn the_environment_is_asked_for_each_url() {
    const CHILD: &str = "SANSWIRE_TEST_SERVER_PAST_THE_PROXY";
    if let Ok(url) = std::env::var(CHILD) {
        let connector = Connector::new().proxy_from_env();
        for (adapter, talk) in ALL {
            let through = talk(&connector, &request("ws://chat.invalid/chat"));
            assert_eq!(through.unwrap(), "hello", "{adapter}");
            assert_eq!(talk(&connector, &request(&url)).unwrap(), "hello", "{adapter}");
            let error = talk(&connector, &request("wss://chat.invalid/?secret")).unwrap_err();
            let Error::Proxy { error: ProxyError::InvalidUrl(inner), proxy, url } = &error else {
                panic!("{adapter}: {error:?}")
            };
            assert_eq!(inner.part(), UrlPart::Scheme);
            assert_eq!((&**proxy, &**url), ("of the environment", "wss://chat.invalid/"));
        }
        return;
    }
    let server = Server::start();
    let proxy = HttpProxy::start(Does::Forward(server.address));
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "proxies::the_environment_is_asked_for_each_url"])
        .env("HTTP_PROXY", format!("http://{}", proxy.address))
        .env("HTTPS_PROXY", "socks4://127.0.0.1:9")
        .env("NO_PROXY", "127.0.0.0/8")
        .env_remove("REQUEST_METHOD")
        .env(CHILD, server.url())
        .output()
        .unwrap();
    let output = String::from_utf8(child.stdout).unwrap();
    assert!(child.status.success() && output.contains("1 passed"), "{output}");
    let heard = taken(&proxy.heard);
    assert_eq!(heard.len(), ALL.len(), "{heard:?}");
    assert!(heard.iter().all(|head| head.starts_with("CONNECT chat.invalid:80 ")), "{heard:?}");
    assert_eq!(taken(&server.heard).len(), 2 * ALL.len());
}
