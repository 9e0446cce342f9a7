//! A replay in a file: compressed, with everything that its next draws depend on.
//!
//! One Zstandard frame with a checksum: eight bytes that name the format, the length of a header in eight bytes, the header (JSON: settings,
//! lanes, segments), and for each environment the used places of the ring, column after column. All numbers are little-endian.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::Path;

use selfsame_core::{Error, Result, atomic_file};
use serde::{Deserialize, Serialize};

use super::sum_tree::SumTree;
use super::{End, Lane, Replay, ReplaySettings, Segments, Slot, Taken};

const MAGIC: &[u8; 8] = b"replay-1";

/// Frames of pixels shrink well and fast at the lowest level; higher ones cost more time than they save space.
const LEVEL: i32 = 1;

const REMEDY: &str = "train from the start: only this checkpoint has what its agent has seen";

#[derive(Serialize, Deserialize)]
struct Header {
    settings: ReplaySettings,
    lanes: Vec<Lane>,
    segments: Segments,
    #[serde(with = "bits")]
    largest_priority: f64,
}

/// Numbers that come back to the last bit, which JSON's decimals do not promise.
pub(super) mod bits {
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(value.to_bits())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        u64::deserialize(deserializer).map(f64::from_bits)
    }
}

impl Replay {
    /// Writes the replay to a file, as a whole or not at all.
    ///
    /// # Errors
    /// `Error::Io` when the system fails; a previous file is then intact.
    pub fn save(&self, path: &Path) -> Result<()> {
        let header = Header {
            settings: self.settings.clone(),
            lanes: self.lanes.clone(),
            segments: self.segments.clone(),
            largest_priority: self.largest_priority,
        };
        let header = serde_json::to_vec(&header)
            .map_err(|error| Error::Internal(format!("cannot encode the replay: {error}")))?;
        atomic_file::write(path, |file| {
            let mut writer = zstd::Encoder::new(file, LEVEL)?;
            writer.include_checksum(true)?;
            writer.write_all(MAGIC)?;
            writer.write_all(&(header.len() as u64).to_le_bytes())?;
            writer.write_all(&header)?;
            for environment in 0..self.lanes.len() {
                self.write_lane(environment, &mut writer)?;
            }
            writer.finish()?;
            Ok(())
        })
    }

    /// Goes on from a replay that was saved, in place of what this one holds. Where segments end may have been chosen while training and comes
    /// with it; all other settings must be these.
    ///
    /// # Errors
    /// `Error::Io` when the file cannot be read, `Error::Data` when it is broken or holds a replay of other settings. A broken file may leave
    /// part of it here.
    pub fn restore(&mut self, path: &Path) -> Result<()> {
        let file = File::open(path).map_err(|error| Error::io("read", path, error))?;
        let broken = |error: io::Error| {
            if error.raw_os_error().is_some() {
                return Error::io("read", path, error);
            }
            let what = match error.kind() {
                io::ErrorKind::UnexpectedEof => "the file is truncated".to_owned(),
                _ => format!("not a replay, or damaged: {error}"),
            };
            Error::data(path, what, REMEDY)
        };
        let mut reader = BufReader::new(zstd::Decoder::new(file).map_err(broken)?);
        let header = read_header(&mut reader).map_err(broken)?;
        let settings = ReplaySettings { folder: self.settings.folder.clone(), ..header.settings };
        let expected = ReplaySettings { segmentation: settings.segmentation, ..self.settings.clone() };
        if settings != expected {
            return Err(Error::data(
                path,
                format!(
                    "the replay is of another environment or other settings: {settings:?}, not {expected:?}"
                ),
                "resume with the run's own settings (its config.toml), or begin a new run",
            ));
        }
        if header.lanes.len() != self.lanes.len() {
            return Err(Error::data(path, "not a replay, or damaged: wrong number of environments", REMEDY));
        }
        self.settings = settings;
        self.weights = SumTree::new(self.slots.len());
        self.lanes = header.lanes;
        self.segments = header.segments;
        self.largest_priority = header.largest_priority;
        for environment in 0..self.lanes.len() {
            self.read_lane(environment, &mut reader).map_err(broken)?;
        }
        // Reads on to the end, where the checksum is compared.
        match io::copy(&mut reader, &mut io::sink()).map_err(broken)? {
            0 => Ok(()),
            more => {
                Err(Error::data(path, format!("not a replay, or damaged: {more} bytes too many"), REMEDY))
            }
        }
    }

    /// The places of the ring that an environment has written to.
    fn used(&self, environment: usize) -> std::ops::Range<usize> {
        let capacity = self.settings.lane_capacity();
        let used = (self.lanes[environment].written).min(capacity as u64) as usize;
        environment * capacity..environment * capacity + used
    }

    fn write_lane(&self, environment: usize, writer: &mut impl Write) -> io::Result<()> {
        let used = self.used(environment);
        let bytes = self.settings.pixels.bytes();
        writer.write_all(&self.frames[used.start * bytes..used.end * bytes])?;
        let slots = &self.slots[used.clone()];
        write_column(writer, slots.iter().map(|slot| slot.segment.to_le_bytes()))?;
        write_column(writer, slots.iter().map(|slot| slot.reward.to_le_bytes()))?;
        write_column(writer, slots.iter().map(|slot| slot.age.to_le_bytes()))?;
        write_column(writer, slots.iter().map(|slot| [slot.end as u8]))?;
        match &self.taken {
            Taken::Discrete(taken) => {
                write_column(writer, taken[used.clone()].iter().map(|action| action.to_le_bytes()))?;
            }
            Taken::Continuous(numbers, taken) => {
                let taken = &taken[used.start * numbers..used.end * numbers];
                write_column(writer, taken.iter().map(|number| number.to_le_bytes()))?;
            }
        }
        write_column(writer, used.map(|slot| self.weights.get(slot).to_le_bytes()))
    }

    fn read_lane(&mut self, environment: usize, reader: &mut impl Read) -> io::Result<()> {
        let used = self.used(environment);
        let bytes = self.settings.pixels.bytes();
        reader.read_exact(&mut self.frames[used.start * bytes..used.end * bytes])?;
        let count = used.len();
        let segments = read_column(reader, count, u64::from_le_bytes)?;
        let rewards = read_column(reader, count, f32::from_le_bytes)?;
        let ages = read_column(reader, count, u32::from_le_bytes)?;
        let ends = read_column(reader, count, |[byte]: [u8; 1]| byte)?;
        for (place, slot) in used.clone().enumerate() {
            self.slots[slot] = Slot {
                segment: segments[place],
                reward: rewards[place],
                age: ages[place],
                end: End::from_byte(ends[place]).ok_or(io::ErrorKind::InvalidData)?,
            };
        }
        match &mut self.taken {
            Taken::Discrete(taken) => {
                taken[used.clone()].copy_from_slice(&read_column(reader, count, u32::from_le_bytes)?);
            }
            Taken::Continuous(numbers, taken) => {
                let numbers = *numbers;
                let read = read_column(reader, count * numbers, f32::from_le_bytes)?;
                taken[used.start * numbers..used.end * numbers].copy_from_slice(&read);
            }
        }
        let weights = read_column(reader, count, f64::from_le_bytes)?;
        for (slot, weight) in used.zip(weights) {
            self.weights.set(slot, weight);
        }
        Ok(())
    }
}

impl End {
    fn from_byte(byte: u8) -> Option<Self> {
        [Self::None, Self::Life, Self::Terminated, Self::Truncated, Self::Last]
            .get(usize::from(byte))
            .copied()
    }
}

fn read_header(reader: &mut impl Read) -> io::Result<Header> {
    let (mut magic, mut length) = ([0; 8], [0; 8]);
    reader.read_exact(&mut magic)?;
    if &magic != MAGIC {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it begins with other bytes"));
    }
    reader.read_exact(&mut length)?;
    let mut header = Vec::new();
    reader.take(u64::from_le_bytes(length)).read_to_end(&mut header)?;
    serde_json::from_slice(&header).map_err(io::Error::from)
}

fn write_column<const N: usize>(
    writer: &mut impl Write,
    values: impl Iterator<Item = [u8; N]>,
) -> io::Result<()> {
    writer.write_all(&values.flatten().collect::<Vec<u8>>())
}

fn read_column<const N: usize, T>(
    reader: &mut impl Read,
    count: usize,
    value: impl Fn([u8; N]) -> T,
) -> io::Result<Vec<T>> {
    let mut values = Vec::with_capacity(count);
    let mut bytes = [0; N];
    for _ in 0..count {
        reader.read_exact(&mut bytes)?;
        values.push(value(bytes));
    }
    Ok(values)
}
