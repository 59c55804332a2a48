//! The command line of the client: what is to be connected to, and how.

use std::net::{IpAddr, SocketAddr};

use sanswire::extension::DeflateConfig;
use sanswire::handshake::ClientRequest;
#[cfg(feature = "tls")]
use sanswire::io::tls::ClientTls;
use sanswire::io::{Connector, Proxy};

pub(crate) const HELP: &str = "\
usage: client [OPTION]... URL [SUBPROTOCOL]

Connects to a ws:// or wss:// URL. A user name and a password in the URL are sent as Basic
authorization. Each line of the input goes out as a text message, but for \\b HEX (binary),
\\c CODE REASON (close) and \\p TEXT (Ping).

  --ca FILE                  trusts the certificates in this file (PEM), and no others
  --deflate                  offers permessage-deflate
  --follow                   follows up to 5 redirects
  --header 'NAME: VALUE'     sends this header; may be repeated
  --headers                  shows the headers of the answer
  --help                     shows this
  --insecure                 trusts every certificate: anyone on the way can read everything
  --origin URL               sends this Origin, as the pages of a site do
  --proxy URL                goes through http://[USER:PASSWORD@]HOST:PORT, or https, socks5h, socks5
  --resolve HOST:PORT:ADDR   connects to ADDR instead of looking HOST up; ADDR may be a list with commas

wss://, --ca, --insecure and an https proxy need a build with `--features tls`; SOCKS5 needs one with
`--features proxy`, and then the variables https_proxy, http_proxy, all_proxy and no_proxy count
where there is no --proxy.";

/// What the command line says.
pub(crate) struct Options {
    pub(crate) request: ClientRequest,
    pub(crate) connector: Connector,
    pub(crate) offers_deflate: bool,
    pub(crate) shows_headers: bool,
}

impl Options {
    /// Parses the arguments. The error is for the user.
    pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut arguments = arguments.into_iter();
        let (mut headers, mut places, mut origin, mut proxy) = (vec![], vec![], None, None);
        let (mut offers_deflate, mut shows_headers, mut is_insecure) = (false, false, false);
        let (mut ca, mut connector) = (None, Connector::new());
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
            match argument.as_str() {
                "--ca" => ca = Some(value()?),
                "--deflate" => offers_deflate = true,
                "--follow" => connector = connector.redirects(5),
                "--header" => headers.push(value()?),
                "--headers" => shows_headers = true,
                "--insecure" => is_insecure = true,
                "--origin" => origin = Some(value()?),
                "--proxy" => proxy = Some(value()?),
                "--resolve" => connector = resolve(connector, &value()?)?,
                option if option.starts_with("--") => return Err(format!("no option {option}")),
                _ => places.push(argument),
            }
        }
        let (url, subprotocol) = match &places[..] {
            [url] => (url, None),
            [url, subprotocol] => (url, Some(subprotocol)),
            _ => return Err("a URL is needed, and at most one subprotocol".to_owned()),
        };
        let mut request =
            ClientRequest::from_url_with_user_info(url).map_err(|error| error.to_string())?;
        for header in headers {
            let (name, value) = header.split_once(':').ok_or("a header is 'NAME: VALUE'")?;
            request = request.header(name, value).map_err(|error| error.to_string())?;
        }
        if let Some(origin) = origin {
            request = request.origin(&origin).map_err(|error| error.to_string())?;
        }
        if let Some(subprotocol) = subprotocol {
            request = request.subprotocol(subprotocol).map_err(|error| error.to_string())?;
        }
        if offers_deflate {
            request = request.deflate(&DeflateConfig::default());
        }
        if request.is_secure() && !cfg!(feature = "tls") {
            return Err("wss needs TLS: build the client with `--features tls`".to_owned());
        }
        connector = through(connector, proxy.as_deref())?;
        connector = trust(connector, ca.as_deref(), is_insecure)?;
        Ok(Self { request, connector, offers_deflate, shows_headers })
    }
}

/// Goes through a proxy, or those of the environment.
fn through(connector: Connector, proxy: Option<&str>) -> Result<Connector, String> {
    let Some(proxy) = proxy else {
        #[cfg(feature = "proxy")]
        return Ok(connector.proxy_from_env());
        #[cfg(not(feature = "proxy"))]
        return Ok(connector);
    };
    Ok(connector.proxy(Proxy::from_url(proxy).map_err(|error| error.to_string())?))
}

/// Takes `HOST:PORT:ADDR[,ADDR]...`, as curl has it.
fn resolve(connector: Connector, text: &str) -> Result<Connector, String> {
    let complaint = || format!("{text:?} is not HOST:PORT:ADDR");
    let (host, rest) = text.split_once(':').ok_or_else(complaint)?;
    let (port, addresses) = rest.split_once(':').ok_or_else(complaint)?;
    let port = port.parse().map_err(|_| complaint())?;
    let address = |text: &str| text.trim_matches(['[', ']']).parse::<IpAddr>();
    let addresses: Result<Vec<_>, _> = addresses.split(',').map(address).collect();
    let addresses = addresses.map_err(|_| complaint())?;
    let addresses = addresses.into_iter().map(|address| SocketAddr::new(address, port));
    Ok(connector.resolve(host, port, addresses))
}

/// Sets what is trusted: of the server, and of a proxy.
#[cfg(feature = "tls")]
fn trust(connector: Connector, ca: Option<&str>, insecure: bool) -> Result<Connector, String> {
    let mut tls = ClientTls::new();
    if let Some(path) = ca {
        let pem = std::fs::read(path).map_err(|error| format!("{path}: {error}"))?;
        tls = tls.root_certificates(&pem).map_err(|error| format!("{path}: {error}"))?;
    }
    if insecure {
        tls = tls.dangerous_trust_any_certificate();
    }
    Ok(connector.tls(tls.clone()).proxy_tls(tls))
}

#[cfg(not(feature = "tls"))]
fn trust(connector: Connector, ca: Option<&str>, insecure: bool) -> Result<Connector, String> {
    if ca.is_some() || insecure {
        return Err("--ca and --insecure need TLS: build the client with `--features tls`".into());
    }
    Ok(connector)
}
