//! JPEG: its headers, and its pixels at full, half, quarter or eighth scale.
//!
//! Full scale is decoded by zune-jpeg, the fastest decoder in Rust; smaller scales by jpeg-decoder, which leaves out
//! the high frequencies in the inverse DCT and so never computes the pixels that resampling would average away. Its
//! entropy decoding is slower, so it is used only where that pays.
//!
//! A JPEG is a list of segments `FF marker, length (2 bytes, big endian, counts itself), content`; the frame
//! header (SOF) holds the size, APP1 may hold EXIF, and the first SOS ends the headers (ITU T.81, annex B).

use image::metadata::Orientation;
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;

use super::decode::DecodeError;
use crate::picture::Picture;

/// The headers of one JPEG.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct JpegHeader {
    /// Width in pixels as stored, before the orientation is applied.
    pub width: usize,
    /// Height in pixels as stored, before the orientation is applied.
    pub height: usize,
    /// Colour components: 1 grey, 3 colour, 4 CMYK or YCCK.
    pub components: u8,
    /// Whether the first scan holds all components, as in all progressive and nearly all other JPEGs.
    pub interleaved: bool,
    /// How to turn the picture upright.
    pub orientation: Orientation,
    /// Offset of the first start-of-scan marker.
    pub scan: usize,
}

const EXIF: &[u8] = b"Exif\0\0";

/// Walks the segments up to the first scan.
pub(super) fn read_header(bytes: &[u8]) -> Result<JpegHeader, DecodeError> {
    let mut position = 2;
    let mut frame: Option<(usize, usize, u8, bool)> = None;
    let mut orientation = Orientation::NoTransforms;
    loop {
        // Any number of FF may fill the space before a marker, and some cameras leave other bytes there.
        let offset = bytes.get(position..).and_then(|rest| rest.iter().position(|&byte| byte == 0xFF));
        position += offset.ok_or(DecodeError::Truncated)?;
        let marker = *bytes.get(position + 1).ok_or(DecodeError::Truncated)?;
        match marker {
            0xFF => {
                position += 1;
                continue;
            }
            // Markers without content: stuffing, TEM, restart markers, SOI.
            0x00 | 0x01 | 0xD0..=0xD8 => {
                position += 2;
                continue;
            }
            0xD9 => return Err(DecodeError::Corrupt("the JPEG ends before its pixels".into())),
            _ => {}
        }
        let length = bytes.get(position + 2..position + 4).ok_or(DecodeError::Truncated)?;
        let length = usize::from(u16::from_be_bytes([length[0], length[1]])).max(2);
        let content = bytes.get(position + 4..position + 2 + length).ok_or(DecodeError::Truncated)?;
        match marker {
            0xDA => {
                let no_frame = || DecodeError::Corrupt("the JPEG has no frame header".into());
                let (width, height, components, sequential) = frame.ok_or_else(no_frame)?;
                let interleaved = !sequential || content.first().is_none_or(|&first| first == components);
                return Ok(JpegHeader {
                    width,
                    height,
                    components,
                    interleaved,
                    orientation,
                    scan: position,
                });
            }
            // Start of frame of any coding process; C4, C8 and CC are tables.
            0xC0..=0xCF if !matches!(marker, 0xC4 | 0xC8 | 0xCC) => {
                let [_, high, low, left, right, components, ..] = *content else {
                    return Err(DecodeError::Truncated);
                };
                let height = usize::from(u16::from_be_bytes([high, low]));
                let width = usize::from(u16::from_be_bytes([left, right]));
                let sequential = matches!(marker, 0xC0 | 0xC1);
                frame = Some((width, height, components, sequential));
            }
            // Damaged EXIF is no reason to lose the picture.
            0xE1 if content.starts_with(EXIF) => {
                let found = Orientation::from_exif_chunk(&content[EXIF.len()..]);
                orientation = found.unwrap_or(Orientation::NoTransforms);
            }
            _ => {}
        }
        position += 2 + length;
    }
}

/// Decodes at `1 / denominator` of the size where that saves time, else at full size; not yet turned upright. CMYK
/// pictures come at full size.
pub(super) fn decode(
    bytes: &[u8],
    header: &JpegHeader,
    denominator: usize,
    picture: &mut Picture,
) -> Result<(), DecodeError> {
    // A file that was cut has no end marker, and decoders fill what is missing with grey without a word.
    // Searched backwards, because it is nearly always in the last two bytes; inside the scan FF is always followed
    // by 00 or a restart marker, so nothing else looks like it.
    if !bytes[header.scan..].windows(2).rev().any(|pair| pair == [0xFF, 0xD9]) {
        return Err(DecodeError::Truncated);
    }
    if denominator > 1 && header.components != 4 && is_worthwhile(header.width, denominator) {
        return decode_scaled(bytes, header, denominator, picture);
    }
    // zune-jpeg 0.5.15 loses the last row of blocks where the components of a sequential JPEG come in scans of their own.
    if !header.interleaved && header.components != 4 {
        return decode_scaled(bytes, header, 1, picture);
    }
    match decode_full(bytes, header, picture) {
        // Lossless JPEG, for one.
        Err(DecodeErrors::Unsupported(_)) if header.components != 4 => {
            decode_scaled(bytes, header, 1, picture)
        }
        result => result.map_err(from_zune),
    }
}

/// Whether decoding at a smaller scale costs less processor time (measured). Above 128 pixels of output width
/// jpeg-decoder starts threads for each picture, which eats up what it saves unless the picture is large.
fn is_worthwhile(width: usize, denominator: usize) -> bool {
    width.div_ceil(denominator) <= 128 || (denominator >= 4 && width >= 1024)
}

fn decode_full(bytes: &[u8], header: &JpegHeader, picture: &mut Picture) -> Result<(), DecodeErrors> {
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX))
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    picture.width = header.width;
    picture.height = header.height;
    picture.pixels.resize(header.width * header.height * 3, 0);
    decoder.decode_into(&mut picture.pixels)
}

fn from_zune(error: DecodeErrors) -> DecodeError {
    match error {
        DecodeErrors::ExhaustedData | DecodeErrors::IoErrors(_) => DecodeError::Truncated,
        DecodeErrors::Unsupported(scheme) => DecodeError::Unsupported(format!("JPEG, {scheme:?}")),
        other => DecodeError::Corrupt(format!("JPEG, {other}")),
    }
}

fn decode_scaled(
    bytes: &[u8],
    header: &JpegHeader,
    denominator: usize,
    picture: &mut Picture,
) -> Result<(), DecodeError> {
    let mut decoder = jpeg_decoder::Decoder::new(bytes);
    // jpeg-decoder takes the smallest scale at which either side is large enough: ask by the longer side alone.
    let side = |length: usize| u16::try_from(length.div_ceil(denominator)).unwrap_or(u16::MAX);
    let (wanted_width, wanted_height) = if header.width >= header.height {
        (side(header.width), u16::MAX)
    } else {
        (u16::MAX, side(header.height))
    };
    let (width, height) = decoder.scale(wanted_width, wanted_height).map_err(from_jpeg_decoder)?;
    let pixels = decoder.decode().map_err(from_jpeg_decoder)?;
    let format = decoder.info().map(|info| info.pixel_format);
    picture.width = usize::from(width);
    picture.height = usize::from(height);
    picture.pixels.clear();
    match format {
        Some(jpeg_decoder::PixelFormat::RGB24) => picture.pixels = pixels,
        Some(jpeg_decoder::PixelFormat::L8) => {
            picture.pixels.extend(pixels.iter().flat_map(|&grey| [grey; 3]))
        }
        // Native-endian 16-bit grey of lossless JPEGs.
        Some(jpeg_decoder::PixelFormat::L16) => picture.pixels.extend(
            pixels.chunks_exact(2).flat_map(|pair| [(u16::from_ne_bytes([pair[0], pair[1]]) >> 8) as u8; 3]),
        ),
        Some(jpeg_decoder::PixelFormat::CMYK32) | None => {
            return Err(DecodeError::Unsupported("JPEG, CMYK of this kind".into()));
        }
    }
    if picture.pixels.len() != picture.width * picture.height * 3 {
        return Err(DecodeError::Corrupt("JPEG, wrong number of pixels".into()));
    }
    Ok(())
}

fn from_jpeg_decoder(error: jpeg_decoder::Error) -> DecodeError {
    match error {
        jpeg_decoder::Error::Io(_) => DecodeError::Truncated,
        jpeg_decoder::Error::Unsupported(feature) => DecodeError::Unsupported(format!("JPEG, {feature:?}")),
        other => DecodeError::Corrupt(other.to_string()),
    }
}
