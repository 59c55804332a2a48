//! A response that opens no connection, in words: what the server said, and what to do; decides
//! nothing.

use core::fmt;

use super::Response;
use super::headers::{CONTENT_TYPE, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use super::response::reason as usual_reason;
use crate::excerpt::{Excerpt, Place};

/// A response in one line.
#[derive(Debug)]
pub(super) struct Refusal<'a>(pub(super) &'a Response);

impl fmt::Display for Refusal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let response = self.0;
        let status = response.status();
        let reason = status_line("server", response, f)?;
        let text = text_of(response).filter(|text| *text != reason.as_bytes());
        if let Some(text) = text {
            write!(f, ": {}", Excerpt(text))?;
        }
        if wants_tls(response) {
            return f.write_str("; server speaks TLS here: use wss");
        }
        let header = |name| response.headers().get(name);
        match status {
            200..=299 | 404 => f.write_str("; there is no WebSocket at this path")?,
            300..=399 => match header(LOCATION) {
                Some(location) => {
                    write!(f, "; connect to where it redirects to: {}", Place(location))?;
                }
                None => f.write_str("; it redirects, and does not say where to")?,
            },
            401 => match header(WWW_AUTHENTICATE) {
                Some(challenge) => write!(f, "; it asks for {}", Excerpt(challenge))?,
                None => f.write_str("; it asks for an Authorization header or a cookie")?,
            },
            403 if text.is_none() => {
                f.write_str("; it does not allow this client or its origin")?
            }
            426 => f.write_str("; it wants another protocol or version of it")?,
            429 | 503 if header(RETRY_AFTER).is_some() => {}
            429 | 503 => f.write_str("; try again later")?,
            502 | 504 => f.write_str("; its proxy cannot reach the server behind it")?,
            500..=599 => f.write_str("; look at the server's log")?,
            _ => {}
        }
        if let Some(time) = header(RETRY_AFTER) {
            let is_seconds = time.iter().all(u8::is_ascii_digit);
            let unit = if is_seconds { " s" } else { "" };
            write!(f, "; try again after {}{unit}", Excerpt(time))?;
        }
        Ok(())
    }
}

/// Says which status `peer` answered with. Returns the reason phrase.
pub(super) fn status_line<'a>(
    peer: &str,
    response: &'a Response,
    f: &mut fmt::Formatter<'_>,
) -> Result<&'a str, fmt::Error> {
    let status = response.status();
    write!(f, "{peer} answered {status}")?;
    let own = Some(response.reason().trim()).filter(|own| !own.is_empty());
    let reason = own.unwrap_or_else(|| usual_reason(status));
    if !reason.is_empty() {
        write!(f, " {}", Excerpt(reason.as_bytes()))?;
    }
    Ok(reason)
}

/// Returns what a body says in plain text, or the title of a page.
fn text_of(response: &Response) -> Option<&[u8]> {
    let headers = response.headers();
    if headers.get("Content-Encoding").is_some() {
        return None;
    }
    let body = response.content().trim_ascii();
    if find(body, b"<html").is_some() || body.starts_with(b"<!") {
        let title = body.get(find(body, b"<title")?..)?;
        let title = title.get(find(title, b">")? + 1..)?;
        return title.get(..find(title, b"</title")?).filter(|title| !title.is_empty());
    }
    let is_text = |kind: &[u8]| {
        [&b"text/"[..], b"application/json", b"application/problem+json"].iter().any(|known| {
            kind.get(..known.len()).is_some_and(|kind| kind.eq_ignore_ascii_case(known))
        })
    };
    // What does not say what it is may be text; what is not printable is none.
    let is_printable = |byte: &u8| !byte.is_ascii_control() || byte.is_ascii_whitespace();
    let is_text = headers.get(CONTENT_TYPE).map_or_else(|| body.iter().all(is_printable), is_text);
    Some(body).filter(|body| is_text && !body.is_empty())
}

/// Returns whether a server that speaks TLS has said that this was none: nginx, Apache and Go do.
fn wants_tls(response: &Response) -> bool {
    let sentences = [
        &b"plain HTTP request was sent to HTTPS port"[..],
        b"speaking plain HTTP to an SSL-enabled server port",
        b"sent an HTTP request to an HTTPS server",
    ];
    response.status() == 400
        && sentences.iter().any(|sentence| find(response.content(), sentence).is_some())
}

/// Returns where `bytes` has `wanted`, without regard to case.
fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window.eq_ignore_ascii_case(wanted))
}
