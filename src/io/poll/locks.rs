//! The locks of the halves. The crate's own tests have those of a scheduler that tries many orders;
//! they work nowhere else.

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
