//! How much one address may have of what there is for all: connections, and names that nobody had
//! before. Knows no page and no request.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use axum::http::HeaderMap;

use crate::flood::Bucket;

/// All addresses with a connection, and those that have claimed names.
pub(crate) struct Addresses {
    /// Proxies besides those on this machine.
    proxies: Vec<IpAddr>,
    accounts: Mutex<HashMap<IpAddr, Account>>,
}

struct Account {
    connections: usize,
    /// Names that it may still claim.
    names: Bucket,
}

/// A connection of an address, as long as this lives.
pub(crate) struct Entry {
    address: IpAddr,
    addresses: Arc<Addresses>,
}

impl Addresses {
    pub(crate) fn new(proxies: Vec<IpAddr>) -> Self {
        Self { proxies, accounts: Mutex::default() }
    }

    /// Counts one more connection, if there may be one. It is the peer's or, if that is a proxy, that
    /// of the client which the proxy names last.
    pub(crate) fn enter(self: &Arc<Self>, peer: IpAddr, headers: &HeaderMap) -> Option<Entry> {
        let peer = peer.to_canonical();
        let is_proxy = peer.is_loopback() || self.proxies.contains(&peer);
        let forwarded = headers.get_all("x-forwarded-for").iter().next_back();
        let client = forwarded
            .filter(|_| is_proxy)
            .and_then(|value| value.to_str().ok()?.rsplit(',').next()?.trim().parse().ok());
        let address = network(client.unwrap_or(peer));
        let mut accounts = self.accounts();
        if accounts.len() >= MAX_ACCOUNTS && !accounts.contains_key(&address) {
            forget_idle(&mut accounts, Instant::now());
            if accounts.len() >= MAX_ACCOUNTS {
                return None;
            }
        }
        let account = accounts.entry(address).or_insert_with(|| Account {
            connections: 0,
            names: Bucket::new(NAMES_A_SECOND, MAX_NAMES, Instant::now()),
        });
        if account.connections >= MAX_CONNECTIONS {
            return None;
        }
        account.connections += 1;
        Some(Entry { address, addresses: Arc::clone(self) })
    }

    fn accounts(&self) -> MutexGuard<'_, HashMap<IpAddr, Account>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    /// Returns whether this address may claim one more name, and counts it.
    pub(crate) fn may_claim(&self) -> bool {
        let mut accounts = self.addresses.accounts();
        let account = accounts.get_mut(&self.address);
        account.is_some_and(|account| account.names.take(Instant::now()).is_ok())
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut accounts = self.addresses.accounts();
        let Some(account) = accounts.get_mut(&self.address) else { return };
        account.connections -= 1;
        if account.connections == 0 && account.names.is_full(Instant::now()) {
            accounts.remove(&self.address);
        }
    }
}

/// Forgets the addresses without a connection that may claim as many names as any new one.
fn forget_idle(accounts: &mut HashMap<IpAddr, Account>, now: Instant) {
    accounts.retain(|_, account| account.connections > 0 || !account.names.is_full(now));
}

/// Returns what one client cannot change at will: of IPv6, the first 64 bits.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (!0 << 64)).into(),
    }
}

/// Connections of one address: pages and readers of events.
const MAX_CONNECTIONS: usize = 256;
/// Names that one address may claim at once.
const MAX_NAMES: f64 = 100.0;
/// One a minute: many people may have one address.
const NAMES_A_SECOND: f64 = 1.0 / 60.0;
/// How many addresses are known at once, so that they have some megabytes at most.
const MAX_ACCOUNTS: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::http::HeaderValue;

    use super::*;

    fn forwarded(value: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", HeaderValue::from_static(value));
        headers
    }

    #[test]
    fn a_proxy_is_believed_and_nobody_else() {
        let addresses = Arc::new(Addresses::new(vec!["192.0.2.9".parse().unwrap()]));
        for (peer, header, address) in [
            ("127.0.0.1", "", "127.0.0.1"),
            ("127.0.0.1", "nonsense", "127.0.0.1"),
            ("127.0.0.1", "192.0.2.1", "192.0.2.1"),
            ("::ffff:127.0.0.1", "192.0.2.1", "192.0.2.1"),
            // The client itself may have said the first.
            ("::1", "192.0.2.1, 2001:db8:1:2:3::4", "2001:db8:1:2::"),
            ("192.0.2.9", "192.0.2.1", "192.0.2.1"),
            ("192.0.2.8", "192.0.2.1", "192.0.2.8"),
            ("2001:db8:5:6:7:8:9:a", "", "2001:db8:5:6::"),
        ] {
            let entry = addresses.enter(peer.parse().unwrap(), &forwarded(header)).unwrap();
            assert_eq!(entry.address, address.parse::<IpAddr>().unwrap(), "{peer} {header}");
        }
        assert!(addresses.accounts().is_empty());
    }

    #[test]
    fn an_address_has_connections_and_names_enough_but_not_more() {
        let addresses = Arc::new(Addresses::new(Vec::new()));
        let enter = |peer: &str| addresses.enter(peer.parse().unwrap(), &HeaderMap::new());
        let mut entries: Vec<_> = (0..256).map(|_| enter("192.0.2.1").unwrap()).collect();
        assert!(enter("192.0.2.1").is_none() && enter("192.0.2.2").is_some());
        let claimed = (0..200).filter(|_| entries[0].may_claim()).count();
        assert_eq!(claimed, 100);
        entries.pop();
        assert!(enter("192.0.2.1").is_some_and(|entry| !entry.may_claim()));
        drop(entries);
        // It is remembered, until it may have as many names as at first.
        assert!(enter("192.0.2.1").is_some_and(|entry| !entry.may_claim()));
        let mut accounts = addresses.accounts();
        assert_eq!(accounts.len(), 1);
        forget_idle(&mut accounts, Instant::now() + Duration::from_secs(99 * 60));
        assert_eq!(accounts.len(), 1);
        forget_idle(&mut accounts, Instant::now() + Duration::from_secs(101 * 60));
        assert_eq!(accounts.len(), 0);
    }
}
