//! Putting a name together from its labels.

use super::{MAX_LABEL, MAX_NAME, Name, NameError};

/// A name in the making, on the stack.
pub(super) struct Builder {
    wire: [u8; MAX_NAME],
    /// Where the open label's length octet stands.
    start: usize,
    /// Where the next octet goes.
    end: usize,
}

impl Builder {
    pub(super) fn new() -> Self {
        Self {
            wire: [0; MAX_NAME],
            start: 0,
            end: 1,
        }
    }

    pub(super) fn push(&mut self, octet: u8) -> Result<(), NameError> {
        if self.end - self.start > MAX_LABEL {
            return Err(NameError::LabelTooLong);
        }
        *self.wire.get_mut(self.end).ok_or(NameError::NameTooLong)? = octet;
        self.end += 1;
        Ok(())
    }

    pub(super) fn end_label(&mut self) -> Result<(), NameError> {
        let length = self.end - self.start - 1;
        if length == 0 {
            return Err(NameError::EmptyLabel);
        }
        if self.end >= MAX_NAME {
            return Err(NameError::NameTooLong);
        }
        self.wire[self.start] = length as u8;
        self.start = self.end;
        self.end += 1;
        Ok(())
    }

    pub(super) fn finish(self) -> Result<Name, NameError> {
        Ok(Name {
            wire: self.wire[..self.end].into(),
        })
    }

    pub(super) fn finish_below(mut self, origin: &Name) -> Result<Name, NameError> {
        let end = self.start + origin.wire.len();
        let room = self.wire.get_mut(self.start..end).ok_or(NameError::NameTooLong)?;
        room.copy_from_slice(&origin.wire);
        Ok(Name {
            wire: self.wire[..end].into(),
        })
    }
}
