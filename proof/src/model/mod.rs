//! One file for each model of real machines, and what explores them.

mod connection;
mod delivery;
mod explorer;

pub(crate) use connection::Pair;
pub(crate) use delivery::{Begun, Service};
pub(crate) use explorer::explore;
