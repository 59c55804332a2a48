//! The table of errors: its rows, what must hold of them, and the page.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::{self, Debug};
use std::fs;
use std::path::Path;

/// All errors that were provoked.
#[derive(Default)]
pub(crate) struct Table {
    groups: Vec<Group>,
}

struct Group {
    title: &'static str,
    about: &'static str,
    rows: Vec<Row>,
}

struct Row {
    /// `Type::Variant`, or a type that is no enum.
    name: String,
    /// How it comes about.
    cause: &'static str,
    /// The text, and those of its sources.
    chain: Vec<String>,
    /// What the peer gets to know.
    told: String,
    remedy: &'static str,
}

/// The text of an error, where a part of it depends on the machine.
#[derive(Debug)]
pub(crate) struct Shown(pub(crate) String);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Shown {}

/// What the peer is told of most errors.
pub(crate) const NOTHING: &str = "–";

impl Table {
    pub(crate) fn group(&mut self, title: &'static str, about: &'static str) {
        self.groups.push(Group { title, about, rows: Vec::new() });
    }

    /// Adds an error, one of an enum with the name `of`.
    pub(crate) fn variant<E: Error + Debug>(
        &mut self,
        of: &str,
        error: &E,
        cause: &'static str,
        told: impl Into<String>,
        remedy: &'static str,
    ) {
        let debug = format!("{error:?}");
        let variant = debug.split(|c: char| !c.is_alphanumeric()).next().unwrap();
        self.add(format!("{of}::{variant}"), error, cause, told.into(), remedy);
    }

    /// Adds an error that is a struct.
    pub(crate) fn single<E: Error>(
        &mut self,
        name: &str,
        error: &E,
        cause: &'static str,
        told: impl Into<String>,
        remedy: &'static str,
    ) {
        self.add(name.into(), error, cause, told.into(), remedy);
    }

    fn add(
        &mut self,
        name: String,
        error: &dyn Error,
        cause: &'static str,
        told: String,
        remedy: &'static str,
    ) {
        let mut chain = vec![error.to_string()];
        let mut source = error.source();
        while let Some(error) = source {
            chain.push(error.to_string());
            source = error.source();
        }
        let row = Row { name, cause, chain, told, remedy };
        self.groups.last_mut().unwrap().rows.push(row);
    }

    fn rows(&self) -> impl Iterator<Item = &Row> {
        self.groups.iter().flat_map(|group| &group.rows)
    }

    pub(crate) fn page(&self) -> String {
        let mut page = String::from(HEAD);
        for group in &self.groups {
            page += &format!("\n## {}\n\n{}\n\n", group.title, group.about);
            for row in &group.rows {
                let Row { name, cause, told, remedy, .. } = row;
                // A part of the error before it, with the same text.
                if remedy.starts_with("see `") {
                    continue;
                }
                page += &format!("- `{name}`: {cause}. What to do: {remedy}.");
                if told != NOTHING {
                    page += &format!(" The peer is told {}.", code(told));
                }
                page += &format!("\n\n  {}\n", code(&row.chain.join(": ")));
            }
        }
        page
    }

    pub(crate) fn assert_complete(&self, src: &Path) {
        let mut expected = BTreeSet::new();
        let mut enums = BTreeMap::new();
        let mut types = BTreeSet::new();
        visit(src, &mut |text| {
            for line in text.lines() {
                if let Some((_, name)) = line.split_once("error::Error for ")
                    && line.starts_with("impl")
                {
                    let name = name.split(|c: char| !c.is_alphanumeric()).next().unwrap();
                    types.insert(name.to_owned());
                }
            }
            let mut parts = text.split("\npub enum ");
            parts.next();
            for part in parts {
                let name = part.split(|c: char| !c.is_alphanumeric()).next().unwrap();
                let body = part.split("\n}").next().unwrap();
                let variants = body.lines().skip(1).filter_map(|line| {
                    let line = line.strip_prefix("    ")?;
                    line.starts_with(char::is_uppercase).then(|| {
                        line.split(|c: char| !c.is_alphanumeric()).next().unwrap().to_owned()
                    })
                });
                enums.insert(name.to_owned(), variants.collect::<Vec<_>>());
            }
        });
        // Their texts are those of the errors that they are parts of.
        types.insert("HeadLimit".into());
        assert!(types.len() > 15, "{types:?}");
        for name in types {
            match enums.get(&name) {
                Some(variants) => {
                    assert!(!variants.is_empty(), "{name}");
                    expected.extend(variants.iter().map(|variant| format!("{name}::{variant}")));
                }
                None => drop(expected.insert(name)),
            }
        }
        let found: BTreeSet<_> = self.rows().map(|row| row.name.clone()).collect();
        let missing: Vec<_> = expected.difference(&found).collect();
        assert!(missing.is_empty(), "not in the table: {missing:?}");
        let unknown: Vec<_> = found.difference(&expected).collect();
        assert!(unknown.is_empty(), "in the table, but not in src: {unknown:?}");
    }

    pub(crate) fn assert_readable(&self) {
        for Row { name, chain, told, .. } in self.rows() {
            for (number, text) in chain.iter().enumerate() {
                assert!(!text.is_empty(), "{name}");
                assert!(!text.chars().any(char::is_control), "{name}: {text:?}");
                assert!(!text.ends_with(['.', ' ']), "{name}: {text}");
                assert!(text.len() < 300, "{name}: {text}");
                let first = text.split(' ').next().unwrap();
                // HTTP and TLS may stand in front.
                let is_word = first.chars().skip(1).any(char::is_lowercase);
                assert!(!(first.starts_with(char::is_uppercase) && is_word), "{name}: {text}");
                for other in chain.iter().skip(number + 1) {
                    assert!(!text.contains(other.as_str()), "{name}: {text:?} repeats {other:?}");
                    assert!(!other.contains(text.as_str()), "{name}: {other:?} repeats {text:?}");
                }
            }
            for internal in ["Config", "Limits", "Policy", "sanswire"] {
                assert!(!told.contains(internal), "{name}: the peer is told {told:?}");
            }
        }
    }
}

/// A text as it is.
fn code(text: &str) -> String {
    format!("`{}`", text.replace('`', "'"))
}

/// Visits the files of the source.
fn visit(folder: &Path, see: &mut impl FnMut(String)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            visit(&path, see);
        } else {
            see(fs::read_to_string(path).unwrap());
        }
    }
}

const HEAD: &str = "\
# Errors

Every error of the crate: its variant, when it happens, what to do, what the peer is told, if it is told
anything, and the exact text. To find an error, search this page for the words of its text.

A test provokes each error and writes this page from the results. Only for `CompressionFailed` and
`ServerError::Accept`, which need a lack of memory or of files, it makes the errors itself.

The text of an error says everything: an error that wraps another prints its text, and `source()`
returns what comes after it. So `{error}` is enough for a log. What a peer sent is shown on one line,
shortened, without control characters. A URL is shown without its user information and its query.

A Close frame and an HTTP answer say what the peer did wrong. They name no fields of this crate. A Close
frame does not reach a peer that takes nothing, as after `WriteTimeout`: it sees what was on its way, and
then the end of the stream, 1006.
";
