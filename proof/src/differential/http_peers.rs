//! Who parses heads, and what they make of them.

use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;

use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use sanswire::handshake::{
    ClientHandshake, ClientRequest, HandshakeError, HeadLimits, Headers, ServerHandshake,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::runtime::Runtime;

use crate::differential::heads::Kind;
use crate::differential::told::from_hex;

/// What became of a head.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// More would have to come.
    Incomplete,
    /// No HTTP.
    Malformed,
    Parsed(Parsed),
    /// HTTP that this crate refuses for another reason.
    Refused(HandshakeError),
}

/// What is in a head.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Parsed {
    /// Method and target, or the status.
    pub(crate) start: Vec<Vec<u8>>,
    /// Names in lower case, and values.
    pub(crate) fields: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Parsed {
    /// Some keep white space at the ends of a value, which is no part of it (RFC 9110, §5.5).
    fn of<'a>(start: Vec<Vec<u8>>, fields: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Outcome {
        let field = |(name, value): (&[u8], &[u8])| {
            (name.to_ascii_lowercase(), value.trim_ascii().to_vec())
        };
        Outcome::Parsed(Self { start, fields: fields.map(field).collect() })
    }
}

/// What this crate makes of a head that comes in pieces of this size, and then ends.
pub(crate) fn sanswire(kind: Kind, head: &[u8], size: usize) -> Outcome {
    let pieces = head.chunks(size).map(Some).chain([None]);
    let result = match kind {
        Kind::Request => {
            let mut handshake = ServerHandshake::new(&HeadLimits::default());
            first(pieces, |piece| {
                match piece {
                    Some(piece) => handshake.input().extend_from_slice(piece),
                    None => handshake.handle_eof(),
                }
                let request = handshake.poll_request()?;
                Ok(request.map(|request| {
                    let start = [request.method(), request.target()].map(|part| part.into());
                    ours(start.to_vec(), request.headers())
                }))
            })
        }
        Kind::Response => {
            let request = ClientRequest::new("server.example.com", "/chat").expect("a request");
            let mut handshake = ClientHandshake::new(&request, *b"the sample nonce");
            first(pieces, |piece| {
                match piece {
                    Some(piece) => handshake.input().extend_from_slice(piece),
                    None => handshake.handle_eof(),
                }
                let status = |status: u16| vec![format!("{status:03}").into_bytes()];
                match handshake.poll_response() {
                    Ok(response) => Ok(response
                        .map(|response| ours(status(response.status()), response.headers()))),
                    Err(HandshakeError::UnexpectedStatus(response)) => {
                        Ok(Some(ours(status(response.status()), response.headers())))
                    }
                    Err(error) => Err(error),
                }
            })
        }
    };
    match result {
        Ok(outcome) => outcome,
        Err(HandshakeError::Malformed { .. } | HandshakeError::WrongProtocol { .. }) => {
            Outcome::Malformed
        }
        Err(
            HandshakeError::EndOfStream
            | HandshakeError::NoRequest { .. }
            | HandshakeError::NoResponse,
        ) => Outcome::Incomplete,
        Err(error) => Outcome::Refused(error),
    }
}

fn first<'a>(
    mut pieces: impl Iterator<Item = Option<&'a [u8]>>,
    mut poll: impl FnMut(Option<&[u8]>) -> Result<Option<Outcome>, HandshakeError>,
) -> Result<Outcome, HandshakeError> {
    let outcome = pieces.find_map(|piece| poll(piece).transpose());
    outcome.expect("at the end, there is an outcome")
}

fn ours(start: Vec<Vec<u8>>, headers: &Headers) -> Outcome {
    Parsed::of(start, headers.iter().map(|(name, value)| (name.as_bytes(), value)))
}

pub(crate) fn httparse(kind: Kind, head: &[u8]) -> Outcome {
    let mut fields = [httparse::EMPTY_HEADER; 100];
    let mut rest = head;
    loop {
        let (result, start, fields) = match kind {
            Kind::Request => {
                let mut request = httparse::Request::new(&mut fields);
                let result = request.parse(rest);
                let start = [request.method, request.path].map(Option::unwrap_or_default);
                (result, start.map(|part| part.into()).to_vec(), request.headers)
            }
            Kind::Response => {
                let mut response = httparse::Response::new(&mut fields);
                let result = response.parse(rest);
                let status = response.code.unwrap_or_default();
                (result, vec![format!("{status:03}").into_bytes()], response.headers)
            }
        };
        return match result {
            Ok(httparse::Status::Complete(len)) => {
                if kind == Kind::Response && start[0].starts_with(b"1") && start[0] != b"101" {
                    rest = &rest[len..];
                    continue;
                }
                Parsed::of(start, fields.iter().map(|field| (field.name.as_bytes(), field.value)))
            }
            Ok(httparse::Status::Partial) => Outcome::Incomplete,
            Err(_) => Outcome::Malformed,
        };
    }
}

/// hyper over pipes in memory.
pub(crate) struct Hyper(Runtime);

impl Hyper {
    pub(crate) fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        Self(runtime.expect("a runtime without drivers"))
    }

    pub(crate) fn outcome(&self, kind: Kind, head: &[u8]) -> Outcome {
        let (near, far) = tokio::io::duplex(64 << 10);
        let seen = Rc::default();
        let result = match kind {
            Kind::Request => self.0.block_on(serve(near, far, head, &seen)),
            Kind::Response => self.0.block_on(request(near, far, head, &seen)),
        };
        match (seen.take(), result) {
            (Some(parsed), _) => parsed,
            (None, Err(error)) if error.is_parse() => Outcome::Malformed,
            (None, Err(error)) if error.is_incomplete_message() => Outcome::Incomplete,
            // Not a byte came.
            (None, Ok(())) => Outcome::Incomplete,
            (None, Err(error)) => panic!("{error:?}"),
        }
    }
}

type Seen = Rc<RefCell<Option<Outcome>>>;

async fn serve(
    near: DuplexStream,
    mut far: DuplexStream,
    head: &[u8],
    seen: &Seen,
) -> hyper::Result<()> {
    far.write_all(head).await.expect("there is room");
    far.shutdown().await.expect("a pipe");
    let service = service_fn(|request: Request<_>| {
        let (parts, _): (_, hyper::body::Incoming) = request.into_parts();
        let target = parts.uri.to_string().into_bytes();
        note(seen, vec![parts.method.as_str().into(), target], &parts.headers);
        core::future::ready(Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())))
    });
    hyper::server::conn::http1::Builder::new()
        .half_close(true)
        .keep_alive(false)
        .serve_connection(TokioIo::new(near), service)
        .await
}

async fn request(
    near: DuplexStream,
    mut far: DuplexStream,
    head: &[u8],
    seen: &Seen,
) -> hyper::Result<()> {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake::<_, Empty<Bytes>>(TokioIo::new(near)).await?;
    let asking = async {
        let request = Request::get("/chat").header("Upgrade", "websocket");
        let request = request.header("Connection", "Upgrade").body(Empty::new());
        let response = sender.send_request(request.expect("a request")).await?;
        let status = response.status().as_str().as_bytes().to_vec();
        note(seen, vec![status], response.headers());
        Ok(())
    };
    let answering = async {
        // A response that comes before the request is none.
        let mut byte = [0];
        far.read_exact(&mut byte).await.expect("a request");
        far.write_all(head).await.expect("there is room");
        far.shutdown().await.expect("a pipe");
    };
    // What the connection comes to is told to who asks, too.
    let (asked, _, ()) = tokio::join!(asking, connection.with_upgrades(), answering);
    asked
}

fn note(seen: &Seen, start: Vec<Vec<u8>>, headers: &HeaderMap) {
    let fields = headers.iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()));
    *seen.borrow_mut() = Some(Parsed::of(start, fields));
}

/// Parses an answer of `peers/peer.py`.
pub(crate) fn parse_answer(answer: &str) -> Outcome {
    let mut words = answer.split(' ');
    match words.next() {
        Some("incomplete") => return Outcome::Incomplete,
        Some("malformed") => return Outcome::Malformed,
        Some("parsed") => {}
        _ => panic!("the child says {answer}"),
    }
    let bytes = |word: &str| from_hex(word).expect("bytes in hexadecimal");
    let start = words.next().expect("a start line").split(':').map(bytes).collect();
    let fields: Vec<_> = words
        .map(|word| {
            let (name, value) = word.split_once(':').expect("a field");
            (bytes(name), bytes(value))
        })
        .collect();
    Parsed::of(start, fields.iter().map(|(name, value)| (&name[..], &value[..])))
}

impl core::fmt::Debug for Outcome {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Incomplete => f.write_str("Incomplete"),
            Self::Malformed => f.write_str("Malformed"),
            Self::Parsed(parsed) => {
                write!(f, "Parsed")?;
                parsed.start.iter().try_for_each(|part| write!(f, " {}", part.escape_ascii()))?;
                parsed.fields.iter().try_for_each(|(name, value)| {
                    write!(f, ", {}: {}", name.escape_ascii(), value.escape_ascii())
                })
            }
            Self::Refused(error) => write!(f, "Refused({error:?})"),
        }
    }
}
