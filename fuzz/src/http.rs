//! HTTP read slowly, to check what is written and what is made of what arrives; knows no header but
//! those that frame a message.

/// Checks that `bytes` are one whole response and returns its status.
pub fn check_response(bytes: &[u8]) -> u16 {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a whole head") + 4;
    let (head, body) = bytes.split_at(end);
    let head = str::from_utf8(head).expect("text");
    let mut lines = head.trim_end().split("\r\n");
    let status = lines.next().expect("a status line").strip_prefix("HTTP/1.1 ").expect("HTTP/1.1");
    let (status, _) = status.split_once(' ').expect("a status and a reason");
    let status: u16 = status.parse().expect("a status");
    let mut len = None;
    let mut closes = false;
    for line in lines {
        let (name, value) = line.split_once(": ").expect("a name and a value");
        let is_token =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        assert!(!name.is_empty() && name.bytes().all(is_token), "{name}");
        assert!(!value.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t'), "{value}");
        if name.eq_ignore_ascii_case("content-length") {
            assert_eq!(len.replace(value.parse().expect("a length")), None);
        }
        closes |= name.eq_ignore_ascii_case("connection")
            && value.split(", ").any(|token| token == "close");
    }
    if status == 101 {
        assert!(len.is_none() && !closes && body.is_empty());
    } else {
        // An answer to HEAD has the length and no body.
        assert!(closes && (len == Some(body.len()) || body.is_empty()));
    }
    status
}

/// A response as a client receives it, read slowly from a stream that has ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Received {
    pub status: u16,
    /// Names and values, each in one line.
    pub headers: Vec<(String, Vec<u8>)>,
    /// What stands behind the head.
    pub rest: Vec<u8>,
    /// How many interim responses came before.
    pub interim: usize,
}

impl Received {
    /// Reads the final response of a stream in which all heads are known to be sound.
    pub fn read(mut stream: &[u8]) -> Self {
        for interim in 0.. {
            let end = find(stream, b"\r\n\r\n").expect("a whole head");
            let (head, rest) = (&stream[..end], &stream[end + 4..]);
            let mut lines = head.split(|byte| *byte == b'\n').map(|line| line.trim_ascii_end());
            let status_line = lines.next().expect("a status line");
            let status = str::from_utf8(&status_line[9..12]).expect("digits");
            let status: u16 = status.parse().expect("a status");
            if status == 101 || status >= 200 {
                return Self { status, headers: unfold(lines), rest: rest.to_vec(), interim };
            }
            stream = rest;
        }
        unreachable!("a stream that ends");
    }

    /// Returns the body of a refusal, up to `limit`, and whether it was to be longer; `None` where
    /// it has chunks that are not plain.
    pub fn body(&self, limit: usize) -> Option<(Vec<u8>, bool)> {
        if matches!(self.status, 204 | 304) {
            return Some((Vec::new(), false));
        }
        let codings: Vec<_> = self.list("transfer-encoding").collect();
        let codings: Vec<_> = codings.into_iter().filter(|coding| coding != b"identity").collect();
        let chunked = codings.iter().filter(|coding| *coding == b"chunked").count();
        let lengths: Vec<_> = self.list("content-length").collect();
        let has_length = self.headers.iter().any(|(name, _)| name == "content-length");
        let kept = self.rest[..self.rest.len().min(limit)].to_vec();
        if chunked > 1 {
            return Some((Vec::new(), true));
        }
        if codings.last().is_some_and(|last| last == b"chunked") {
            return chunks(&self.rest, limit);
        }
        if !codings.is_empty() || !has_length {
            return Some((kept, self.rest.len() > limit));
        }
        let number = |digits: &Vec<u8>| {
            let digits = str::from_utf8(digits).ok()?;
            let is_number = digits.chars().all(|digit| digit.is_ascii_digit());
            is_number.then(|| digits.parse().unwrap_or(u64::MAX))
        };
        let lengths: Option<Vec<_>> = lengths.iter().map(number).collect();
        match lengths.as_deref() {
            Some([first, more @ ..]) if more.iter().all(|length| length == first) => {
                let len = usize::try_from(*first).unwrap_or(usize::MAX);
                let kept = self.rest[..self.rest.len().min(limit).min(len)].to_vec();
                let is_truncated = kept.len() < len;
                Some((kept, is_truncated))
            }
            _ => Some((Vec::new(), true)),
        }
    }

    /// The elements of a list, in lower case.
    fn list(&self, wanted: &str) -> impl Iterator<Item = Vec<u8>> {
        let values = self.headers.iter().filter(move |(name, _)| name == wanted);
        values
            .flat_map(|(_, value)| value.split(|byte| *byte == b','))
            .map(|element| element.trim_ascii().to_ascii_lowercase())
            .filter(|element| !element.is_empty())
    }
}

/// Puts lines that begin with white space behind the line before, and takes names from values.
fn unfold<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Vec<(String, Vec<u8>)> {
    let mut whole: Vec<Vec<u8>> = Vec::new();
    for line in lines {
        match line.first() {
            // A line of nothing but white space has lost it.
            None | Some(b' ' | b'\t') => {
                let last = whole.last_mut().expect("a line before");
                last.push(b' ');
                last.extend_from_slice(line.trim_ascii());
                last.truncate(last.trim_ascii_end().len());
            }
            Some(_) => whole.push(line.to_vec()),
        }
    }
    let field = |line: Vec<u8>| {
        let colon = line.iter().position(|byte| *byte == b':').expect("a colon");
        let name = str::from_utf8(&line[..colon]).expect("a token");
        (name.to_ascii_lowercase(), line[colon + 1..].trim_ascii().to_vec())
    };
    whole.into_iter().map(field).collect()
}

/// Puts chunks together; `None` if a line has more than a size.
fn chunks(mut bytes: &[u8], limit: usize) -> Option<(Vec<u8>, bool)> {
    let mut body = Vec::new();
    loop {
        let line = find(bytes, b"\r\n").filter(|len| (1..=16).contains(len))?;
        let is_hex = bytes[..line].iter().all(u8::is_ascii_hexdigit);
        let digits = str::from_utf8(&bytes[..line]).ok().filter(|_| is_hex)?;
        let size = usize::from_str_radix(digits, 16).ok()?;
        if size == 0 {
            return Some((body, false));
        }
        bytes = &bytes[line + 2..];
        let taken = size.min(bytes.len()).min(limit - body.len());
        body.extend_from_slice(&bytes[..taken]);
        if taken < size {
            return Some((body, true));
        }
        bytes = match &bytes[taken..] {
            [b'\r', b'\n', rest @ ..] => rest,
            _ => return Some((body, true)),
        };
        if bytes.is_empty() {
            return Some((body, true));
        }
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
