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
    Answering, Bare, BareAnswering, BareFull, Close, Compressed, Driven, DrivenFull, DropNewest,
    Narrow, Refuse, explore as explore_pair,
};
