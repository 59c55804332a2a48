//! The differences that are permitted, each a rule with its reason; counts how often each was found.

use std::collections::BTreeMap;

use crate::tally::Tally;

/// Permits some differences. `D` describes one.
pub(crate) struct Rule<D: 'static> {
    pub(crate) name: &'static str,
    /// Who is different.
    pub(crate) peers: &'static [&'static str],
    /// What says so, or leaves it open.
    pub(crate) section: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) permits: fn(&D) -> bool,
}

/// A table of rules, and how often each was needed.
pub(crate) struct Book<D: 'static> {
    rules: &'static [Rule<D>],
    found: BTreeMap<(&'static str, &'static str), u64>,
    agreed: BTreeMap<&'static str, u64>,
}

impl<D> Book<D> {
    pub(crate) const fn new(rules: &'static [Rule<D>]) -> Self {
        Self { rules, found: BTreeMap::new(), agreed: BTreeMap::new() }
    }

    /// Counts that a peer says the same.
    pub(crate) fn agree(&mut self, tally: &mut Tally, peer: &'static str) {
        *self.agreed.entry(peer).or_default() += 1;
        tally.pass();
    }

    /// Judges a difference: it counts for the first rule that permits it.
    pub(crate) fn differ(
        &mut self,
        tally: &mut Tally,
        peer: &'static str,
        difference: &D,
        describe: impl FnOnce() -> String,
    ) {
        let permits = |rule: &&Rule<D>| rule.peers.contains(&peer) && (rule.permits)(difference);
        match self.rules.iter().find(permits) {
            Some(rule) => {
                *self.found.entry((rule.name, peer)).or_default() += 1;
                tally.pass();
            }
            None => tally.fail(|| format!("no rule permits this: {}", describe())),
        }
    }

    /// Prints the table. If `needs_all`, a rule that nothing needed is a failure: it would permit what
    /// is a fault.
    pub(crate) fn print(&self, tally: &mut Tally, peers: &[&str], needs_all: bool) {
        for (peer, count) in &self.agreed {
            println!("  {count:>9}  agree with {peer}");
        }
        for rule in self.rules {
            let asked = rule.peers.iter().filter(|peer| peers.contains(peer));
            for peer in asked {
                let count = self.found.get(&(rule.name, peer)).copied().unwrap_or(0);
                println!("  {count:>9}  {peer}: {} ({}): {}", rule.name, rule.section, rule.reason);
                if needs_all && count == 0 {
                    tally.fail(|| format!("{} is needed by no case of {peer}", rule.name));
                }
            }
        }
    }
}
