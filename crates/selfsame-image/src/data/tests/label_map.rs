use std::io::Cursor;

use image::{DynamicImage, GrayImage, ImageFormat, RgbImage};

use super::super::read_label_map;

fn png(picture: impl Into<DynamicImage>) -> Vec<u8> {
    let mut bytes = Vec::new();
    picture.into().write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png).unwrap();
    bytes
}

fn crc32(bytes: &[u8]) -> u32 {
    // Long division, bit by bit, from the definition.
    let mut register = 0xFFFF_FFFF_u32;
    for bit in bytes.iter().flat_map(|byte| (0..8).map(move |place| byte >> place & 1)) {
        let carry = register & 1 != u32::from(bit);
        register = (register >> 1) ^ if carry { 0xEDB8_8320 } else { 0 };
    }
    register ^ 0xFFFF_FFFF
}

fn chunk(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let named = [&kind[..], body].concat();
    [&(body.len() as u32).to_be_bytes()[..], &named, &crc32(&named).to_be_bytes()].concat()
}

/// A PNG with a palette, its rows packed and stored without compression.
fn with_palette(width: u32, rows: &[&[u8]], bits: u8) -> Vec<u8> {
    let packed: Vec<u8> = rows.iter().flat_map(|row| [&[0][..], row].concat()).collect();
    let header = [&width.to_be_bytes()[..], &(rows.len() as u32).to_be_bytes(), &[bits, 3, 0, 0, 0]].concat();
    let length = packed.len() as u16;
    let (mut a, mut b) = (1_u32, 0_u32);
    for &byte in &packed {
        a = (a + u32::from(byte)) % 65521;
        b = (b + a) % 65521;
    }
    let stored = [
        &[0x78, 1, 1][..],
        &length.to_le_bytes(),
        &(!length).to_le_bytes(),
        &packed,
        &(b << 16 | a).to_be_bytes(),
    ]
    .concat();
    let palette: Vec<u8> = (0..3 << bits).map(|value| (value * 7 % 256) as u8).collect();
    [
        b"\x89PNG\r\n\x1a\n".to_vec(),
        chunk(b"IHDR", &header),
        chunk(b"PLTE", &palette),
        chunk(b"tRNS", &[0]),
        chunk(b"IDAT", &stored),
        chunk(b"IEND", &[]),
    ]
    .concat()
}

#[test]
fn grey_values_are_classes() {
    let map =
        read_label_map(&png(GrayImage::from_fn(5, 3, |x, y| image::Luma([(y * 50 + x) as u8])))).unwrap();
    assert_eq!((map.width, map.height), (5, 3));
    assert_eq!(map.ids, [0, 1, 2, 3, 4, 50, 51, 52, 53, 54, 100, 101, 102, 103, 104]);
}

#[test]
fn indices_of_a_palette_are_classes_whatever_their_colours() {
    let map = read_label_map(&with_palette(3, &[&[0, 1, 11], &[7, 255, 2]], 8)).unwrap();
    assert_eq!(map.ids, [0, 1, 11, 7, 255, 2]);
    // Few colours take fewer bits.
    let map = read_label_map(&with_palette(3, &[&[0x0B, 0x30], &[0xF1, 0x20]], 4)).unwrap();
    assert_eq!(map.ids, [0, 11, 3, 15, 1, 2]);
    let map = read_label_map(&with_palette(3, &[&[0b0111_1000]], 2)).unwrap();
    assert_eq!(map.ids, [1, 3, 2]);
    let map = read_label_map(&with_palette(3, &[&[0b1010_0000]], 1)).unwrap();
    assert_eq!(map.ids, [1, 0, 1]);
}

#[test]
fn what_are_no_labels_is_told() {
    let good = png(GrayImage::new(4, 4));
    let mut damaged = good.clone();
    let middle = damaged.len() - 20;
    damaged[middle] ^= 0xFF;
    let grey16 = DynamicImage::new_luma16(2, 2);
    let cases = [
        (vec![], "empty"),
        (b"text".to_vec(), "not PNG"),
        (png(RgbImage::new(2, 2)), "RGB"),
        (png(DynamicImage::new_luma_a8(2, 2)), "transparency"),
        (png(grey16), "16 bits"),
        (good[..good.len() - 13].to_vec(), "truncated"),
        (good[..30].to_vec(), "truncated"),
        (damaged, "damaged"),
    ];
    for (number, (bytes, words)) in cases.into_iter().enumerate() {
        let error = read_label_map(&bytes).unwrap_err().to_string();
        assert!(error.contains(words), "case {number}: {words} in {error}");
    }
}
