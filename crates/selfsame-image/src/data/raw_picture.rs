//! Uncompressed pictures as a pack stores them: `SSRAWRGB`, width and height (u32, little endian), RGB row by row.

use super::decode::{DecodeError, MAX_PIXELS};
use crate::picture::Picture;

const MAGIC: &[u8; 8] = b"SSRAWRGB";
const HEADER: usize = 16;

pub(super) fn is_raw(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// Width and height.
pub(super) fn size(bytes: &[u8]) -> Result<(usize, usize), DecodeError> {
    let [a, b, c, d, e, f, g, h] = *bytes.get(MAGIC.len()..HEADER).ok_or(DecodeError::Truncated)? else {
        return Err(DecodeError::Truncated);
    };
    Ok((u32::from_le_bytes([a, b, c, d]) as usize, u32::from_le_bytes([e, f, g, h]) as usize))
}

pub(super) fn read(bytes: &[u8], picture: &mut Picture) -> Result<(), DecodeError> {
    let (width, height) = size(bytes)?;
    if width.saturating_mul(height) > MAX_PIXELS {
        return Err(DecodeError::TooLarge { width, height });
    }
    let pixels = bytes.get(HEADER..HEADER + width * height * 3).ok_or(DecodeError::Truncated)?;
    picture.width = width;
    picture.height = height;
    picture.pixels.clear();
    picture.pixels.extend_from_slice(pixels);
    Ok(())
}

pub(super) fn write(picture: &Picture) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + picture.pixels.len());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&(picture.width as u32).to_le_bytes());
    bytes.extend_from_slice(&(picture.height as u32).to_le_bytes());
    bytes.extend_from_slice(&picture.pixels);
    bytes
}
