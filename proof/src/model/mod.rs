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
    Answering, Bare, BareFull, Close, Compressed, Driven, DrivenFull, DropNewest, Refuse,
    explore as explore_pair,
};
