//! One file for each finite space, with its oracle.

pub(crate) mod close_codes;
mod headers;
pub(crate) mod heads;
pub(crate) mod offers;
pub(crate) mod requests;
pub(crate) mod responses;
pub(crate) mod utf8;
