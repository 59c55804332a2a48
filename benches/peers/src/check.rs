//! What a peer does not check (`checks.json`): each is fed bytes that RFC 6455 forbids, and seen to
//! take them. Knows the rules, and no crate.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::LazyLock;

use crate::contestant::{Contestant, End, Role, Seen, Tuning};
use crate::memory::Memory;
use crate::peers::all;
use crate::table::markdown;
use crate::wire::push;

/// A rule: a letter, what is taken, and cases of it, which are how frames are delivered, and first
/// bytes and payloads of frames.
type Rule = (String, String, Vec<String>);

static RULES: LazyLock<Vec<Rule>> =
    LazyLock::new(|| serde_json::from_str(include_str!("../checks.json")).expect("rules"));

/// The letters of the rules that a contestant does not check.
static UNCHECKED: LazyLock<BTreeMap<&str, String>> = LazyLock::new(|| {
    // A panic is a result here.
    let hook = take_hook();
    set_hook(Box::new(|_| {}));
    let mut unchecked: BTreeMap<_, String> = BTreeMap::new();
    for contestant in receivers() {
        let letters = unchecked.entry(contestant.name).or_default();
        for (letter, _, cases) in &*RULES {
            let is_new = !letters.contains(letter);
            if is_new && cases.iter().any(|case| is_taken(case, contestant)) {
                letters.push_str(letter);
            }
        }
    }
    set_hook(hook);
    unchecked
});

/// Returns the letters of the rules that a contestant does not check, or `?` if it has nothing
/// that receives in memory. Other interfaces of its crate speak for one that has not.
pub(crate) fn unchecked(name: &str) -> &'static str {
    let peer = name.split(',').next().unwrap_or(name);
    match UNCHECKED.get(name).or_else(|| UNCHECKED.get(peer)) {
        _ if name.starts_with("limit") => "",
        Some(letters) if letters.is_empty() => "–",
        Some(letters) => letters,
        None => "?",
    }
}

/// Returns all rules as Markdown, with the peers that do not check them.
pub(crate) fn legend() -> comfy_table::Table {
    let lines = RULES.iter().map(|(letter, about, _)| {
        let mut names: Vec<_> = receivers().map(|contestant| contestant.name).collect();
        names.retain(|name| unchecked(name).contains(letter));
        names.dedup();
        vec![letter.clone(), about.clone(), names.join("; ")]
    });
    markdown(["", "what is taken", "by"], lines)
}

/// Returns all that receive but the limits, which know neither ends nor control frames.
fn receivers() -> impl Iterator<Item = &'static Contestant> {
    let is_limit = |contestant: &Contestant| contestant.name.starts_with("limit");
    all().filter(move |contestant| contestant.receives.is_some() && !is_limit(contestant))
}

/// Returns whether a contestant takes what is forbidden: hands out a message, ends as if all were
/// well, or waits for the rest of a frame whose beginning is wrong.
fn is_taken(case: &str, contestant: &Contestant) -> bool {
    let hex = |text: &str| hex::decode(text).expect("hex");
    let words: Vec<_> = case.split(' ').collect();
    let (sender, receiver, read_size) = match words[0] {
        "pieces" => (Role::Client, Role::Server, 8),
        "unmasked" => (Role::Server, Role::Server, 1 << 16),
        "to-client" => (Role::Client, Role::Client, 1 << 16),
        _ => (Role::Client, Role::Server, 1 << 16),
    };
    let mut bytes = Vec::new();
    match words[1..] {
        [word] => bytes = hex(word),
        [first, payload] if words[0] == "begun" => {
            let begin = hex(payload);
            let mut whole = begin.clone();
            whole.resize(4096, b'0');
            push(&mut bytes, sender, hex(first)[0], &whole, 0x1234_5678);
            bytes.truncate(bytes.len() - whole.len() + begin.len());
        }
        _ => words[1..].chunks(2).for_each(|frame| {
            push(&mut bytes, sender, hex(frame[0])[0], &hex(frame[1]), 0x1234_5678);
        }),
    }
    let memory = Memory::once(&bytes, read_size);
    let tap = memory.tap();
    let mut seen = Seen(Some(Vec::new()));
    let open = contestant.open.expect("an endpoint");
    let receive = || open(memory, receiver, Tuning::Bare).receive(1, &mut seen);
    // After a Close there is no message: whether it was taken shows in the answer.
    let mut end = Ok(Ok(()));
    let answer = tap.record(|| end = catch_unwind(AssertUnwindSafe(receive)));
    let Ok(end) = end else { return true };
    let has = |code: u16| answer.windows(2).any(|pair| pair == code.to_be_bytes());
    let is_close = bytes[0] == 0x88 && end == Err(End::Closed) && !has(1002) && !has(1007);
    // What has been refused is not waited for, but that its sender goes.
    let waits = words[0] == "begun" && tap.has_ended() && !has(1007);
    seen.0.is_some_and(|messages| !messages.is_empty()) || is_close || waits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_checked_is_seen() {
        for name in ["sanswire", "sanswire, gathered", "sanswire, tokio", "sanswire, blocking"] {
            assert_eq!(unchecked(name), "–", "{name}");
        }
        assert!(unchecked("web-socket").contains('t'));
        assert!(unchecked("nexus-web").contains('s'));
        assert!(unchecked("fastwebsockets").contains('w'));
        assert_eq!(unchecked("ws"), "?");
    }

    #[test]
    fn what_is_allowed_is_taken_by_all() {
        for contestant in receivers() {
            let is_taken = is_taken("masked 01 68c3a9 89 70696e67 80 6c6c6f", contestant);
            assert!(is_taken, "{}", contestant.name);
        }
    }
}
