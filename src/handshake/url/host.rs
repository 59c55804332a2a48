//! Hosts and ports in ASCII (RFC 3986, §3.2), strictly: what one program takes for a name and
//! another for an address is refused. Knows no scheme and no path.

use alloc::format;
use alloc::string::{String, ToString};
use core::net::{Ipv4Addr, Ipv6Addr};

use super::{EMPTY, Fault, IPV6, NAME, NUMERIC, PORT, USER_INFO, UrlPart};
use crate::handshake::authority::Authority;

/// Parses an authority that begins at byte `start`.
pub(in crate::handshake) fn parse_authority(
    authority: &str,
    start: usize,
) -> Result<Authority, Fault> {
    if authority.contains('@') {
        return Err(Fault::at(UrlPart::UserInfo, start, USER_INFO));
    }
    // Behind the brackets, if there are any, comes the port.
    let end = if authority.starts_with('[') { authority.find(']') } else { None };
    let colon = authority.rfind(':').filter(|colon| end.is_none_or(|end| end < *colon));
    let (host, port) = authority.split_at(colon.unwrap_or(authority.len()));
    let host = parse_host(host, start)?;
    // RFC 3986, §3.2.3: the port is `*DIGIT`, and may be empty.
    let Some(digits @ [_, ..]) = port.as_bytes().get(1..) else {
        return Ok(host);
    };
    let number = port.get(1..).and_then(|port| port.parse::<u16>().ok()).filter(|port| *port > 0);
    match number {
        Some(number) if digits.iter().all(u8::is_ascii_digit) => Ok(host.with_port(number)),
        _ => Err(Fault::at(UrlPart::Port, start + authority.len() - digits.len(), PORT)),
    }
}

/// Parses a host that begins at byte `start`: a name, an IPv4 address, or an IPv6 address in
/// brackets.
fn parse_host(host: &str, start: usize) -> Result<Authority, Fault> {
    let fault = |at, fact| Err(Fault::at(UrlPart::Host, start + at, fact));
    if let Some(literal) = host.strip_prefix('[') {
        let address = literal.strip_suffix(']').and_then(|literal| literal.parse().ok());
        return address
            .map_or_else(|| fault(0, IPV6), |address| Ok(Authority::ipv6(ipv6(address))));
    }
    if let Some(at) = host.find(':') {
        return fault(at, "a second colon: write one port, and an IPv6 address in brackets");
    }
    if let Some(at) = host.bytes().position(|byte| !byte.is_ascii()) {
        return fault(
            at,
            "not ASCII: write the name in its ASCII form (xn--…), or use from_url with the feature `url`",
        );
    }
    let is_name_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if let Some(at) = host.bytes().position(|byte| !is_name_byte(byte)) {
        return fault(at, NAME);
    }
    // A dot at the end stands for the root of all names.
    let name = host.strip_suffix('.').unwrap_or(host);
    if name.is_empty() {
        return fault(0, EMPTY);
    }
    if name.len() > 253 || name.split('.').any(|label| label.is_empty() || label.len() > 63) {
        return fault(0, "a name has 1 to 63 characters between its dots, and 253 in all");
    }
    // Others take 127.1, 0x7f000001 and 2130706433 for addresses.
    if name.rsplit('.').next().is_some_and(is_number) && host.parse::<Ipv4Addr>().is_err() {
        return fault(0, NUMERIC);
    }
    Ok(Authority::name(host))
}

/// Returns whether a host whose last label this is would be an IPv4 address to the WHATWG.
fn is_number(label: &str) -> bool {
    let hex = label.strip_prefix("0x").or_else(|| label.strip_prefix("0X"));
    hex.map_or_else(
        || label.bytes().all(|byte| byte.is_ascii_digit()),
        |hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()),
    )
}

/// Writes an address as the WHATWG does, also one that has an IPv4 address within.
fn ipv6(address: Ipv6Addr) -> String {
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] => format!("::ffff:{high:x}:{low:x}"),
        _ => address.to_string(),
    }
}
