//! Opens a client's connection, and follows redirects; knows no transport.

use alloc::string::String;
use alloc::vec::Vec;

use super::net::Net;
use super::steps::connect;
use crate::connection::Config;
use crate::handshake::{ClientRequest, HandshakeError, RedirectError};
use crate::io::{Connector, Error};

/// Connects, does the opening handshake, and follows redirects.
pub(in crate::io) async fn open<N: Net>(
    connector: &Connector,
    request: &ClientRequest,
    config: &Config,
) -> Result<N::Socket, Error> {
    let net = N::begin(request.timeout());
    let mut request = request.clone();
    let mut asked = Vec::new();
    loop {
        let stream = connect(&net, connector, &request).await?;
        request = request.after(net.elapsed());
        match N::open(stream, &request, config).await {
            Ok(socket) => return Ok(socket),
            Err(error) => {
                asked.push(request.url());
                request = redirected(&request, error, &asked, connector.max_redirects())?;
            }
        }
    }
}

/// Returns the request that comes next, after those with the URLs that were `asked`.
fn redirected(
    request: &ClientRequest,
    error: Error,
    asked: &[String],
    limit: u32,
) -> Result<ClientRequest, Error> {
    let Error::Handshake { error: HandshakeError::UnexpectedStatus(response), .. } = &error else {
        return Err(error);
    };
    if limit == 0 {
        return Err(error);
    }
    let next = match request.redirected(response) {
        // What the server says tells more.
        Err(RedirectError::NotRedirect(_)) => return Err(error),
        Ok(next) if asked.contains(&next.url()) => Err(RedirectError::Loop),
        Ok(_) if u32::try_from(asked.len()).is_ok_and(|len| len > limit) => {
            Err(RedirectError::TooMany(limit))
        }
        next => next,
    };
    next.map_err(|error| Error::Redirect { error, url: request.place().into() })
}
