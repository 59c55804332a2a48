//! Other protocols than HTTP/1.1, by the first bytes that a peer sends; knows no handshake.

use core::fmt;

use crate::role::Role;

/// What a peer seems to speak instead of HTTP/1.1, by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OtherProtocol {
    /// HTTP/2, without an upgrade.
    Http2,
    /// A server of mail or files: SMTP, FTP or one like them, which begins with a number.
    Mail,
    /// MySQL or MariaDB.
    MySql,
    /// The PROXY protocol, by which a load balancer says where a connection comes from.
    Proxy,
    /// Redis, or POP3, which answers in the same way.
    Redis,
    /// SOCKS, which a client speaks to a proxy.
    Socks,
    /// SSH.
    Ssh,
    /// TLS.
    Tls,
}

/// What the first bytes of a peer say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guess {
    /// Another protocol.
    Other(OtherProtocol),
    /// It may be another protocol, which the next byte will tell.
    Unknown,
    /// It is none of the protocols that are known.
    Nothing,
}

/// One byte of a beginning.
#[derive(Clone, Copy)]
enum Byte {
    Any,
    Digit,
    Is(u8),
}

impl OtherProtocol {
    /// Guesses what `peer` speaks. The outcome is the same however the bytes arrive.
    pub(super) fn guess(peer: Role, bytes: &[u8]) -> Guess {
        let beginnings = match peer {
            Role::Client => CLIENTS,
            Role::Server => SERVERS,
        };
        let mut guess = Guess::Nothing;
        for (beginning, protocol) in beginnings {
            let is_match = |(byte, expected): (&u8, &Byte)| match expected {
                Any => true,
                Digit => byte.is_ascii_digit(),
                Is(expected) => byte == expected,
            };
            if !bytes.iter().zip(*beginning).all(is_match) {
                continue;
            }
            if bytes.len() >= beginning.len() {
                return Guess::Other(*protocol);
            }
            guess = Guess::Unknown;
        }
        guess
    }

    /// Says what the peer speaks, and what to do.
    pub(super) fn explain(self, peer: Role, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (peer, self) {
            (Role::Server, Self::Tls) => "server speaks TLS here: use wss",
            (Role::Client, Self::Tls) => {
                "client speaks TLS, and this port does not: accept TLS first, or have the client use ws"
            }
            (Role::Server, Self::Http2) => {
                "server speaks HTTP/2 only: use a port or path with HTTP/1.1, or an extended CONNECT"
            }
            (Role::Client, Self::Http2) => {
                "client speaks HTTP/2 without asking, and this port only HTTP/1.1: use an HTTP/2 stack \
                 and Request::extended_connect"
            }
            (_, Self::Mail) => "server seems to be one of mail or files (SMTP, FTP): is the port right?",
            (_, Self::MySql) => "server seems to be MySQL: is the port right?",
            (_, Self::Proxy) => {
                "load balancer speaks the PROXY protocol: take its header off before the handshake"
            }
            (_, Self::Redis) => "server seems to be Redis or POP3: is the port right?",
            (_, Self::Socks) => "client speaks SOCKS, and this is no proxy: look at the client's proxy settings",
            (Role::Server, Self::Ssh) => "server speaks SSH here: is the port right?",
            (Role::Client, Self::Ssh) => "client speaks SSH, and this port does not",
        })
    }
}

use Byte::{Any, Digit, Is};

/// No beginning is one of HTTP/1.1, nor is one the beginning of another.
const CLIENTS: &[(&[Byte], OtherProtocol)] = &[
    (&[Is(0x16), Is(3)], OtherProtocol::Tls),
    // RFC 9113, §3.4
    (&[Is(b'P'), Is(b'R'), Is(b'I'), Is(b' '), Is(b'*'), Is(b' ')], OtherProtocol::Http2),
    // The versions, and the commands or the number of methods.
    (&[Is(4), Is(1)], OtherProtocol::Socks),
    (&[Is(4), Is(2)], OtherProtocol::Socks),
    (&[Is(5), Any], OtherProtocol::Socks),
    (&[Is(b'S'), Is(b'S'), Is(b'H'), Is(b'-')], OtherProtocol::Ssh),
    // TCP4, TCP6 or UNKNOWN. A request has the beginning of a target there.
    (&[Is(b'P'), Is(b'R'), Is(b'O'), Is(b'X'), Is(b'Y'), Is(b' '), Is(b'T')], OtherProtocol::Proxy),
    (&[Is(b'P'), Is(b'R'), Is(b'O'), Is(b'X'), Is(b'Y'), Is(b' '), Is(b'U')], OtherProtocol::Proxy),
    // Version 2, behind two line breaks that are passed over.
    (&[Is(0), Is(b'\r'), Is(b'\n'), Is(b'Q')], OtherProtocol::Proxy),
];

const SERVERS: &[(&[Byte], OtherProtocol)] = &[
    // An alert, or a greeting.
    (&[Is(0x15), Is(3)], OtherProtocol::Tls),
    (&[Is(0x16), Is(3)], OtherProtocol::Tls),
    // RFC 9113, §3.4 and §6.5: a SETTINGS frame on stream 0.
    (&[Is(0), Is(0), Any, Is(4), Is(0), Is(0), Is(0), Is(0), Is(0)], OtherProtocol::Http2),
    (&[Digit, Digit, Digit, Is(b' ')], OtherProtocol::Mail),
    (&[Digit, Digit, Digit, Is(b'-')], OtherProtocol::Mail),
    // A packet with number 0: a greeting of version 10, or an error.
    (&[Any, Is(0), Is(0), Is(0), Is(10)], OtherProtocol::MySql),
    (&[Any, Is(0), Is(0), Is(0), Is(0xff)], OtherProtocol::MySql),
    (&[Is(b'+'), Is(b'O'), Is(b'K')], OtherProtocol::Redis),
    (&[Is(b'-'), Is(b'E'), Is(b'R'), Is(b'R')], OtherProtocol::Redis),
    (&[Is(b'-'), Is(b'N'), Is(b'O'), Is(b'A'), Is(b'U'), Is(b'T'), Is(b'H')], OtherProtocol::Redis),
    (&[Is(b'-'), Is(b'D'), Is(b'E'), Is(b'N'), Is(b'I'), Is(b'E'), Is(b'D')], OtherProtocol::Redis),
    (&[Is(b'S'), Is(b'S'), Is(b'H'), Is(b'-')], OtherProtocol::Ssh),
];
