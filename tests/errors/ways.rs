//! What is between a client and its server: proxies, and redirects.

use std::time::Duration;

use sanswire::Error;
use sanswire::handshake::{ClientRequest, Headers, RedirectError, Response, Tunnel, TunnelError};
use sanswire::io::{Proxy, ProxyError};

use crate::table::{NOTHING, Table};

pub(crate) fn all(table: &mut Table) {
    table.group(
        "Proxies and redirects",
        "From `connect_via` of all adapters, with a `Connector` that has a proxy or follows redirects. \
         The way to the proxy itself fails as `Error::Connect`. `TunnelError` comes from the state \
         machine `Tunnel`, too, and `RedirectError` from `ClientRequest::redirected`.",
    );
    tunnels(table);
    let socks = ProxyError::Socks("SOCKS error: credentials not accepted".into());
    let invalid = Proxy::from_url("socks4://proxy.example.com").unwrap_err();
    for (error, cause, remedy) in [
        (
            socks,
            "a SOCKS5 proxy refuses",
            "look at the user name, the password and the server's name",
        ),
        (
            ProxyError::Unsupported,
            "a SOCKS5 proxy is set, and the adapter cannot use it",
            "use the tokio adapter and the feature `proxy`, or an HTTP proxy",
        ),
        (
            invalid,
            "what is given or the environment names is not the URL of a proxy",
            "correct it, or the variable, such as `https_proxy`",
        ),
    ] {
        proxy(table, error, cause, remedy);
    }
    redirects(table);
}

fn proxy(table: &mut Table, error: ProxyError, cause: &'static str, remedy: &'static str) {
    table.variant("ProxyError", &error, cause, NOTHING, "see `Error::Proxy`");
    let proxy = match error {
        ProxyError::InvalidUrl(_) => "of the environment",
        ProxyError::Tunnel(_) => "http://proxy:3128",
        ProxyError::Socks(_) | ProxyError::Unsupported | _ => "socks5://proxy:1080",
    };
    let (proxy, url) = (proxy.into(), "ws://example.com/".into());
    let error = Error::Proxy { error, proxy, url };
    table.variant("Error", &error, cause, NOTHING, remedy);
}

fn tunnels(table: &mut Table) {
    let open = |answer: &[u8]| -> TunnelError {
        let request = ClientRequest::new("example.com", "/").unwrap();
        let mut tunnel = Tunnel::new(&request, &Headers::new());
        tunnel.input().extend_from_slice(answer);
        tunnel.handle_timeout(Duration::ZERO);
        tunnel.handle_timeout(Duration::from_secs(10));
        tunnel.poll_response().unwrap_err()
    };
    for (answer, cause, remedy) in [
        (
            &b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n"[..],
            "a proxy refuses to open a tunnel",
            "see the status: give a user name and password, use `wss`, or ask who runs it",
        ),
        (b"SSH-2.0-server\r\n", "a proxy does not answer by HTTP/1.1", "look at its URL"),
        (b"HTTP/1.1 200 OK\r\n\r\n ", "a proxy sends more than its answer", "look at its URL"),
        (b"", "a proxy does not answer in time", "look at the proxy; raise `HeadLimits::timeout`"),
    ] {
        let error = open(answer);
        table.variant("TunnelError", &error, cause, NOTHING, "see `Error::Proxy`");
        proxy(table, ProxyError::Tunnel(error), cause, remedy);
    }
}

fn redirects(table: &mut Table) {
    let redirected = |status, location| {
        let request = ClientRequest::from_url("wss://example.com/chat").unwrap();
        let response = Response::new(status).header("Location", location).unwrap();
        request.redirected(&response).unwrap_err()
    };
    for (error, cause, remedy) in [
        (
            redirected(302, "ws://example.com/chat"),
            "a server redirects from `wss` to `ws`",
            "correct the server; connect to the `ws` URL if that is meant",
        ),
        (redirected(302, "ftp://example.com/"), "a redirect leads nowhere", "correct the server"),
        (RedirectError::Loop, "redirects lead back", "correct the server"),
        (
            RedirectError::TooMany(3),
            "there are more redirects than allowed",
            "connect to the last URL; raise `Connector::redirects`",
        ),
        (
            redirected(404, "/"),
            "a response that is no redirect is to be followed",
            "look at the status before",
        ),
    ] {
        table.variant("RedirectError", &error, cause, NOTHING, "see `Error::Redirect`");
        let error = Error::Redirect { error, url: "wss://example.com/chat".into() };
        table.variant("Error", &error, cause, NOTHING, remedy);
    }
}
