//! What stands for the two streams where the crate is built without compression: types that
//! nobody can make.

use alloc::vec::Vec;

use crate::error::{ConnectionError, SendError};

#[derive(Debug)]
pub(crate) enum Deflater {}

#[derive(Debug)]
pub(crate) enum Inflater {}

impl Deflater {
    pub(crate) const fn wants(&self, _: usize) -> bool {
        match *self {}
    }

    pub(crate) const fn window_bits(&self) -> u8 {
        match *self {}
    }

    pub(crate) const fn note_passed(&mut self) {
        match *self {}
    }

    pub(crate) fn message(&mut self, _: &[u8]) -> Result<Vec<u8>, SendError> {
        match *self {}
    }

    pub(crate) fn part(&mut self, _: &[u8]) -> Result<Vec<u8>, SendError> {
        match *self {}
    }

    pub(crate) fn finish(&mut self) -> Vec<u8> {
        match *self {}
    }

    pub(crate) fn reuse(&mut self, _: Vec<u8>) {
        match *self {}
    }

    pub(crate) fn release(&mut self) {
        match *self {}
    }
}

impl Inflater {
    pub(crate) fn part(
        &mut self,
        _: &[u8],
        _: bool,
        _: &mut Vec<u8>,
    ) -> Result<usize, ConnectionError> {
        match *self {}
    }

    pub(crate) fn release(&mut self) {
        match *self {}
    }
}
