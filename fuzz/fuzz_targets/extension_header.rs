//! `Sec-WebSocket-Extensions`: what is parsed is written and parsed again; what a server makes of
//! an offer is a response; what it makes of our own client's offer, that client confirms.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sanswire::Role;
use sanswire::extension::{
    Deflate, DeflateConfig, Extension, Takeover, encode_extensions, parse_extensions,
};
use sanswire_fuzz::Input;

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let [client, server] = [(); 2].map(|()| config(&mut input));
    let lines = input.rest();

    let offer = Deflate::offer(&client);
    if let Some((_, response)) = Deflate::accept(&server, &[same(&offer)]) {
        Deflate::confirm(&client, &same(&response)).expect("the client's own offer was served");
    }

    let Ok(extensions) = parse_extensions(lines.split(|&byte| byte == b'\n')) else { return };
    assert!(!extensions.is_empty());
    let value = encode_extensions(&extensions);
    assert_eq!(parse_extensions([value.as_bytes()]).as_ref(), Ok(&extensions));
    for extension in &extensions {
        let _ = Deflate::confirm(&client, extension);
        let _ = Deflate::from_agreed(Role::Client, &client, extension);
        let _ = Deflate::from_agreed(Role::Server, &server, extension);
    }
    if let Some((_, response)) = Deflate::accept(&server, &extensions) {
        assert!(extensions.iter().any(Deflate::is_named_by));
        Deflate::from_agreed(Role::Server, &server, &same(&response)).expect("valid parameters");
    }
});

/// Returns the extension as the other end reads it.
fn same(extension: &Extension) -> Extension {
    let value = extension.to_string();
    let [parsed] = &parse_extensions([value.as_bytes()]).expect("it was written by us")[..] else {
        panic!("{value} is not one extension");
    };
    assert_eq!(parsed, extension);
    parsed.clone()
}

fn config(input: &mut Input<'_>) -> DeflateConfig {
    DeflateConfig::default()
        .window_bits(input.byte() % 20)
        .peer_window_bits(input.byte() % 20)
        .takeover(input.one_of(&[Takeover::Keep, Takeover::Reset]))
        .peer_takeover(input.one_of(&[Takeover::Keep, Takeover::Reset]))
}
