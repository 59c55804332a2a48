//! In which order and for how long the addresses of a host are tried (RFC 8305); opens no socket.

use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

/// How long an address is tried alone, before the next one is tried beside it: longer than TCP needs
/// over most ways, and too short for people to notice. RFC 8305, §5, has 250 ms.
pub(in crate::io) const ALONE: Duration = Duration::from_millis(300);

/// Sorts addresses so that the families take turns (§4): where one of the two leads nowhere, the
/// second attempt is of the other. Within a family they stay as the resolver had them, and so does
/// the first.
pub(in crate::io) fn in_turn(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (mut these, mut others): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == first);
    these.reverse();
    others.reverse();
    let mut sorted = Vec::with_capacity(these.len() + others.len());
    while !these.is_empty() || !others.is_empty() {
        sorted.extend(these.pop());
        sorted.extend(others.pop());
    }
    sorted
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    #[test]
    fn families_take_turns_and_the_first_address_stays_first() {
        let four = |last| SocketAddr::from(([192, 0, 2, last], 80));
        let six = |last| SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, last], 80));
        let sorted = in_turn(vec![six(1), six(2), six(3), four(1), four(2)]);
        assert_eq!(sorted, [six(1), four(1), six(2), four(2), six(3)]);
        assert_eq!(in_turn(vec![four(1), six(1)]), [four(1), six(1)]);
        assert_eq!(in_turn(vec![four(2), four(1)]), [four(2), four(1)]);
        assert_eq!(in_turn(Vec::new()), []);
    }
}
