//! A client and a server of which another HTTP stack reads and writes the heads.

use sanswire::handshake::{
    Acceptance, ClientRequest, ExtendedConnect, HttpVersion, Request, Response, Upgrade,
};
use sanswire::{Config, Connection};

/// Opens both by a version of HTTP: the response, the client and the server.
pub(crate) fn opened(
    version: HttpVersion,
    request: &ClientRequest,
    acceptance: &Acceptance,
) -> (Response, Connection, Connection) {
    let config = Config::default();
    if version == HttpVersion::Http11 {
        let sent = Upgrade::new(request, *b"the sample nonce");
        let received = Request::new("GET", sent.resource(), version, sent.headers().clone());
        let (response, server) = received.unwrap().accept(acceptance, &config).unwrap();
        let client = sent.open(response.status(), response.headers(), &config, [7; 32]).unwrap();
        return (response, client, server);
    }
    let sent = ExtendedConnect::from(request);
    let (pseudo_headers, headers) = (sent.pseudo_headers(), sent.headers().clone());
    let received = Request::extended_connect(version, pseudo_headers, headers).unwrap();
    let (response, server) = received.accept(acceptance, &config).unwrap();
    let client = sent.open(response.status(), response.headers(), &config, [7; 32]).unwrap();
    (response, client, server)
}
