//! From the bytes of a file to an upright RGB picture.
//!
//! The format is told by the content, never by the file's name. Whatever the file holds (grey, palette, 16 bits,
//! CMYK) becomes RGB with 8 bits. Transparency is composited on white: clip art and logos are drawn for a white page,
//! and dropping alpha instead would show the arbitrary colours that editors leave under transparent pixels.
//! Of animations and multi-page files the first frame counts.

use std::io::{self, Cursor};
use std::panic::{AssertUnwindSafe, catch_unwind};

use image::codecs::gif::GifDecoder;
use image::metadata::Orientation;
use image::{
    AnimationDecoder, DynamicImage, ExtendedColorType, ImageDecoder, ImageError, ImageFormat, ImageReader,
    RgbImage,
};

use super::jpeg::{self, JpegHeader};
use super::raw_picture;
use crate::picture::Picture;

/// The most pixels that a picture may have: the limit at which Pillow refuses "decompression bombs".
pub const MAX_PIXELS: usize = 178_956_970;

/// Why a file is not a usable picture.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The file has no bytes.
    #[error("the file is empty")]
    Empty,
    /// The content is of no picture format.
    #[error("the content is not a picture")]
    NotAnImage,
    /// The file ends before its last pixel.
    #[error("the file is truncated")]
    Truncated,
    /// The content contradicts itself.
    #[error("the file is damaged: {0}")]
    Corrupt(String),
    /// More than [`MAX_PIXELS`] pixels; nothing was allocated.
    #[error("{width}×{height} pixels are more than the {MAX_PIXELS} allowed")]
    TooLarge {
        /// Width that the header claims.
        width: usize,
        /// Height that the header claims.
        height: usize,
    },
    /// A picture, but of a kind that is not read.
    #[error("not supported: {0}")]
    Unsupported(String),
}

/// The file formats that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// JPEG, baseline or progressive.
    Jpeg,
    /// PNG.
    Png,
    /// WebP, lossy or lossless.
    WebP,
    /// Windows bitmap.
    Bmp,
    /// TIFF.
    Tiff,
    /// GIF.
    Gif,
    /// Uncompressed RGB inside a pack.
    Raw,
}

/// How a file stores its colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Color {
    /// Red, green and blue with 8 bits.
    Rgb,
    /// Grey with up to 8 bits.
    Grey,
    /// An index into a palette.
    Palette,
    /// Cyan, magenta, yellow and black.
    Cmyk,
    /// More than 8 bits a channel.
    Deep,
}

/// What a file says about its picture before the pixels are decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Width in pixels, upright.
    pub width: usize,
    /// Height in pixels, upright.
    pub height: usize,
    /// The file format.
    pub format: Format,
    /// How the colours are stored.
    pub color: Color,
    /// Whether some pixels may be transparent.
    pub alpha: bool,
    orientation: Orientation,
    jpeg: Option<JpegHeader>,
}

/// Reads the header of the picture in `bytes`.
pub fn probe(bytes: &[u8]) -> Result<Header, DecodeError> {
    guarded(|| {
        let header = probe_format(bytes, format(bytes)?)?;
        if header.width == 0 || header.height == 0 {
            return Err(DecodeError::Corrupt("a side of the picture has no pixels".into()));
        }
        if header.width.saturating_mul(header.height) > MAX_PIXELS {
            return Err(DecodeError::TooLarge { width: header.width, height: header.height });
        }
        Ok(header)
    })
}

/// Decodes the picture in `bytes`, see [`decode_into`].
pub fn decode(bytes: &[u8], denominator: usize) -> Result<Picture, DecodeError> {
    let mut picture = Picture::filled(1, 1, [0; 3]);
    decode_into(bytes, &probe(bytes)?, denominator, &mut picture)?;
    Ok(picture)
}

/// Decodes the picture in `bytes`, whose header was [probed](probe), reusing the memory of `picture`.
///
/// `denominator` 1, 2, 4 or 8 asks for that fraction of both sides (rounded up). JPEG obeys where it saves time; all
/// else comes at full size, so the size to go by is the picture's own.
pub fn decode_into(
    bytes: &[u8],
    header: &Header,
    denominator: usize,
    picture: &mut Picture,
) -> Result<(), DecodeError> {
    guarded(|| {
        match (header.format, &header.jpeg) {
            (Format::Jpeg, Some(jpeg_header)) => jpeg::decode(bytes, jpeg_header, denominator, picture)?,
            (Format::Raw, _) => return raw_picture::read(bytes, picture),
            (format, _) => decode_other(bytes, format, picture)?,
        }
        turn_upright(picture, header.orientation)
    })
}

/// Whether the file holds more frames than the first, the only one that is used.
pub fn is_animated(bytes: &[u8], format: Format) -> bool {
    let animated = || match format {
        Format::Gif => {
            GifDecoder::new(Cursor::new(bytes)).is_ok_and(|gif| gif.into_frames().nth(1).is_some())
        }
        // An animation control chunk stands before the pixels.
        Format::Png => {
            let header = bytes.get(..1024).unwrap_or(bytes);
            header.windows(4).take_while(|chunk| *chunk != b"IDAT").any(|chunk| chunk == b"acTL")
        }
        // A flag of the extended header.
        Format::WebP => {
            bytes.get(12..16) == Some(b"VP8X") && bytes.get(20).is_some_and(|flags| flags & 2 != 0)
        }
        _ => false,
    };
    guarded(|| Ok(animated())).unwrap_or(false)
}

/// The decoders are other people's code that meets arbitrary bytes for days: should one panic after all, then
/// its file is bad, and the run goes on.
pub(super) fn guarded<T>(decode: impl FnOnce() -> Result<T, DecodeError>) -> Result<T, DecodeError> {
    catch_unwind(AssertUnwindSafe(decode))
        .unwrap_or_else(|_| Err(DecodeError::Corrupt("the decoder gave up on it".into())))
}

fn format(bytes: &[u8]) -> Result<Format, DecodeError> {
    if bytes.is_empty() {
        return Err(DecodeError::Empty);
    }
    if bytes.starts_with(&[0xFF, 0xD8, 0xFF]) {
        return Ok(Format::Jpeg);
    }
    if raw_picture::is_raw(bytes) {
        return Ok(Format::Raw);
    }
    match image::guess_format(bytes) {
        Ok(ImageFormat::Png) => Ok(Format::Png),
        Ok(ImageFormat::WebP) => Ok(Format::WebP),
        Ok(ImageFormat::Bmp) => Ok(Format::Bmp),
        Ok(ImageFormat::Tiff) => Ok(Format::Tiff),
        Ok(ImageFormat::Gif) => Ok(Format::Gif),
        Ok(other) => Err(DecodeError::Unsupported(format!("{other:?}"))),
        Err(_) if bytes.get(4..12).is_some_and(|brand| brand.starts_with(b"ftyphe")) => {
            Err(DecodeError::Unsupported("HEIC".into()))
        }
        // All zeros are what an interrupted download or a full disk leaves.
        Err(_) if bytes.iter().all(|&byte| byte == 0) => Err(DecodeError::Truncated),
        Err(_) => Err(DecodeError::NotAnImage),
    }
}

fn probe_format(bytes: &[u8], format: Format) -> Result<Header, DecodeError> {
    let plain = Header {
        width: 0,
        height: 0,
        format,
        color: Color::Rgb,
        alpha: false,
        orientation: Orientation::NoTransforms,
        jpeg: None,
    };
    match format {
        Format::Jpeg => {
            let jpeg = jpeg::read_header(bytes)?;
            let color = match jpeg.components {
                1 => Color::Grey,
                4 => Color::Cmyk,
                _ => Color::Rgb,
            };
            let (width, height) = upright_size(jpeg.orientation, jpeg.width, jpeg.height);
            Ok(Header { width, height, color, orientation: jpeg.orientation, jpeg: Some(jpeg), ..plain })
        }
        Format::Raw => {
            let (width, height) = raw_picture::size(bytes)?;
            Ok(Header { width, height, ..plain })
        }
        _ => {
            let mut decoder = open(bytes, format)?;
            let (width, height) = decoder.dimensions();
            // Damaged EXIF is no reason to lose the picture.
            let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
            let (width, height) = upright_size(orientation, width as usize, height as usize);
            Ok(Header {
                width,
                height,
                color: stored_color(bytes, format, decoder.original_color_type()),
                alpha: decoder.color_type().has_alpha(),
                orientation,
                ..plain
            })
        }
    }
}

fn upright_size(orientation: Orientation, width: usize, height: usize) -> (usize, usize) {
    match orientation {
        Orientation::Rotate90
        | Orientation::Rotate270
        | Orientation::Rotate90FlipH
        | Orientation::Rotate270FlipH => (height, width),
        _ => (width, height),
    }
}

fn turn_upright(picture: &mut Picture, orientation: Orientation) -> Result<(), DecodeError> {
    if orientation == Orientation::NoTransforms {
        return Ok(());
    }
    let pixels = std::mem::take(&mut picture.pixels);
    let stored = RgbImage::from_raw(picture.width as u32, picture.height as u32, pixels)
        .ok_or_else(|| DecodeError::Corrupt("wrong number of pixels".into()))?;
    let mut upright = DynamicImage::from(stored);
    upright.apply_orientation(orientation);
    picture.width = upright.width() as usize;
    picture.height = upright.height() as usize;
    picture.pixels = upright.into_rgb8().into_raw();
    Ok(())
}

fn stored_color(bytes: &[u8], format: Format, stored: ExtendedColorType) -> Color {
    // Byte 25 of a PNG is the colour type in IHDR, 3 for palettes.
    let palette = format == Format::Gif || (format == Format::Png && bytes.get(25) == Some(&3));
    let channels = u16::from(stored.channel_count().max(1));
    match stored {
        _ if palette => Color::Palette,
        ExtendedColorType::Cmyk8 | ExtendedColorType::Cmyk16 => Color::Cmyk,
        _ if stored.bits_per_pixel() / channels > 8 => Color::Deep,
        _ if channels <= 2 => Color::Grey,
        _ => Color::Rgb,
    }
}

fn open(bytes: &[u8], format: Format) -> Result<impl ImageDecoder + '_, DecodeError> {
    let format = match format {
        Format::Png => ImageFormat::Png,
        Format::WebP => ImageFormat::WebP,
        Format::Bmp => ImageFormat::Bmp,
        Format::Tiff => ImageFormat::Tiff,
        Format::Gif => ImageFormat::Gif,
        Format::Jpeg | Format::Raw => return Err(DecodeError::NotAnImage),
    };
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    // The number of pixels is checked from the header, before this limit could say less precisely what is wrong: it
    // guards what decoders allocate besides.
    let mut limits = image::Limits::no_limits();
    limits.max_alloc = Some(16 * MAX_PIXELS as u64);
    reader.limits(limits);
    reader.into_decoder().map_err(from_image)
}

fn decode_other(bytes: &[u8], format: Format, picture: &mut Picture) -> Result<(), DecodeError> {
    let decoded = DynamicImage::from_decoder(open(bytes, format)?).map_err(from_image)?;
    picture.width = decoded.width() as usize;
    picture.height = decoded.height() as usize;
    if decoded.color().has_alpha() {
        picture.pixels.clear();
        picture.pixels.extend(decoded.into_rgba8().pixels().flat_map(|pixel| on_white(pixel.0)));
    } else {
        picture.pixels = decoded.into_rgb8().into_raw();
    }
    Ok(())
}

fn on_white([red, green, blue, alpha]: [u8; 4]) -> [u8; 3] {
    let alpha = u32::from(alpha);
    [red, green, blue].map(|value| ((u32::from(value) * alpha + 255 * (255 - alpha) + 127) / 255) as u8)
}

fn from_image(error: ImageError) -> DecodeError {
    match error {
        ImageError::IoError(source) if source.kind() == io::ErrorKind::UnexpectedEof => {
            DecodeError::Truncated
        }
        ImageError::Unsupported(source) => DecodeError::Unsupported(source.to_string()),
        other => DecodeError::Corrupt(other.to_string()),
    }
}
