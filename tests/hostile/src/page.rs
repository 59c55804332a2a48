//! What was seen, as tables, and docs/hostile.md; attacks nobody.

use std::fmt::Write as _;
use std::process::Command;
use std::time::Duration;

use crate::Fault;
use crate::arena::{LONGEST_WAIT, Seen};
use crate::attacks::{Attack, Way};
use crate::victim::{MAX_CONNECTIONS, MAX_HANDSHAKES_PER_ADDRESS};

/// An attack, and what came of it.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) attack: &'static Attack,
    pub(crate) seen: Result<Seen, Fault>,
}

/// Returns the table of attacks on the server, and that of those on the client.
pub(crate) fn tables(chosen: &[&'static Attack], outcomes: &[Outcome]) -> String {
    let mut server = String::new();
    let mut client = String::new();
    for attack in chosen {
        let seen = outcomes.iter().find(|outcome| outcome.attack.name == attack.name);
        let Some(Ok(seen)) = seen.map(|outcome| &outcome.seen) else { continue };
        let Attack { name, rule, reaction, .. } = attack;
        let row = format!("| {name} | {rule} | {reaction}");
        let memory = megabytes(seen.growth);
        let _ = match attack.way {
            Way::OnClient { .. } => writeln!(client, "{row} | {memory} |"),
            Way::OnServer { .. } => {
                let waits = seen.waits.unwrap_or_default();
                let opening = waits.opening.map_or_else(|| "–".to_owned(), milliseconds);
                let echo = milliseconds(waits.echo);
                writeln!(server, "{row} | {echo} | {opening} | {memory} |")
            }
        };
    }
    format!(
        "| a client's attack | rule | reaction | echo, ms | opening, ms | memory, MiB |\n\
         |---|---|---|--:|--:|--:|\n{server}\n\
         | a server's attack | rule | reaction | memory, MiB |\n|---|---|---|--:|\n{client}"
    )
}

/// Returns docs/hostile.md.
pub(crate) fn render(chosen: &[&'static Attack], outcomes: &[Outcome]) -> String {
    let mut known = String::new();
    for advisory in KNOWN {
        let here: Vec<&str> = chosen
            .iter()
            .filter(|attack| attack.known.contains(advisory))
            .map(|attack| attack.name)
            .collect();
        let _ = writeln!(known, "| {advisory} | {} |", here.join("; "));
    }
    for (advisory, place) in ELSEWHERE {
        let _ = writeln!(known, "| {advisory} | {place} |");
    }
    PAGE.replace("{tables}", tables(chosen, outcomes).trim_end())
        .replace("{known}", known.trim_end())
        .replace("{defences}", defences(chosen).trim_end())
        .replace("{made}", MADE)
        .replace("{wait}", &LONGEST_WAIT.as_secs().to_string())
        .replace("{connections}", &MAX_CONNECTIONS.to_string())
        .replace("{handshakes}", &MAX_HANDSHAKES_PER_ADDRESS.to_string())
}

/// Returns the table of the defences.
fn defences(chosen: &[&'static Attack]) -> String {
    let mut table = String::new();
    for Defence { threat, answer, attacks } in DEFENCES {
        let here: Vec<&str> = chosen
            .iter()
            .filter(|attack| attacks.iter().any(|part| attack.name.contains(part)))
            .map(|attack| attack.name)
            .collect();
        let here = if here.is_empty() { "–".to_owned() } else { here.join("; ") };
        let _ = writeln!(table, "| {threat} | {answer} | {here} |");
    }
    table
}

pub(crate) fn write(page: &str) -> Result<(), Fault> {
    check_known()?;
    let today = Command::new("date").arg("+%F").output()?;
    let today = String::from_utf8_lossy(&today.stdout);
    let cores = std::thread::available_parallelism()?;
    let made = format!("{MADE}{} on {cores} cores.", today.trim());
    Ok(std::fs::write(PATH, page.replace(MADE, &made))?)
}

/// Checks that docs/hostile.md says what was seen, but for its figures.
pub(crate) fn compare(page: &str) -> Result<(), Fault> {
    check_known()?;
    let written = std::fs::read_to_string(PATH)?;
    let (is, was) = (without_figures(page), without_figures(&written));
    if is == was {
        return Ok(());
    }
    let other = is
        .iter()
        .find(|line| !was.contains(line))
        .or_else(|| was.iter().find(|line| !is.contains(line)));
    let line = other.map(String::as_str).unwrap_or_default();
    Err(Fault::new(format!("docs/hostile.md is out of date (--write writes it anew): {line}")))
}

/// Each advisory is in the page, nothing is there that is not in the list, and each defence has its
/// attacks.
fn check_known() -> Result<(), Fault> {
    let here = || crate::attacks::all().flat_map(|attack| attack.known);
    if let Some(lost) = KNOWN.iter().find(|advisory| !here().any(|known| known == *advisory)) {
        return Err(Fault::new(format!("no attack is like {lost}")));
    }
    if let Some(unknown) = here().find(|known| !KNOWN.contains(known)) {
        return Err(Fault::new(format!("{unknown} is not in the list")));
    }
    let is_attack = |part: &str| crate::attacks::all().any(|attack| attack.name.contains(part));
    match DEFENCES.iter().flat_map(|defence| defence.attacks).find(|part| !is_attack(part)) {
        Some(lost) => Err(Fault::new(format!("no attack has {lost} in its name"))),
        None => Ok(()),
    }
}

/// Keeps three columns of the tables that have figures, and all other lines, but not when and where
/// they were made.
fn without_figures(page: &str) -> Vec<String> {
    let kept = |line: &str| {
        let columns: Vec<&str> = line.split('|').collect();
        match columns.len() {
            6.. => columns[..4].join("|"),
            _ if line.starts_with(MADE) => MADE.to_owned(),
            _ => line.to_owned(),
        }
    };
    page.lines().map(kept).collect()
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1e3)
}

/// Of KiB.
#[expect(clippy::cast_precision_loss, reason = "one digit is shown")]
fn megabytes(size: usize) -> String {
    format!("{:.1}", size as f64 / 1024.0)
}

/// What a line begins with that says when and where the figures were made.
const MADE: &str = "The figures were made on ";

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/hostile.md");

/// What other implementations fell to, and an attack is like.
const KNOWN: &[&str] = &[
    "CVE-2014-0193",
    "CVE-2016-10542",
    "CVE-2016-10544",
    "CVE-2017-16031",
    "CVE-2018-1000518",
    "CVE-2018-21035",
    "CVE-2020-13935",
    "CVE-2020-27813",
    "CVE-2020-35896",
    "CVE-2020-7662",
    "CVE-2020-7663",
    "CVE-2021-32640",
    "CVE-2021-42340",
    "CVE-2022-2421",
    "CVE-2022-35922",
    "CVE-2022-41940",
    "CVE-2023-43669",
    "CVE-2024-37890",
    "CVE-2025-11677",
    "CVE-2026-12151",
    "CVE-2026-1526",
    "CVE-2026-1528",
    "CVE-2026-2229",
    "CVE-2026-45736",
    "CVE-2026-48779",
    "CVE-2026-54463",
    "CVE-2026-54464",
    "CVE-2026-54465",
    "CVE-2026-54466",
    "CVE-2026-54490",
    "CVE-2026-61666",
    "GO-2020-0019",
    "GO-2025-3874",
    "GO-2026-5181",
    "GO-2026-5433",
    "Jetty #13029",
    "Netty #15005",
    "PYSEC-2018-79",
    "PYSEC-2019-170",
    "PYSEC-2021-12",
    "RUSTSEC-2020-0043",
    "RUSTSEC-2022-0035",
    "RUSTSEC-2023-0065",
    "fastwebsockets (no advisory)",
    "talking to yourself (2011)",
    "websocket-smuggle",
    "ws 1.0.1",
    "ws 3.3.1",
];

/// What no attack here can show, and where it is tested instead.
const ELSEWHERE: &[(&str, &str)] = &[
    (
        "CVE-2020-11050, CVE-2020-15133, CVE-2020-15134",
        "TLS without a check of the name: `tests/tls`",
    ),
    ("CVE-2020-36406, CVE-2025-11678", "parts that are not here: topics, DNS"),
    ("CVE-2021-33880", "compares no secrets"),
    ("GHSA-c4j6-fc7j-m34r", "forwards no requests"),
    ("OSV-2021-1727", "masking beyond a buffer: `src/frame/mask.rs`, `fuzz`"),
];

/// What is done against a kind of attack.
struct Defence {
    threat: &'static str,
    answer: &'static str,
    /// Parts of the names of attacks that try it.
    attacks: &'static [&'static str],
}

const DEFENCES: &[Defence] = &[
    Defence {
        threat: "heads that are large or slow",
        answer: "`HeadLimits`: bytes, lines, and the time for them",
        attacks: &["head that never ends", "request line", "101 and more", "slow loris", "nothing"],
    },
    Defence {
        threat: "large messages",
        answer: "`max_message_size` and `max_frame_size`, judged by what a frame announces",
        attacks: &["of 16 MiB and 1 byte", "add up", "on and on", "2^40, 2^62 and 2^63 - 1"],
    },
    Defence {
        threat: "memory for what is only announced",
        answer: "buffers grow with what has arrived",
        attacks: &["send none of it", "memory does not"],
    },
    Defence {
        threat: "many small fragments",
        answer: "`max_fragments`; payloads of fragments lie behind one another",
        attacks: &["20,000 fragments", "5,000 fragments"],
    },
    Defence {
        threat: "deflate bombs",
        answer: "what is inflated counts for `max_message_size`, and for the turn of its connection",
        attacks: &["bomb", "inflate to nothing", "final blocks"],
    },
    Defence {
        threat: "memory of many streams of deflate",
        answer: "memory goes when nothing needs it",
        attacks: &["4 bombs at once", "memory does not"],
    },
    Defence {
        threat: "Pings without end",
        answer: "Pongs are queued up to a limit, then only the newest; each connection has its turn",
        attacks: &["Pings without end, and", "send Pings as fast"],
    },
    Defence {
        threat: "readers that are slow, or take nothing",
        answer: "`max_buffered` with `when_full`, and `write_timeout`",
        attacks: &["no echo is read", "reader that takes nothing", "now and then"],
    },
    Defence {
        threat: "writers that are slow within a message",
        answer: "`hold_timeout`; `message_timeout`, which is off by default",
        attacks: &["most of a message at once"],
    },
    Defence {
        threat: "text that is not UTF-8",
        answer: "validated while it arrives; fails at the first bad byte",
        attacks: &["not UTF-8", "within a character"],
    },
    Defence {
        threat: "headers of frames that no peer may send",
        answer: "judged before memory is taken: bits, opcode, mask, length, close code",
        attacks: &["not masked", "reserved bits", "lengths with the top bit", "close codes"],
    },
    Defence {
        threat: "masks that can be guessed",
        answer: "they come from a cryptographically secure generator, a new one for each frame",
        attacks: &["keys and masks"],
    },
    Defence {
        threat: "credentials that follow a redirect",
        answer: "none is followed unless `Connector::redirects` says so",
        attacks: &["a redirect to another server"],
    },
    Defence {
        threat: "escape sequences for a terminal",
        answer: "what a peer sends is shown with its control characters escaped",
        attacks: &["escape sequences"],
    },
    Defence {
        threat: "headers that an application is made to send",
        answer: "names and values are checked when they are set (`tests/protocol`)",
        attacks: &[],
    },
];

const PAGE: &str = "\
# Hostile peers

What a server and a client of this crate do to peers that break the rules, over real sockets on one machine:

```sh
cargo run --release -p hostile             # makes all attacks; fails if one has another outcome
cargo run --release -p hostile -- --write  # and writes this page
```

Each attack on the server meets a fresh process with an echo server on tokio, and comes from another address than an
honest client, which goes on using the server meanwhile and once more afterwards. The table has:

- *rule*: the section that the attack breaks, or that tells what to do.
- *reaction*: what every case of the attack must come to. A Close code, or an HTTP status of a refusal: behind it, the
  server ends the connection; behind HTTP 101, it is open. `dropped`: the server ends it without a word. `ended`: the
  attacker did, and the server has noticed. The name of a deadline of `Config`: the connection ends because this
  deadline has passed. `served`: the server goes on as the protocol has it. `not opened`: the client reports an error.
- *echo*, *opening*: the longest that the honest client has waited for an echo of 65 bytes, and for a new connection
  and an echo on it. `–`: it opens none, because the attack takes all places. The program fails above {wait} s.
- *memory*: how much more resident memory the process had at the peak than before. The program fails above 8 MiB,
  or, where an attack fills the limits, above what they allow.

After each attack on the server, all of its sockets must be closed there, but for one that may still be closing.

The settings are the defaults, with `max_connections` {connections}, `max_handshakes_per_address` {handshakes} and permessage-deflate.
Where an attack waits for a deadline, it is a shorter one: `write_timeout` 4 s, `HeadLimits::timeout`, `ping_interval`,
`pong_timeout` and `close_timeout` 3 s, `hold_timeout` 1 s. These attacks run at the same time as the others: the
waits are those of a busy machine.

{made}

{tables}

## Defences

| threat | what the crate does | attacks of this page |
|---|---|---|
{defences}

## Known faults of other implementations

| advisory | attacks of this page |
|---|---|
{known}
";
