//! Commands that are refused.

use sanswire::extension::{Extension, MalformedExtension};
use sanswire::{Config, InvalidUtf8, MessageKind, Refused, Role, SendError, Utf8Bytes, WhenFull};

use crate::support::End;
use crate::table::{NOTHING, Table};

pub(crate) fn all(table: &mut Table) {
    table.group(
        "Sending and closing",
        "From `send`, `feed`, `close` and the other commands. The call was refused, nothing changed, \
         and the connection goes on. A message that was passed by value comes back.",
    );
    let mut end = End::open(Role::Server);
    end.connection.commands().close(1000, "").unwrap();
    let closed = end.send("late").unwrap_err();
    refused(
        table,
        closed,
        "the connection is closing or closed",
        "stop sending; `closed()` says why, or the error of `recv`",
    );
    let connecting = sanswire::driver::Driver::server(&Config::default()).commands().ping(b"");
    let remedy = "wait until the connection is open";
    refused(table, connecting.unwrap_err(), "the handshake is not complete", remedy);
    let full = |when| {
        let mut end = End::new(Role::Server, &Config::default().max_buffered(100).when_full(when));
        end.send([7; 200].as_slice()).unwrap();
        end.send("more").unwrap_err()
    };
    let remedy = "send the newest state when `Event::Writable` comes";
    refused(
        table,
        full(WhenFull::DropNewest),
        "the output is full (`WhenFull::DropNewest`)",
        remedy,
    );
    let remedy =
        "write first, or wait for `Event::Writable`; `send` of the adapters waits by itself";
    refused(table, full(WhenFull::Refuse), "the output is full", remedy);
    let mut end = End::open(Role::Server);
    let mut commands = end.connection.commands();
    let none = commands.send_chunk(b"a").unwrap_err();
    commands.begin(MessageKind::Text).unwrap();
    let twice = commands.send("another").unwrap_err().error;
    let remedy = "call `finish` before";
    refused(table, twice, "a message is sent while another is sent in parts", remedy);
    refused(table, none, "`send_chunk` or `finish` without `begin`", "call `begin` before");
    let remedy = "send it by `send_uncompressed`";
    // The compressor fails only where there is no memory.
    refused(table, SendError::CompressionFailed, "the compressor has no memory", remedy);
    let invalid = commands.send_chunk(b"\xff").unwrap_err();
    refused(table, invalid, "a part of a text is not UTF-8", "send it as binary");
    let long = commands.ping(&[0; 126]).unwrap_err();
    refused(table, long, "a Ping or Pong is too long", "send less in it");
    let code = commands.close(999, "").unwrap_err();
    refused(table, code, "a close code that no Close frame can have", "choose another code");
    let reason = commands.close(1000, &"a".repeat(124)).unwrap_err();
    refused(table, reason, "a close reason is too long", "shorten it");

    let mut end = End::open(Role::Server);
    end.connection.commands().close(1000, "").unwrap();
    let refused: Refused = end.connection.commands().send("late".to_owned()).unwrap_err();
    table.single(
        "Refused",
        &refused,
        "a message is refused for one of these reasons",
        NOTHING,
        "take the message out of it, and send it elsewhere",
    );
    let text: Result<Utf8Bytes, InvalidUtf8> =
        Utf8Bytes::try_from(bytes::Bytes::from_static(b"\xff"));
    let remedy = "send it as binary";
    table.single("InvalidUtf8", &text.unwrap_err(), "bytes are to be a text", NOTHING, remedy);
    let extension: MalformedExtension = Extension::new("a b").unwrap_err();
    table.single(
        "MalformedExtension",
        &extension,
        "an extension has a name or parameter that is no token",
        NOTHING,
        "use letters, digits, hyphens and underscores",
    );
}

fn refused(table: &mut Table, error: SendError, cause: &'static str, remedy: &'static str) {
    table.variant("SendError", &error, cause, NOTHING, remedy);
}
