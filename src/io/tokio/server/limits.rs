//! Limits how many handshakes of one address are under way; knows no sockets.

use alloc::sync::Arc;
use core::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Counts by address, up to a limit.
#[derive(Clone, Debug, Default)]
pub(super) struct PerAddress {
    limit: Option<usize>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts(Mutex<HashMap<IpAddr, usize>>);

/// One that is counted, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    counts: Arc<Counts>,
    network: IpAddr,
}

impl PerAddress {
    pub(super) const fn set_limit(&mut self, limit: Option<usize>) {
        self.limit = limit;
    }

    /// Counts one more of this address; an error says that there is no place. What has no address
    /// or no limit is not counted.
    pub(super) fn enter(&self, address: Option<SocketAddr>) -> Result<Option<Place>, Full> {
        let (Some(limit), Some(address)) = (self.limit, address) else { return Ok(None) };
        let network = network_of(address.ip());
        let mut counts = self.counts.lock();
        let count = counts.entry(network).or_default();
        if *count >= limit {
            if *count == 0 {
                counts.remove(&network);
            }
            return Err(Full);
        }
        *count += 1;
        drop(counts);
        Ok(Some(Place { counts: Arc::clone(&self.counts), network }))
    }
}

/// One address has as many as it may.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

impl Counts {
    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.counts.lock();
        if let Some(count) = counts.get_mut(&self.network) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.network);
            }
        }
    }
}

/// Returns what one client has of its own: an address of IPv4, a network of 64 bits of IPv6.
fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)))
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    fn address(text: &str) -> Option<SocketAddr> {
        Some(SocketAddr::new(text.parse().unwrap(), 1234))
    }

    #[test]
    fn each_network_has_a_count_of_its_own() {
        let limits = PerAddress { limit: Some(2), ..PerAddress::default() };
        let same = [
            ("192.0.2.1", "::ffff:192.0.2.1", "192.0.2.1"),
            ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", "2001:db8:0:1::3"),
        ];
        let mut places = Vec::new();
        for (first, second, third) in same {
            places.push(limits.enter(address(first)).unwrap());
            places.push(limits.enter(address(second)).unwrap());
            assert_eq!(limits.enter(address(third)).unwrap_err(), Full);
        }
        for other in ["192.0.2.2", "2001:db8:0:2::1"] {
            assert!(limits.enter(address(other)).unwrap().is_some());
        }
        assert_eq!(limits.counts.lock().len(), 2);
        drop(places);
        assert!(limits.counts.lock().is_empty());
    }

    #[test]
    fn nothing_is_counted_without_a_limit_or_an_address() {
        assert!(PerAddress::default().enter(address("192.0.2.1")).unwrap().is_none());
        let none = PerAddress { limit: Some(0), ..PerAddress::default() };
        assert!(none.enter(None).unwrap().is_none());
        assert_eq!(none.enter(address("192.0.2.1")).unwrap_err(), Full);
        assert!(none.counts.lock().is_empty());
    }
}
