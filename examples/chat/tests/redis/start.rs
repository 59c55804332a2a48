//! What a server says that cannot begin.

use std::net::TcpListener;
use std::process::{Output, Stdio};

use crate::redis::Redis;
use crate::server::program;

fn run(url: &str) -> Output {
    let mut command = program(&["--listen", "127.0.0.1:0", "--redis", url]);
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    child.spawn().unwrap().wait_with_output().unwrap()
}

/// Without the password, which the URLs have.
fn check(url: &str, reason: &str) {
    let Output { status, stdout, stderr } = run(url);
    let stderr = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(1), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(stderr.starts_with("--redis") && stderr.contains(reason), "{stderr}");
    assert!(!stderr.contains("hunter2"), "{stderr}");
    assert_eq!(stdout, b"");
}

#[test]
fn a_wrong_url_is_told() {
    check("http://:hunter2@127.0.0.1", "no redis://");
    check("redis://:hunter2@:x", "no redis://");
}

#[test]
fn a_wrong_password_is_told_and_not_shown() {
    let redis = Redis::with(&["--save", "", "--requirepass", "secret"]);
    check(&format!("redis://:hunter2@127.0.0.1:{}", redis.port), "assword");
    check(&redis.url(), "a password is needed: redis://:PASSWORD@127.0.0.1");
}

#[test]
fn no_redis_is_told() {
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    check(&format!("redis://:hunter2@127.0.0.1:{port}"), "refused");
}

#[test]
fn a_redis_that_does_not_answer_is_told() {
    // The system accepts connections for it, and nobody reads them.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    check(&format!("redis://:hunter2@127.0.0.1:{port}"), &port.to_string());
}

#[test]
fn a_database_or_a_key_that_is_not_to_be_used_is_told() {
    let redis = Redis::start();
    check(&format!("{}/99", redis.url()), "DB index");
    check(&redis.url().replace("redis:", "rediss:"), "TLS");
    redis.command("SET chat:signs x");
    check(&redis.url(), "chat:signs");
}
