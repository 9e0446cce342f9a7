//! TensorBoard event files: scalars that `tensorboard --logdir runs/` draws.
//!
//! The format is TensorFlow's: records (`tensorflow/core/lib/io/record_writer.h`) that each hold a protocol buffer
//! `Event` (`tensorflow/core/util/event.proto`). The few fields that scalars need are encoded here by hand.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::{clock, host};
use crate::{Error, Result};

/// How the names of event files begin.
pub(crate) const PREFIX: &str = "events.out.tfevents.";

/// Writes one event file.
#[derive(Debug)]
pub struct EventWriter {
    path: PathBuf,
    file: File,
}

impl EventWriter {
    /// Begins a new event file in `folder`.
    ///
    /// # Errors
    ///
    /// `Error::Io` when the system refuses.
    pub fn create(folder: impl AsRef<Path>) -> Result<Self> {
        Self::begin(folder.as_ref(), None)
    }

    /// Begins a new event file in `folder` for a run that goes on after `step`. TensorBoard hides what earlier files
    /// say about later steps.
    ///
    /// # Errors
    ///
    /// `Error::Io` when the system refuses.
    pub fn resume(folder: impl AsRef<Path>, step: u64) -> Result<Self> {
        Self::begin(folder.as_ref(), Some(step))
    }

    fn begin(folder: &Path, resumed_after: Option<u64>) -> Result<Self> {
        let now = clock::seconds_since_epoch();
        // TensorBoard reads the files in the order of their names, which begin with the time; a run resumed within
        // one second needs a later name, not an earlier one, hence the nanoseconds right after it.
        let nanoseconds = (now.fract() * 1e9) as u32;
        let name = format!("{PREFIX}{}.{nanoseconds:09}.{}.{}", now as u64, host::name(), std::process::id());
        let path = folder.join(name);
        let file = OpenOptions::new().create_new(true).append(true).open(&path);
        let file = file.map_err(|error| Error::io("write", &path, error))?;
        let mut writer = Self { path, file };
        writer.event(&Event { wall_time: now, step: 0, what: What::FileVersion })?;
        if let Some(step) = resumed_after {
            writer.event(&Event { wall_time: now, step: step + 1, what: What::SessionStart })?;
        }
        Ok(writer)
    }

    /// Writes named values of one step.
    ///
    /// # Errors
    ///
    /// `Error::Io` when the system refuses.
    pub fn scalars(&mut self, step: u64, values: &[(&str, f32)]) -> Result<()> {
        self.event(&Event { wall_time: clock::seconds_since_epoch(), step, what: What::Scalars(values) })
    }

    fn event(&mut self, event: &Event<'_>) -> Result<()> {
        // Unbuffered: a few hundred bytes a logging step, and nothing is lost with the process.
        self.file.write_all(&record(&event.encode())).map_err(|error| Error::io("write", &self.path, error))
    }
}

struct Event<'a> {
    /// Seconds since 1970.
    wall_time: f64,
    step: u64,
    what: What<'a>,
}

enum What<'a> {
    FileVersion,
    /// Steps from this event's on are told anew.
    SessionStart,
    Scalars(&'a [(&'a str, f32)]),
}

impl Event<'_> {
    /// `message Event { double wall_time = 1; int64 step = 2; string file_version = 3; Summary summary = 5;
    /// SessionLog session_log = 7; }`
    fn encode(&self) -> Vec<u8> {
        let mut event = Vec::new();
        fixed64(&mut event, 1, self.wall_time.to_bits());
        if self.step != 0 {
            varint_field(&mut event, 2, self.step);
        }
        match self.what {
            What::FileVersion => bytes_field(&mut event, 3, b"brain.Event:2"),
            What::Scalars(values) => bytes_field(&mut event, 5, &summary(values)),
            What::SessionStart => {
                // `message SessionLog { SessionStatus status = 1; }`, START = 1
                let mut session = Vec::new();
                varint_field(&mut session, 1, 1);
                bytes_field(&mut event, 7, &session);
            }
        }
        event
    }
}

/// `message Summary { repeated Value value = 1; message Value { string tag = 1; float simple_value = 2; } }`
fn summary(values: &[(&str, f32)]) -> Vec<u8> {
    let mut summary = Vec::new();
    for (tag, value) in values {
        let mut entry = Vec::new();
        bytes_field(&mut entry, 1, tag.as_bytes());
        fixed32(&mut entry, 2, value.to_bits());
        bytes_field(&mut summary, 1, &entry);
    }
    summary
}

/// `uint64 length, uint32 masked CRC of length, byte data[length], uint32 masked CRC of data`, little endian.
fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let mut record = Vec::with_capacity(data.len() + 16);
    record.extend_from_slice(&length);
    record.extend_from_slice(&masked_crc(&length).to_le_bytes());
    record.extend_from_slice(data);
    record.extend_from_slice(&masked_crc(data).to_le_bytes());
    record
}

/// `tensorflow/core/lib/hash/crc32c.h`: masked, because CRCs of data with CRCs in it are weak.
fn masked_crc(data: &[u8]) -> u32 {
    crc32c::crc32c(data).rotate_right(15).wrapping_add(0xA282_EAD8)
}

// The wire format of protocol buffers: a key (field number and wire type), then the value.

fn varint(buffer: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        buffer.push(value as u8 | 0x80);
        value >>= 7;
    }
    buffer.push(value as u8);
}

fn varint_field(buffer: &mut Vec<u8>, field: u64, value: u64) {
    varint(buffer, field << 3);
    varint(buffer, value);
}

fn fixed64(buffer: &mut Vec<u8>, field: u64, bits: u64) {
    varint(buffer, field << 3 | 1);
    buffer.extend_from_slice(&bits.to_le_bytes());
}

fn bytes_field(buffer: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    varint(buffer, field << 3 | 2);
    varint(buffer, bytes.len() as u64);
    buffer.extend_from_slice(bytes);
}

fn fixed32(buffer: &mut Vec<u8>, field: u64, bits: u32) {
    varint(buffer, field << 3 | 5);
    buffer.extend_from_slice(&bits.to_le_bytes());
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
