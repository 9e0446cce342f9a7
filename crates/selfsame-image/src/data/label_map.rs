//! Labels of pixels: PNG files whose samples are numbers of classes.

use image::ImageFormat;

use super::decode::{DecodeError, MAX_PIXELS, guarded};

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Bits that PNG's checksum divides by (PNG specification, annex D), lowest power last.
const CRC_POLYNOMIAL: u32 = 0xEDB8_8320;

/// The class of every pixel of a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelMap {
    /// Pixels in a row.
    pub width: usize,
    /// Number of rows.
    pub height: usize,
    /// `[height, width]`, row by row from the top.
    pub ids: Vec<u8>,
}

/// Reads a PNG with up to 8 bits a pixel: grey, whose values are the numbers of classes, or with a palette, whose indices are; the
/// palette's colours are for people and not looked at.
///
/// # Errors
/// What is no PNG, is damaged, or stores colours or more than 8 bits.
pub fn read_label_map(bytes: &[u8]) -> Result<LabelMap, DecodeError> {
    if bytes.is_empty() {
        return Err(DecodeError::Empty);
    }
    if !bytes.starts_with(SIGNATURE) {
        return Err(DecodeError::Unsupported("labels that are not PNG".into()));
    }
    guarded(|| {
        let (plain, largest) = indices_as_grey(bytes)?;
        let decoded = image::load_from_memory_with_format(&plain, ImageFormat::Png)
            .map_err(|error| DecodeError::Corrupt(error.to_string()))?
            .into_luma8();
        let (width, height) = (decoded.width() as usize, decoded.height() as usize);
        // Fewer than 8 bits were spread over 0..=255.
        let ids = decoded.into_raw().into_iter().map(|value| value / (255 / largest)).collect();
        Ok(LabelMap { width, height, ids })
    })
}

/// The same file with nothing but its pixels, which are said to be grey, and the largest value of a pixel. A decoder would replace the
/// indices of a palette by its colours.
fn indices_as_grey(bytes: &[u8]) -> Result<(Vec<u8>, u8), DecodeError> {
    let mut plain = SIGNATURE.to_vec();
    let mut largest = 255;
    let mut rest = &bytes[SIGNATURE.len()..];
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length) as usize;
        let (kind, after) = after.split_first_chunk::<4>().ok_or(DecodeError::Truncated)?;
        let (body, after) = after.split_at_checked(length).ok_or(DecodeError::Truncated)?;
        let (crc, after) = after.split_first_chunk::<4>().ok_or(DecodeError::Truncated)?;
        match kind {
            b"IHDR" => {
                let (header, bits) = grey_header(body)?;
                largest = u8::MAX >> (8 - bits);
                push_chunk(&mut plain, *kind, &header, crc_of(*kind, &header));
            }
            b"IDAT" | b"IEND" => push_chunk(&mut plain, *kind, body, u32::from_be_bytes(*crc)),
            _ => {}
        }
        rest = after;
    }
    Ok((plain, largest))
}

/// The header of a grey picture in the place of this one, and its bits a pixel.
fn grey_header(header: &[u8]) -> Result<(Vec<u8>, u8), DecodeError> {
    let &[w0, w1, w2, w3, h0, h1, h2, h3, bits, colour, ..] = header else {
        return Err(DecodeError::Truncated);
    };
    let side = |bytes| u32::from_be_bytes(bytes) as usize;
    let (width, height) = (side([w0, w1, w2, w3]), side([h0, h1, h2, h3]));
    if width.saturating_mul(height) > MAX_PIXELS {
        return Err(DecodeError::TooLarge { width, height });
    }
    match (colour, bits) {
        (0 | 3, 1 | 2 | 4 | 8) => {}
        (0, 16) => return Err(DecodeError::Unsupported("labels of 16 bits".into())),
        (4, _) => return Err(DecodeError::Unsupported("grey labels with transparency".into())),
        _ => return Err(DecodeError::Unsupported("labels in RGB colours".into())),
    }
    let mut header = header.to_vec();
    header[9] = 0;
    Ok((header, bits))
}

fn push_chunk(png: &mut Vec<u8>, kind: [u8; 4], body: &[u8], crc: u32) {
    png.extend((body.len() as u32).to_be_bytes());
    png.extend(kind);
    png.extend(body);
    png.extend(crc.to_be_bytes());
}

fn crc_of(kind: [u8; 4], body: &[u8]) -> u32 {
    !kind.iter().chain(body).fold(u32::MAX, |crc, &byte| {
        (0..8).fold(
            crc ^ u32::from(byte),
            |crc, _| {
                if crc & 1 == 1 { (crc >> 1) ^ CRC_POLYNOMIAL } else { crc >> 1 }
            },
        )
    })
}
