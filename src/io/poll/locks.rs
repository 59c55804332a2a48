//! The locks that the halves of a socket share. In the crate's unit tests they are those of
//! `shuttle`, which runs the threads in many orders, and work only within its functions.

#[cfg(not(test))]
pub(super) use core::sync::atomic::AtomicBool;
pub(super) use core::sync::atomic::Ordering;
pub(super) use std::sync::PoisonError;
#[cfg(not(test))]
pub(super) use std::sync::{Mutex, MutexGuard};

#[cfg(test)]
pub(super) use shuttle::sync::atomic::AtomicBool;
#[cfg(test)]
pub(super) use shuttle::sync::{Mutex, MutexGuard};
