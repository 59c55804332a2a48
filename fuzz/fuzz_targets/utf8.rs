//! `Utf8Validator`, fed in pieces, against the standard library on everything so far.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sanswire::Utf8Validator;
use sanswire_fuzz::{Input, cut, oracle};

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let sizes = input.bytes();
    let text = input.rest();
    let mut validator = Utf8Validator::new();
    let mut arrived = 0;
    for piece in cut(text, sizes) {
        arrived += piece.len();
        let result = validator.push(piece);
        let so_far = &text[..arrived];
        assert_eq!(result.is_ok(), oracle::may_be_text(so_far, false));
        if result.is_err() {
            return;
        }
        assert_eq!(validator.is_complete(), oracle::may_be_text(so_far, true));
        // Nothing changes by nothing.
        assert!(validator.push(&[]).is_ok());
    }
});
