//! An HTTP response read slowly, to check what is written; knows no header but those that frame it.

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
        assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'), "{name}");
        assert!(!value.bytes().any(|byte| byte.is_ascii_control()), "{value}");
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
