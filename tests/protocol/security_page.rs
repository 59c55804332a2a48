//! SECURITY.md: what it says of limits is what the crate does.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on fails")]

use core::time::Duration;
use std::collections::HashMap;

use sanswire::Config;
use sanswire::delivery::{Limits, Retention};
use sanswire::handshake::HeadLimits;

const PAGE: &str = include_str!("../../SECURITY.md");

/// The settings of the server on tokio can be set and not read.
const BUILDER: &str = include_str!("../../src/io/tokio/server/builder.rs");
const CONNECTION: &str = include_str!("../../src/io/tokio/server/connection.rs");
const LIMITS: &str = include_str!("../../src/io/tokio/server/limits.rs");

#[test]
fn defaults_are_those_of_the_code() {
    let code = defaults();
    let page = table();
    for (setting, default) in &page {
        assert_eq!(code.get(setting), Some(default), "{setting}");
    }
    // What bounds nothing, or bounds by another of these.
    let others = ["Config::fragment_size", "Config::low_water"];
    for setting in code.keys().filter(|setting| !others.contains(&setting.as_str())) {
        assert!(page.contains_key(setting), "{setting} is missing");
    }
}

/// Returns the limits and deadlines of the code, by the names that the page has for them.
fn defaults() -> HashMap<String, String> {
    let mut defaults = HashMap::new();
    for (prefix, shown) in [
        ("Config", format!("{:#?}", Config::default())),
        ("HeadLimits", format!("{:#?}", HeadLimits::default())),
        ("delivery::Limits", format!("{:#?}", Limits::default())),
        ("delivery::Retention", format!("{:#?}", Retention::default())),
    ] {
        // `Some(…)` spans several lines.
        let shown = shown.replace("Some(\n", "").replace(",\n    )", "");
        // The fields of what is within are those of another.
        for line in
            shown.lines().filter(|line| line.starts_with("    ") && !line.starts_with("     "))
        {
            let field = line.trim().trim_end_matches(',').split_once(": ");
            if let Some((name, value)) = field
                && let value = value.trim()
                && (value == "None" || value.starts_with(|first: char| first.is_ascii_digit()))
            {
                defaults.insert(format!("{prefix}::{name}"), value.to_owned());
            }
        }
    }
    defaults.retain(|name, _| !name.contains("acknowledge_"));
    assert!(BUILDER.contains("const MAX_HANDSHAKES: usize = 1_024;"));
    defaults.insert("Server::max_handshakes".to_owned(), "1024".to_owned());
    assert!(CONNECTION.contains("max_connections: usize::MAX,"));
    defaults.insert("Server::max_connections".to_owned(), "None".to_owned());
    assert!(
        LIMITS.contains("Default)]\npub(super) struct PerAddress {\n    limit: Option<usize>,")
    );
    defaults.insert("Server::max_handshakes_per_address".to_owned(), "None".to_owned());
    defaults
}

/// Returns the settings and defaults of the page, as the code shows them.
fn table() -> HashMap<String, String> {
    let rows = PAGE.lines().filter_map(|line| {
        let columns: Vec<&str> = line.split('|').map(str::trim).collect();
        let setting = columns.get(2)?.strip_prefix('`')?.strip_suffix('`')?;
        Some((setting.to_owned(), as_shown(columns.get(3)?)))
    });
    rows.collect()
}

fn as_shown(default: &str) -> String {
    let (number, unit) = default.split_once(' ').unwrap_or((default, ""));
    let number = || -> u64 { number.replace(',', "").parse().unwrap() };
    match unit {
        "" if default == "off" => "None".to_owned(),
        "" => number().to_string(),
        "KiB" => (number() << 10).to_string(),
        "MiB" => (number() << 20).to_string(),
        "s" => format!("{:?}", Duration::from_secs(number())),
        "min" => format!("{:?}", Duration::from_secs(number() * 60)),
        "h" => format!("{:?}", Duration::from_secs(number() * 3_600)),
        other => panic!("{other} is no unit"),
    }
}
