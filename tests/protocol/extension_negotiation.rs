//! `Sec-WebSocket-Extensions` (RFC 6455, §9.1).
#![expect(clippy::unwrap_used, reason = "a test helper fails its test by panicking")]

use proptest::prelude::*;
use sanswire::extension::{Extension, MalformedExtension, encode_extensions, parse_extensions};

fn parse(line: &str) -> Result<Vec<Extension>, MalformedExtension> {
    parse_extensions([line.as_bytes()])
}

/// Parses a line that is legal and writes it again.
fn canonical(line: &str) -> String {
    encode_extensions(&parse(line).unwrap())
}

#[test]
fn the_examples_of_section_9_1_parse() {
    assert_eq!(canonical("deflate-stream"), "deflate-stream");
    let line = "mux; max-channels=4; flow-control, deflate-stream";
    assert_eq!(canonical(line), line);
    let parsed = parse(line).unwrap();
    let params: Vec<_> = parsed[0].params().collect();
    assert_eq!(params, [("max-channels", Some("4")), ("flow-control", None)]);
    assert_eq!(parsed[1].name(), "deflate-stream");
}

#[test]
fn several_lines_are_one_list_in_order() {
    let parsed = parse_extensions([&b"foo"[..], b"bar; baz=2", b"", b"foo;x"]).unwrap();
    assert_eq!(encode_extensions(&parsed), "foo, bar; baz=2, foo; x");
}

#[test]
fn no_line_is_an_empty_list() {
    assert_eq!(parse_extensions([]), Ok(Vec::new()));
}

#[test]
fn a_name_may_be_offered_repeatedly() {
    let line = "a; x=1, a; x=2, a";
    assert_eq!(canonical(line), line);
}

#[test]
fn white_space_may_stand_between_all_parts() {
    assert_eq!(canonical(" \ta\t;  b =  c ;d ,\te "), "a; b=c; d, e");
}

#[test]
fn empty_elements_do_not_count() {
    assert_eq!(canonical(",, a , ,b,"), "a, b");
    for line in ["", " ", ",", " , ,, "] {
        assert!(parse(line).is_err(), "{line:?}");
    }
}

#[test]
fn a_quoted_string_unescapes_to_a_token() {
    assert_eq!(canonical(r#"a; b="10""#), "a; b=10");
    assert_eq!(canonical(r#"a; b="\1\0" ;c"#), "a; b=10; c");
    for line in [
        r#"a; b="""#,
        r#"a; b="1 0""#,
        r#"a; b="1,0""#,
        r#"a; b="\"""#,
        r#"a; b="\\""#,
        r#"a; b="10"#,
        r#"a; b="10\"#,
        r#"a; b="10"c"#,
        r#"a; b=1"0""#,
        "a; b=\"\u{e9}\"",
    ] {
        assert!(parse(line).is_err(), "{line:?}");
    }
}

#[test]
fn what_breaks_the_grammar_is_refused() {
    for line in [
        ";", "a;", "a;;b", "a; ;b", "a=b", "a; =b", "a; b=", "a; b==c", "a b", "a; b c",
        "a; b=c d", "\"a\"", "a; \"b\"", "a/b", "a; b=[c]", "a\0", "a;b\n", "a\r\n", "\u{fc}",
        "a, ;b", "a; b=,c",
    ] {
        assert!(parse(line).is_err(), "{line:?}");
    }
    assert!(parse_extensions([&b"a\xff"[..]]).is_err());
    assert!(parse_extensions([&b"a"[..], b"b;"]).is_err());
}

#[test]
fn an_unclosed_quote_of_escapes_takes_linear_time() {
    let line = format!("a; b=\"{}", r"\c".repeat(1 << 20));
    assert!(parse(&line).is_err());
}

#[test]
fn ten_thousand_params_and_a_megabyte_of_commas_take_linear_time() {
    let line = format!("a{}", "; b=1".repeat(10_000));
    assert_eq!(parse(&line).unwrap()[0].params().len(), 10_000);
    let line = format!("{}a{}", ", ".repeat(1 << 19), " ,".repeat(1 << 19));
    assert_eq!(canonical(&line), "a");
}

#[test]
fn names_that_are_special_elsewhere_are_names() {
    let line = "constructor; __proto__=toString, hasOwnProperty";
    assert_eq!(canonical(line), line);
}

#[test]
fn only_tokens_can_be_written() {
    for text in ["", " ", "a b", "a\r\nb", "a;b", "a,b", "a=b", "\u{fc}"] {
        assert!(Extension::new(text).is_err(), "{text:?}");
        let extension = Extension::new("a").unwrap();
        assert!(extension.clone().param(text, None).is_err(), "{text:?}");
        assert!(extension.param("b", Some(text)).is_err(), "{text:?}");
    }
}

proptest! {
    #![proptest_config(crate::support::cases(300))]

    #[test]
    fn arbitrary_bytes_never_panic(line in proptest::collection::vec(any::<u8>(), 0..100)) {
        let _ = parse_extensions([line.as_slice()]);
    }

    #[test]
    fn what_parses_is_written_so_that_it_parses_to_the_same(line in r#"[ab;=,"\\ \t]{0,30}"#) {
        if let Ok(extensions) = parse(&line) {
            let written = encode_extensions(&extensions);
            prop_assert_eq!(parse(&written), Ok(extensions));
        }
    }
}
