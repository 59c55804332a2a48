//! How the program starts, or says why not.

use crate::server::{Server, program};

#[test]
fn a_wrong_option_is_named_with_what_is_wrong() {
    for (options, error) in [
        (&["--lisen", "x"][..], "unknown option --lisen"),
        (&["--listen"], "--listen needs an address and a port"),
        (
            &["--listen", "here"],
            "--listen: here is not an address and a port, such as 127.0.0.1:8080",
        ),
        (&["--bench", "10", "--rate"], "--bench takes no more than a number of receivers"),
        (&["--rate", "9", "--bench"], "--bench must be the only option"),
        (&["--data"], "--data needs a directory"),
        (&["--origin", "example.com"], "--origin:"),
        (&["--proxy", "here"], "--proxy: here is no address"),
        (&["--tls", "cert.pem"], "--tls needs the files of a certificate and of its key"),
        (&["--history", "0"], "--history: 0 is no number above 0"),
        (&["--rate", "-1"], "--rate: -1 is no number above 0"),
    ] {
        let output = program(options).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{options:?}");
        assert!(stderr.contains(error), "{options:?}: {stderr}");
    }
}

#[test]
fn help_is_printed_for_both_spellings() {
    for option in ["-h", "--help"] {
        let output = program(&[option]).output().unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0), "{option}");
        assert!(stdout.contains("--listen ADDR"), "{option}: {stdout}");
    }
}

#[test]
fn what_is_not_to_be_had_is_named() {
    let server = Server::start();
    let data = server.directory.to_str().unwrap();
    let other = server.directory.join("other");
    let other = other.to_str().unwrap();
    for (options, error) in [
        (&["--listen", "127.0.0.1:0", "--data", data][..], "another server uses this directory"),
        (
            &["--data", other, "--listen", &server.address],
            &format!("--listen {}: ", server.address),
        ),
        (
            &["--data", other, "--listen", &server.address],
            ": stop what listens there, or choose another port",
        ),
        (&["--data", other, "--tls", "none.pem", "none.key"], "--tls none.pem: "),
        (&["--data", other, "--tls", "/dev/null", "/dev/null"], "--tls: "),
        (&["--data", "/dev/null"], "--data /dev/null: "),
    ] {
        let output = program(options).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{options:?}");
        assert!(stderr.contains(error), "{options:?}: {stderr}");
    }
}
