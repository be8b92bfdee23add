//! A memory bank: the last projections of past steps, first in, first out (Wu et al. 2018; He et al. 2020).
//!
//! It begins empty and fills with the first steps, so it holds nothing random. A picture's own projections of earlier
//! epochs count as negatives like any other's, as in MoCo.

use tch::{Device, Tensor};

use crate::TrainError;
use crate::network::{to_i64, to_numbers};

/// At most `room` rows, oldest first.
#[derive(Debug)]
pub(super) struct Queue {
    room: i64,
    rows: Option<Tensor>,
}

impl Queue {
    pub(super) fn new(room: usize) -> Self {
        Self { room: to_i64(room), rows: None }
    }

    /// Q×d f32 on the device; none while it is empty.
    pub(super) fn rows(&self) -> Option<&Tensor> {
        self.rows.as_ref()
    }

    /// Adds N×d rows, cut off from their gradients; the oldest beyond `room` are forgotten.
    pub(super) fn push(&mut self, rows: &Tensor) -> Result<(), TrainError> {
        if self.room == 0 {
            return Ok(());
        }
        let _no_grad = tch::no_grad_guard();
        let new = rows.f_detach()?;
        let all = match self.rows.take() {
            Some(old) => Tensor::f_cat(&[old, new], 0)?,
            None => new,
        };
        let kept = all.size()[0].min(self.room);
        self.rows = Some(all.f_narrow(0, all.size()[0] - kept, kept)?.f_contiguous()?);
        Ok(())
    }

    pub(super) fn numbers(&self) -> Result<Vec<f32>, TrainError> {
        self.rows.as_ref().map_or_else(|| Ok(vec![]), to_numbers)
    }

    pub(super) fn restore(
        &mut self,
        numbers: &[f32],
        width: usize,
        device: Device,
    ) -> Result<(), TrainError> {
        let rows = to_i64(numbers.len() / width.max(1));
        if !numbers.len().is_multiple_of(width.max(1)) || rows > self.room {
            return Err(TrainError::Recipe("the checkpoint's queue is another recipe's".into()));
        }
        self.rows = match rows {
            0 => None,
            _ => Some(Tensor::f_from_slice(numbers)?.f_view([rows, to_i64(width)])?.f_to_device(device)?),
        };
        Ok(())
    }
}
