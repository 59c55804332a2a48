//! `Header::parse` against the oracle's, at every length; `encode` gives the same bytes back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sanswire::Role;
use sanswire::frame::{Header, MAX_HEADER_LEN};
use sanswire_fuzz::oracle::{self, Rules};

fuzz_target!(|bytes: &[u8]| {
    let bytes = &bytes[..bytes.len().min(MAX_HEADER_LEN)];
    let mut found = None;
    for len in 0..=bytes.len() {
        let parsed = Header::parse(&bytes[..len]);
        // What was found in less stays.
        if found.is_some() {
            assert_eq!(Some(parsed), found);
            continue;
        }
        agree_with_oracle(&bytes[..len], parsed);
        if let Ok(Some((header, used))) = parsed {
            assert_eq!(used, len, "a header takes every byte of it and no more");
            assert_eq!(&header.encode()[..], &bytes[..len]);
        }
        if parsed != Ok(None) {
            found = Some(parsed);
        }
    }
});

fn agree_with_oracle(
    bytes: &[u8],
    parsed: Result<Option<(Header, usize)>, sanswire::ConnectionError>,
) {
    // The mask and the reserved bits are for the decoder to judge.
    let masked = bytes.get(1).is_some_and(|second| second & 0x80 != 0);
    let sender = if masked { Role::Client } else { Role::Server };
    let rules = Rules { allowed_rsv: 0x70, ..Rules::unlimited(sender) };
    match (parsed, oracle::frames(bytes, rules)) {
        (Err(error), (_, faults)) => assert!(faults.contains(&error), "{error:?}, not {faults:?}"),
        (Ok(None), (frames, faults)) => assert!(frames.is_empty() && faults.is_empty()),
        (Ok(Some((header, _))), (frames, faults)) => {
            assert!(faults.is_empty(), "{faults:?}");
            let frame = &frames[0];
            assert_eq!(
                (header.fin, header.rsv, header.opcode as u8, header.mask, header.payload_len),
                (frame.fin, frame.rsv, frame.opcode, frame.mask, frame.len),
            );
        }
    }
}
