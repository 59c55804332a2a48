//! What the server is asked for on the command line. Does nothing of it.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use sanswire::handshake::{MissingOrigin, OriginPolicy};

/// What the program is to do.
pub(crate) enum Asked {
    /// With so many receivers.
    Bench(usize),
    /// What the other is compared with.
    BenchRaw,
    Help,
    Serve(Args),
}

pub(crate) struct Args {
    pub(crate) listen: SocketAddr,
    pub(crate) data: PathBuf,
    /// The URL of a Redis that keeps messages and names instead.
    pub(crate) redis: Option<String>,
    pub(crate) origins: OriginPolicy,
    /// Proxies besides those on this machine, which say whose requests they pass on.
    pub(crate) proxies: Vec<IpAddr>,
    /// The files of a certificate and of its key.
    pub(crate) tls: Option<(PathBuf, PathBuf)>,
    /// Messages of a room that can be read.
    pub(crate) history: usize,
    /// Messages a second of one person.
    pub(crate) rate: u32,
}

impl Asked {
    pub(crate) fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let first = args.next();
        match first.as_deref() {
            Some("--bench") => {
                let receivers = args.next().map_or(Ok(10_000), |text| number("--bench", &text))?;
                args.next().map_or(Ok(Self::Bench(receivers)), |other| {
                    Err(format!("--bench takes no more than a number of receivers, not {other}"))
                })
            }
            Some("--bench-raw") => Ok(Self::BenchRaw),
            Some("-h" | "--help") => Ok(Self::Help),
            _ => Ok(Self::Serve(Args::parse(first.into_iter().chain(args))?)),
        }
    }
}

impl Args {
    fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut parsed = Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            data: PathBuf::from("chat-data"),
            redis: None,
            origins: OriginPolicy::same_origin(),
            proxies: Vec::new(),
            tls: None,
            history: 1000,
            rate: 5,
        };
        let mut origins: Option<OriginPolicy> = None;
        while let Some(option) = args.next() {
            let mut value = |what: &str| args.next().ok_or(format!("{option} needs {what}"));
            match option.as_str() {
                "--listen" => {
                    let what = "an address and a port, such as 127.0.0.1:8080";
                    let text = value(what)?;
                    let wrong = |_| format!("--listen: {text} is not {what} or [::1]:8080");
                    parsed.listen = text.parse().map_err(wrong)?;
                }
                "--data" => parsed.data = value("a directory")?.into(),
                "--redis" => {
                    parsed.redis = Some(value("a URL, such as redis://127.0.0.1:6379")?);
                }
                "--origin" => {
                    let text = value("an origin, such as https://chat.example.com")?;
                    let policy = origins.take().unwrap_or_default();
                    let policy =
                        policy.allow(&text).map_err(|error| format!("--origin: {error}"))?;
                    origins = Some(policy);
                }
                "--proxy" => {
                    let text = value("the address of a proxy, such as 192.0.2.1")?;
                    let wrong = |_| format!("--proxy: {text} is no address");
                    parsed.proxies.push(text.parse().map_err(wrong)?);
                }
                "--tls" => {
                    let what = "the files of a certificate and of its key";
                    parsed.tls = Some((value(what)?.into(), value(what)?.into()));
                }
                "--history" => parsed.history = number(&option, &value("a number of messages")?)?,
                "--rate" => parsed.rate = number(&option, &value("a number of messages")?)?,
                "--bench" => return Err("--bench must be the only option".to_owned()),
                _ => return Err(format!("unknown option {option}\n\n{USAGE}")),
            }
        }
        // What is no browser sends no origin, and needs no protection by it: there is no cookie.
        parsed.origins = origins.unwrap_or_default().missing(MissingOrigin::Allow);
        Ok(parsed)
    }
}

fn number<T: std::str::FromStr + Default + PartialOrd>(
    option: &str,
    text: &str,
) -> Result<T, String> {
    match text.parse() {
        Ok(number) if number > T::default() => Ok(number),
        _ => Err(format!("{option}: {text} is no number above 0")),
    }
}

pub(crate) const USAGE: &str = "\
usage: chat [OPTION...]
       chat --bench [RECEIVERS]   measure the prices with so many receivers (10,000)

  --listen ADDR     where to listen (127.0.0.1:8080)
  --data DIR        where messages and names are kept (chat-data)
  --redis URL       keep messages and names in Redis instead, with other servers
  --origin ORIGIN   a page that may connect besides the server's own, such as
                    https://chat.example.com; may be repeated
  --proxy ADDR      a proxy on another machine; may be repeated
  --tls CERT KEY    serve https and wss with this certificate and key (PEM files)
  --history N       messages of a room that can be read (1000)
  --rate N          messages a second of one person, and four times as many at once (5)";
