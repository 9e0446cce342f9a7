use image::{DynamicImage, GrayImage, ImageBuffer, ImageEncoder, ImageFormat, Luma, Rgb, Rgba, RgbaImage};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use proptest::prelude::*;

use super::super::{Color, DecodeError, Format, decode, is_animated, probe};
use super::{drawing, encoded, jpeg};
use crate::picture::Picture;

fn mean_difference(a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(&a, &b)| f64::from(a.abs_diff(b))).sum::<f64>() / a.len() as f64
}

/// Decodes at full size and checks that the header told that size.
fn decoded(bytes: &[u8]) -> Picture {
    let header = probe(bytes).unwrap();
    let picture = decode(bytes, 1).unwrap();
    assert_eq!((header.width, header.height), (picture.width, picture.height));
    assert_eq!(picture.pixels.len(), picture.width * picture.height * 3);
    picture
}

#[test]
fn lossless_formats_come_back_exactly() {
    let image = drawing(23, 17, 1);
    let formats = [
        (ImageFormat::Png, Format::Png),
        (ImageFormat::WebP, Format::WebP),
        (ImageFormat::Bmp, Format::Bmp),
        (ImageFormat::Tiff, Format::Tiff),
    ];
    for (encoding, format) in formats {
        let bytes = encoded(image.clone(), encoding);
        let header = probe(&bytes).unwrap();
        assert_eq!((header.format, header.color, header.alpha), (format, Color::Rgb, false));
        assert_eq!(decoded(&bytes).pixels, *image.as_raw(), "{format:?}");
        assert!(!is_animated(&bytes, format));
    }
}

#[test]
fn the_last_rows_of_components_in_scans_of_their_own_come_back() {
    for (width, height) in [(64, 64), (61, 53)] {
        let image = drawing(width, height, 3);
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, 95);
        // This makes the encoder write one scan a component.
        encoder.set_optimized_huffman_tables(true);
        encoder.set_sampling_factor(SamplingFactor::F_1_1);
        encoder.encode(image.as_raw(), width as u16, height as u16, ColorType::Rgb).unwrap();
        let row = width as usize * 3;
        for (at, (ours, original)) in
            decoded(&bytes).pixels.chunks(row).zip(image.as_raw().chunks(row)).enumerate()
        {
            assert!(mean_difference(ours, original) < 6.0, "row {at} of {height}");
        }
    }
}

#[test]
fn jpegs_of_every_kind_come_back_nearly() {
    for (width, height) in [(1, 1), (7, 5), (32, 32), (61, 131), (320, 240)] {
        let image = drawing(width, height, 3);
        assert!(mean_difference(&decoded(&jpeg(&image)).pixels, image.as_raw()) < 1.0);
        for progressive in [false, true] {
            for sampling in [SamplingFactor::F_1_1, SamplingFactor::F_2_1, SamplingFactor::F_2_2] {
                let mut bytes = Vec::new();
                let mut encoder = Encoder::new(&mut bytes, 95);
                encoder.set_progressive(progressive);
                encoder.set_sampling_factor(sampling);
                encoder.set_restart_interval(2);
                encoder.encode(image.as_raw(), width as u16, height as u16, ColorType::Rgb).unwrap();
                let difference = mean_difference(&decoded(&bytes).pixels, image.as_raw());
                // Halving the colours' resolution costs most where they change within a few pixels.
                let allowed = if width < 16 { 12.0 } else { 6.0 };
                assert!(difference < allowed, "{width}×{height} {progressive} {sampling:?}: {difference}");
            }
        }
    }
}

#[test]
fn scaled_jpegs_are_averages_of_the_full_size() {
    for progressive in [false, true] {
        for (width, height) in [(64, 48), (61, 131), (1, 40), (40, 1), (9, 9)] {
            let image = drawing(width, height, 4);
            let mut bytes = Vec::new();
            let mut encoder = Encoder::new(&mut bytes, 100);
            encoder.set_progressive(progressive);
            encoder.encode(image.as_raw(), width as u16, height as u16, ColorType::Rgb).unwrap();
            let full = decode(&bytes, 1).unwrap();
            for denominator in [2, 4, 8] {
                let small = decode(&bytes, denominator).unwrap();
                let expected = (full.width.div_ceil(denominator), full.height.div_ceil(denominator));
                assert_eq!((small.width, small.height), expected);
                assert!(mean_difference(&small.pixels, &averaged(&full, denominator)) < 6.0);
            }
        }
    }
}

/// The means of blocks of `n` × `n` pixels.
fn averaged(picture: &Picture, n: usize) -> Vec<u8> {
    let mut pixels = Vec::new();
    for top in (0..picture.height).step_by(n) {
        for left in (0..picture.width).step_by(n) {
            for channel in 0..3 {
                let (mut sum, mut count) = (0, 0);
                for row in top..picture.height.min(top + n) {
                    for column in left..picture.width.min(left + n) {
                        sum += usize::from(picture.pixels[3 * (row * picture.width + column) + channel]);
                        count += 1;
                    }
                }
                pixels.push((sum / count) as u8);
            }
        }
    }
    pixels
}

#[test]
fn grey_deep_and_transparent_pictures_become_rgb() {
    let grey = GrayImage::from_fn(9, 4, |x, y| Luma([(20 * x + y) as u8]));
    let expected: Vec<u8> = grey.as_raw().iter().flat_map(|&value| [value; 3]).collect();
    let bytes = encoded(grey.clone(), ImageFormat::Png);
    assert_eq!(probe(&bytes).unwrap().color, Color::Grey);
    assert_eq!(decoded(&bytes).pixels, expected);

    let mut bytes = Vec::new();
    Encoder::new(&mut bytes, 100).encode(grey.as_raw(), 9, 4, ColorType::Luma).unwrap();
    assert_eq!(probe(&bytes).unwrap().color, Color::Grey);
    assert!(mean_difference(&decoded(&bytes).pixels, &expected) < 2.0);
    assert_eq!(decode(&bytes, 2).unwrap().pixels.len(), 5 * 2 * 3);

    let deep = ImageBuffer::<Rgb<u16>, _>::from_fn(5, 3, |x, y| Rgb([257 * x as u16, 257 * y as u16, 65535]));
    for format in [ImageFormat::Png, ImageFormat::Tiff] {
        let bytes = encoded(DynamicImage::ImageRgb16(deep.clone()), format);
        assert_eq!(probe(&bytes).unwrap().color, Color::Deep);
        let expected: Vec<u8> = deep.as_raw().iter().map(|&value| (value / 257) as u8).collect();
        assert_eq!(decoded(&bytes).pixels, expected);
    }

    // Black, at most half opaque, on white.
    let clear = RgbaImage::from_fn(3, 1, |x, _| Rgba([0, 0, 0, [0, 128, 255][x as usize]]));
    for format in [ImageFormat::Png, ImageFormat::WebP, ImageFormat::Tiff] {
        let bytes = encoded(clear.clone(), format);
        assert!(probe(&bytes).unwrap().alpha);
        assert_eq!(decoded(&bytes).pixels, [255, 255, 255, 127, 127, 127, 0, 0, 0]);
    }
}

#[test]
fn inks_become_light() {
    // Cyan, magenta, yellow, black: 0 is no ink.
    let inks: [[u8; 4]; 4] = [[0, 0, 0, 0], [255, 0, 0, 0], [0, 128, 255, 0], [0, 0, 0, 200]];
    for kind in [ColorType::Cmyk, ColorType::CmykAsYcck] {
        for ink in inks {
            let mut bytes = Vec::new();
            let mut encoder = Encoder::new(&mut bytes, 100);
            encoder.set_sampling_factor(SamplingFactor::F_1_1);
            encoder.encode(&ink.repeat(16 * 16), 16, 16, kind).unwrap();
            assert_eq!(probe(&bytes).unwrap().color, Color::Cmyk);
            let light = |ink: u8, black: u8| (255 - u32::from(ink)) * (255 - u32::from(black)) / 255;
            let expected = [ink[0], ink[1], ink[2]].map(|color| light(color, ink[3]) as u8);
            // Full size whatever scale is asked for.
            for denominator in [1, 4] {
                let picture = decode(&bytes, denominator).unwrap();
                assert_eq!((picture.width, picture.height), (16, 16));
                let difference = mean_difference(&picture.pixels, &expected.repeat(16 * 16));
                assert!(difference < 3.0, "{ink:?}: {:?} instead of {expected:?}", &picture.pixels[..3]);
            }
        }
    }
}

#[test]
fn palettes_and_first_frames() {
    let frames = [[255, 0, 0, 255], [0, 0, 255, 255]].map(|color| RgbaImage::from_pixel(6, 4, Rgba(color)));
    let mut bytes = Vec::new();
    let mut encoder = image::codecs::gif::GifEncoder::new(&mut bytes);
    encoder.encode_frames(frames.map(image::Frame::new)).unwrap();
    drop(encoder);
    let header = probe(&bytes).unwrap();
    assert_eq!((header.format, header.color), (Format::Gif, Color::Palette));
    assert!(is_animated(&bytes, Format::Gif));
    assert_eq!(decoded(&bytes).pixels, [255, 0, 0].repeat(24));

    let still = encoded(RgbaImage::from_pixel(6, 4, Rgba([0, 255, 0, 255])), ImageFormat::Gif);
    assert!(!is_animated(&still, Format::Gif));
    assert_eq!(decoded(&still).pixels, [0, 255, 0].repeat(24));

    let palette = palette_png(2, &[[10, 20, 30], [40, 50, 60]], &[0, 1]);
    assert_eq!(probe(&palette).unwrap().color, Color::Palette);
    assert_eq!(decoded(&palette).pixels, [10, 20, 30, 40, 50, 60]);
}

/// A PNG of one row with a palette, by hand.
fn palette_png(width: u32, palette: &[[u8; 3]], row: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut size = width.to_be_bytes().to_vec();
    size.extend_from_slice(&1u32.to_be_bytes());
    size.extend_from_slice(&[8, 3, 0, 0, 0]);
    png_chunk(&mut bytes, b"IHDR", &size);
    png_chunk(&mut bytes, b"PLTE", palette.as_flattened());
    // A zlib stream with one stored block: the filter byte and the row.
    let length = row.len() as u16 + 1;
    let mut data = vec![0x78, 0x01, 1];
    data.extend_from_slice(&length.to_le_bytes());
    data.extend_from_slice(&(!length).to_le_bytes());
    data.push(0);
    data.extend_from_slice(row);
    let (mut a, mut b) = (1u32, 0u32);
    for &byte in [0].iter().chain(row) {
        a = (a + u32::from(byte)) % 65521;
        b = (b + a) % 65521;
    }
    data.extend_from_slice(&((b << 16) | a).to_be_bytes());
    png_chunk(&mut bytes, b"IDAT", &data);
    png_chunk(&mut bytes, b"IEND", &[]);
    bytes
}

fn png_chunk(bytes: &mut Vec<u8>, kind: &[u8; 4], data: &[u8]) {
    bytes.extend_from_slice(&(data.len() as u32).to_be_bytes());
    let start = bytes.len();
    bytes.extend_from_slice(kind);
    bytes.extend_from_slice(data);
    let crc = bytes[start..].iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(
            crc ^ u32::from(byte),
            |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 },
        )
    });
    bytes.extend_from_slice(&(!crc).to_be_bytes());
}

/// EXIF data that holds nothing but an orientation.
fn exif(orientation: u8) -> Vec<u8> {
    let mut data = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    data.extend_from_slice(&[orientation, 0, 0, 0, 0, 0, 0]);
    data
}

#[test]
fn pictures_are_turned_upright() {
    // What the eight orientations of the upright scene `ABC / DEF` look like in a file: EXIF says which side of the
    // scene row 0 and column 0 of the file show.
    let stored = [
        (1, 3, "ABCDEF"),
        (2, 3, "CBAFED"), // row 0 is the top, column 0 the right side
        (3, 3, "FEDCBA"), // bottom, right
        (4, 3, "DEFABC"), // bottom, left
        (5, 2, "ADBECF"), // left side, top
        (6, 2, "CFBEAD"), // right, top
        (7, 2, "FCEBDA"), // right, bottom
        (8, 2, "DAEBFC"), // left, bottom
    ];
    let value = |letter: u8| 40 * (letter - b'A') + 20;
    for (orientation, columns, text) in stored {
        // Letters are squares of 16 pixels, so that compression leaves them alone.
        let (width, height) = (16 * columns, 16 * (6 / columns));
        let image = image::RgbImage::from_fn(width, height, |x, y| {
            Rgb([value(text.as_bytes()[(y / 16 * columns + x / 16) as usize]); 3])
        });
        let mut with_exif = Vec::new();
        let mut encoder = Encoder::new(&mut with_exif, 100);
        encoder.add_exif_metadata(&exif(orientation)).unwrap();
        encoder.encode(image.as_raw(), width as u16, height as u16, ColorType::Rgb).unwrap();

        let mut png = Vec::new();
        let mut encoder = image::codecs::png::PngEncoder::new(&mut png);
        encoder.set_exif_metadata(exif(orientation)).unwrap();
        encoder.write_image(image.as_raw(), width, height, image::ExtendedColorType::Rgb8).unwrap();

        for bytes in [with_exif, png] {
            let picture = decoded(&bytes);
            assert_eq!((picture.width, picture.height), (48, 32), "orientation {orientation}");
            for (place, letter) in b"ABCDEF".iter().enumerate() {
                let (x, y) = (16 * (place % 3) + 8, 16 * (place / 3) + 8);
                let seen = picture.pixels[3 * (48 * y + x)];
                assert!(seen.abs_diff(value(*letter)) < 4, "orientation {orientation}, {}", *letter as char);
            }
            let small = decode(&bytes, 8).unwrap();
            assert!(small.width > small.height);
        }
    }
}

#[test]
fn damaged_exif_costs_nothing_but_the_orientation() {
    let image = drawing(16, 8, 0);
    for data in [&b""[..], b"MM\0*", b"II*\0\xff\xff\xff\xff", &exif(9)] {
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, 100);
        encoder.add_app_segment(1, [b"Exif\0\0", data].concat()).unwrap();
        encoder.encode(image.as_raw(), 16, 8, ColorType::Rgb).unwrap();
        assert_eq!(decoded(&bytes).width, 16);
    }
}

#[test]
fn what_is_no_picture_is_told() {
    assert_eq!(probe(b"").unwrap_err(), DecodeError::Empty);
    assert_eq!(probe(b"<!DOCTYPE html><title>404</title>").unwrap_err(), DecodeError::NotAnImage);
    assert_eq!(probe(&[0; 4096]).unwrap_err(), DecodeError::Truncated);
    assert_eq!(probe(b"\0\0\0\x18ftypheic\0\0\0\0").unwrap_err(), DecodeError::Unsupported("HEIC".into()));
    assert!(matches!(probe(&[0xFF, 0xD8, 0xFF, 0xD9]).unwrap_err(), DecodeError::Corrupt(_)));
}

#[test]
fn gigantic_pictures_are_refused_before_memory_is_taken() {
    let mut bytes = jpeg(&drawing(16, 16, 0));
    let frame = bytes.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap();
    bytes[frame + 5..frame + 9].copy_from_slice(&[0xFF; 4]);
    assert_eq!(probe(&bytes).unwrap_err(), DecodeError::TooLarge { width: 65535, height: 65535 });

    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    png_chunk(&mut png, b"IHDR", &[0, 1, 0, 0, 0, 1, 0, 0, 8, 2, 0, 0, 0]);
    png_chunk(&mut png, b"IDAT", &[0x78, 1]);
    assert_eq!(probe(&png).unwrap_err(), DecodeError::TooLarge { width: 65536, height: 65536 });

    let mut bmp = encoded(drawing(4, 4, 0), ImageFormat::Bmp);
    bmp[18..26].copy_from_slice(&[0, 128, 0, 0, 0, 128, 0, 0]);
    assert_eq!(probe(&bmp).unwrap_err(), DecodeError::TooLarge { width: 32768, height: 32768 });
}

#[test]
fn truncated_files_are_never_filled_up() {
    let image = drawing(48, 40, 5);
    let mut progressive = Vec::new();
    let mut encoder = Encoder::new(&mut progressive, 90);
    encoder.set_progressive(true);
    encoder.encode(image.as_raw(), 48, 40, ColorType::Rgb).unwrap();
    let mut files = vec![("jpeg", jpeg(&image)), ("progressive", progressive)];
    for format in [ImageFormat::Png, ImageFormat::WebP, ImageFormat::Bmp, ImageFormat::Tiff, ImageFormat::Gif]
    {
        files.push((format.extensions_str()[0], encoded(image.clone(), format)));
    }
    for (kind, bytes) in files {
        assert!(decode(&bytes, 1).is_ok(), "{kind}");
        for tenth in 1..10 {
            let cut = &bytes[..bytes.len() * tenth / 10];
            for denominator in [1, 2] {
                let error = decode(cut, denominator).err();
                assert!(error.is_some(), "{kind} cut to {tenth}/10 went through");
                if matches!(kind, "jpeg" | "progressive" | "png" | "bmp") {
                    assert_eq!(error, Some(DecodeError::Truncated), "{kind} cut to {tenth}/10");
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn no_bytes_make_it_panic(kind in 0usize..7, places in prop::collection::vec((any::<u32>(), any::<u8>()), 1..12)) {
        let image = drawing(24, 20, 7);
        let formats = [ImageFormat::Png, ImageFormat::WebP, ImageFormat::Bmp, ImageFormat::Tiff, ImageFormat::Gif];
        let mut bytes = match formats.get(kind) {
            Some(&format) => encoded(image, format),
            None => jpeg(&image),
        };
        for (place, value) in places {
            let place = place as usize % bytes.len();
            bytes[place] = value;
        }
        for denominator in [1, 4] {
            if let Ok(picture) = decode(&bytes, denominator) {
                prop_assert_eq!(picture.pixels.len(), picture.width * picture.height * 3);
            }
        }
    }
}
