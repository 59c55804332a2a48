//! One file for each model of real machines, and what explores them.

mod crowded;
mod delivery;
mod end;
mod explorer;
mod machine;
mod pair;

pub(crate) use crowded::Crowded;
pub(crate) use delivery::{Begun, Service};
pub(crate) use explorer::explore;
pub(crate) use pair::{
    Answering, Bare, BareFull, Compressed, Driven, DrivenFull, Impatient, Newest,
    explore as explore_pair,
};
