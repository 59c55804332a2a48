//! TLS, at both ends of a connection.

use sanswire::Config;
use sanswire::Error;
use sanswire::handshake::ClientRequest;
use sanswire::io::tls::{ClientTls, ServerTls};
use sanswire::io::tokio::{NetStream, WebSocket};
use sanswire::io::{Connector, TlsError};
use tokio::net::TcpListener;

use crate::certificates::Authority;
use crate::table::{NOTHING, Table};

const URL: &str = "wss://localhost/chat?token=secret";

pub(crate) fn all(table: &mut Table) {
    table.group(
        "TLS",
        "From `connect` and `connect_via` with a `wss` URL, from `NetStream::accept_tls`, and from \
         what makes a `ClientTls` or a `ServerTls`. `Error::Tls` has one of the others, and the URL.",
    );
    let (authority, other) = (Authority::new(), Authority::new());
    let good = authority.issue("localhost").server();
    let unknown = handshake(Some(&good), &other.client());
    let cause = "TLS is not set up, or its handshake failed";
    table.variant("Error", &unknown, cause, NOTHING, "see `TlsError`");

    let cause = "a certificate is signed by nobody who is trusted";
    let remedy = "trust its authority, or let the server send the intermediate certificates, too";
    handshake_error(table, unknown, cause, remedy);
    let wrong = handshake(Some(&authority.issue("example.com").server()), &authority.client());
    let cause = "a certificate is for another name";
    handshake_error(table, wrong, cause, "use a name that it has; look at the URL");
    let plain = handshake(None, &authority.client());
    let cause = "a server does not speak TLS";
    handshake_error(table, plain, cause, "use `ws`, or the port that speaks TLS");

    let tls = ClientTls::new;
    let error = tls().server_name("not a name").unwrap_err();
    let cause = "the name that a certificate must have is not one";
    table.variant("TlsError", &error, cause, NOTHING, "give a host name or an IP address");
    let error = tls().root_certificates(b"nothing").unwrap_err();
    let cause = "no root certificates were built in or given";
    let remedy = "enable `platform-verifier` or `webpki-roots`, or give some";
    table.variant("TlsError", &error, cause, NOTHING, remedy);
    let error = ServerTls::from_pem(b"", b"").unwrap_err();
    let cause = "a certificate, a key or another option is not valid";
    table.variant("TlsError", &error, cause, NOTHING, "look at the files");
    // The others depend on how the crate was built: `tests/tls` provokes them.
    let cause = "neither `ring` nor `aws-lc-rs` is enabled, and no provider was given";
    let remedy = "enable one of them, or give a provider or a configuration";
    table.variant("TlsError", &TlsError::NoProvider, cause, NOTHING, remedy);
    let cause = "a URL begins with `wss`, and the crate was built without TLS";
    let remedy = "enable `rustls` and what it needs, or connect a TLS stream, then `connect_over`";
    table.variant("TlsError", &TlsError::NotBuiltIn, cause, NOTHING, remedy);
}

fn handshake_error(table: &mut Table, error: Error, cause: &'static str, remedy: &'static str) {
    let Error::Tls { error: error @ TlsError::Handshake(_), .. } = error else { panic!("{error}") };
    table.variant("TlsError", &error, cause, NOTHING, remedy);
}

/// What a client gets of a server, or of one without TLS.
#[tokio::main(flavor = "current_thread")]
async fn handshake(server: Option<&ServerTls>, client: &ClientTls) -> Error {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let url = URL.replace("localhost", &format!("localhost:{port}"));
    let serving = async {
        let (stream, _) = listener.accept().await.unwrap();
        match server {
            Some(tls) => drop(NetStream::accept_tls(stream, tls).await),
            None => drop(WebSocket::accept(stream, &Config::default()).await),
        }
    };
    let connecting = async {
        let connector = Connector::new().tls(client.clone());
        let request = ClientRequest::from_url(&url).unwrap();
        WebSocket::connect_via(&connector, &request, &Config::default()).await
    };
    let Err(error) = futures_util::future::join(connecting, serving).await.0 else {
        panic!("connected")
    };
    assert!(!error.to_string().contains("secret"), "{error}");
    let Error::Tls { error, url: Some(url) } = error else { panic!("{error}") };
    Error::Tls { error, url: Some(url.replace(&format!(":{port}"), "").into()) }
}
