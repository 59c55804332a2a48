//! Redirects and refusals of servers, as a client follows them or not.

use sanswire::Error;
use sanswire::handshake::{Acceptance, HandshakeError, RedirectError, Response};
use sanswire::io::{Connector, Proxy};

use crate::world::{Does, HttpProxy, Server, taken};
use crate::{ALL, request};

fn following(redirects: u32) -> Connector {
    Connector::new().redirects(redirects)
}

#[test]
fn no_redirect_is_followed_unless_that_is_wanted() {
    let server = Server::redirecting(&[("/chat", "/there".into())]);
    for (adapter, talk) in ALL {
        let error = talk(&Connector::new(), &request(&server.url())).unwrap_err();
        let Error::Handshake { error: HandshakeError::UnexpectedStatus(response), .. } = error
        else {
            panic!("{adapter}: {error:?}")
        };
        assert_eq!((response.status(), response.headers().text("Location")), (302, Some("/there")));
        assert_eq!(taken(&server.heard).len(), 1);
        assert_eq!(talk(&following(1), &request(&server.url())).unwrap(), "hello", "{adapter}");
        let asked = taken(&server.heard);
        let asked: Vec<&str> = asked.iter().map(|request| request.target()).collect();
        assert_eq!(asked, ["/chat?token=secret", "/there"], "{adapter}");
    }
}

#[test]
fn more_redirects_than_wanted_and_circles_are_errors_that_name_the_last_url() {
    let server = Server::redirecting(&[
        ("/chat", "/a?secret".into()),
        ("/a", "b".into()),
        ("/b", "c".into()),
        ("/round", "/and-round".into()),
        ("/and-round", "/round".into()),
        ("/self", "/self".into()),
    ]);
    let at = |path| format!("ws://{}{path}", server.address);
    for (adapter, talk) in ALL {
        assert_eq!(talk(&following(3), &request(&at("/chat"))).unwrap(), "hello", "{adapter}");
        for (redirects, from, expected, last) in [
            (1, "/chat", RedirectError::TooMany(1), "/a"),
            (2, "/chat", RedirectError::TooMany(2), "/b"),
            (9, "/round", RedirectError::Loop, "/and-round"),
            (9, "/self", RedirectError::Loop, "/self"),
        ] {
            let error = talk(&following(redirects), &request(&at(from))).unwrap_err();
            let Error::Redirect { error: inner, url } = &error else {
                panic!("{adapter}: {error:?}")
            };
            assert_eq!((inner, &**url), (&expected, &*at(last)), "{adapter}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}

#[test]
fn secrets_do_not_go_to_another_server() {
    let other = Server::start();
    let server = Server::redirecting(&[("/chat", format!("//{}/there", other.address))]);
    for (adapter, talk) in ALL {
        let request = request(&server.url())
            .basic_auth("user", "password")
            .unwrap()
            .header("Cookie", "a=b")
            .unwrap()
            .header("X-Kept", "c")
            .unwrap();
        assert_eq!(talk(&following(1), &request).unwrap(), "hello", "{adapter}");
        let first = &taken(&server.heard)[0];
        assert!(first.headers().get("Authorization").is_some());
        let second = &taken(&other.heard)[0];
        assert_eq!(second.headers().get("Authorization"), None, "{adapter}");
        assert_eq!(second.headers().get("Cookie"), None, "{adapter}");
        assert_eq!(second.headers().text("X-Kept"), Some("c"));
        assert_eq!(second.headers().text("Host"), Some(&*other.address.to_string()));
    }
}

#[test]
fn a_redirect_that_leads_nowhere_is_an_error() {
    let server = Server::deciding(|request| {
        let response = Response::new(match request.path() {
            "/304" => 304,
            _ => 301,
        });
        Err(match request.path() {
            "/ftp" => response.header("Location", "ftp://a/").unwrap(),
            _ => response,
        })
    });
    for (adapter, talk) in ALL {
        for path in ["/missing", "/ftp"] {
            let url = format!("ws://{}{path}", server.address);
            let error = talk(&following(1), &request(&url)).unwrap_err();
            let Error::Redirect { error: RedirectError::InvalidLocation(_), .. } = &error else {
                panic!("{adapter}: {error:?}")
            };
        }
        let url = format!("ws://{}/304", server.address);
        let error = talk(&following(1), &request(&url)).unwrap_err();
        let Error::Handshake { error: HandshakeError::UnexpectedStatus(_), .. } = &error else {
            panic!("{adapter}: {error:?}")
        };
    }
}

#[test]
fn a_redirect_goes_through_the_proxy_too() {
    let server = Server::redirecting(&[("/chat", "ws://there.invalid/".into())]);
    let proxy = HttpProxy::start(Does::Forward(server.address));
    let url = format!("http://{}", proxy.address);
    for (adapter, talk) in ALL {
        let connector = following(1).proxy(Proxy::from_url(&url).unwrap());
        assert_eq!(talk(&connector, &request("ws://here.invalid/chat")).unwrap(), "hello");
        let heard = taken(&proxy.heard);
        assert!(heard[0].starts_with("CONNECT here.invalid:80 "), "{adapter}");
        assert!(heard[1].starts_with("CONNECT there.invalid:80 "), "{adapter}");
    }
}

#[test]
fn a_401_says_how_to_try_again() {
    let server = Server::deciding(|request| {
        let authorization = request.headers().text("Authorization");
        if authorization == Some("Basic dXNlcjpwYXNzd29yZA==") {
            return Ok(Acceptance::new());
        }
        Err(Response::new(401).header("WWW-Authenticate", "Basic realm=\"chat\"").unwrap())
    });
    for (adapter, talk) in ALL {
        let request = request(&server.url());
        let error = talk(&Connector::new(), &request).unwrap_err();
        let Error::Handshake { error: HandshakeError::UnexpectedStatus(response), .. } = &error
        else {
            panic!("{adapter}: {error:?}")
        };
        assert_eq!(response.status(), 401);
        let challenge = response.headers().text("WWW-Authenticate");
        assert!(challenge.is_some_and(|challenge| challenge.starts_with("Basic ")));
        let request = request.basic_auth("user", "password").unwrap();
        assert_eq!(talk(&Connector::new(), &request).unwrap(), "hello", "{adapter}");
    }
}
