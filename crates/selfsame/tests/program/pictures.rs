//! Small pictures, good ones and bad ones.

use std::fs::{self, File};
use std::path::Path;

use image::codecs::gif::GifEncoder;
use image::{Frame, Rgb, RgbImage};

const SIDE: u32 = 20;

/// Class folders `discs`, `squares` and `stripes` with so many pictures each.
pub fn classes(folder: &Path, each: u32) {
    for (shape, class) in ["discs", "squares", "stripes"].into_iter().enumerate() {
        let folder = folder.join(class);
        fs::create_dir_all(&folder).unwrap();
        for number in 0..each {
            picture(shape, number).save(folder.join(format!("{number:02}.png"))).unwrap();
        }
    }
}

/// A shape (0, 1 or 2) in a colour and of a size that go with the number.
pub fn picture(shape: usize, number: u32) -> RgbImage {
    let wheel = |offset: u32| ((number * 67 + offset) % 256) as u8;
    let (colour, ground) = (Rgb([wheel(0), wheel(85), wheel(170)]), Rgb([wheel(128), 250, wheel(40)]));
    let (middle, radius) = (f64::from(SIDE) / 2.0, f64::from(4 + number % 5));
    RgbImage::from_fn(SIDE, SIDE, |x, y| {
        let (dx, dy) = (f64::from(x) - middle, f64::from(y) - middle);
        let inside = match shape {
            0 => dx.hypot(dy) <= radius,
            1 => dx.abs().max(dy.abs()) <= radius,
            _ => (x + y) % (4 + number % 5) < 2,
        };
        if inside { colour } else { ground }
    })
}

/// A picture's bytes as PNG.
pub fn png() -> Vec<u8> {
    let mut bytes = Vec::new();
    picture(0, 7).write_to(&mut std::io::Cursor::new(&mut bytes), image::ImageFormat::Png).unwrap();
    bytes
}

/// A BMP whose header claims 60,000 × 60,000 pixels.
pub fn gigantic_bmp() -> Vec<u8> {
    let mut bytes = b"BM".to_vec();
    bytes.extend(54_u32.to_le_bytes()); // size of the file
    bytes.extend([0; 4]);
    bytes.extend(54_u32.to_le_bytes()); // where the pixels begin
    bytes.extend(40_u32.to_le_bytes()); // size of the following header
    bytes.extend(60_000_i32.to_le_bytes());
    bytes.extend(60_000_i32.to_le_bytes());
    bytes.extend(1_u16.to_le_bytes());
    bytes.extend(24_u16.to_le_bytes());
    bytes.extend([0; 24]);
    bytes
}

/// A GIF of three frames.
pub fn write_animation(path: &Path) {
    let mut encoder = GifEncoder::new(File::create(path).unwrap());
    for number in 0..3 {
        let frame = image::DynamicImage::from(picture(0, number)).into_rgba8();
        encoder.encode_frame(Frame::new(frame)).unwrap();
    }
}

/// An uncompressed TIFF of 8 × 8 pixels in cyan, magenta, yellow and black (TIFF 6.0, section 16).
pub fn cmyk_tiff() -> Vec<u8> {
    const SHORT: u16 = 3;
    const LONG: u16 = 4;
    let pixels: Vec<u8> = (0..64).flat_map(|place: u8| [place * 3, 255 - place, 40, 10]).collect();
    let bits_at = 8 + 2 + 9 * 12 + 4;
    let pixels_at = bits_at + 8;
    let entries: [(u16, u16, u32, u32); 9] = [
        (256, SHORT, 1, 8),                  // width
        (257, SHORT, 1, 8),                  // height
        (258, SHORT, 4, bits_at),            // bits of each channel
        (259, SHORT, 1, 1),                  // no compression
        (262, SHORT, 1, 5),                  // separated colours
        (273, LONG, 1, pixels_at),           // where the pixels begin
        (277, SHORT, 1, 4),                  // channels
        (278, SHORT, 1, 8),                  // rows in a strip
        (279, LONG, 1, pixels.len() as u32), // bytes in a strip
    ];
    let mut bytes = b"II*\0".to_vec();
    bytes.extend(8_u32.to_le_bytes());
    bytes.extend((entries.len() as u16).to_le_bytes());
    for (tag, kind, count, value) in entries {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(kind.to_le_bytes());
        bytes.extend(count.to_le_bytes());
        bytes.extend(value.to_le_bytes());
    }
    bytes.extend(0_u32.to_le_bytes());
    bytes.extend([8, 0, 8, 0, 8, 0, 8, 0]);
    bytes.extend(pixels);
    bytes
}

/// A tar file (POSIX ustar) with these members.
pub fn tar(members: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut tar = Vec::new();
    for (name, bytes) in members {
        let mut header = [0; 512];
        let mut put = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
        put(0, name);
        put(100, "0000644");
        put(124, &format!("{:011o}", bytes.len()));
        put(136, "00000000000");
        put(148, "        "); // counts as blanks in the checksum
        put(156, "0");
        put(257, "ustar\x0000");
        let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        tar.extend(header);
        tar.extend(bytes);
        tar.resize(tar.len().next_multiple_of(512), 0);
    }
    tar.resize(tar.len() + 1024, 0);
    tar
}

/// Two WebDataset shards of twelve pictures each: `000.png` and its class in `000.cls`.
pub fn write_shards(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    for shard in 0..2 {
        let members = (0..12).flat_map(|number| {
            let shape = number % 3;
            let mut png = std::io::Cursor::new(Vec::new());
            picture(shape, 12 * shard + number as u32).write_to(&mut png, image::ImageFormat::Png).unwrap();
            let class = shape.to_string().into_bytes();
            [(format!("{number:03}.png"), png.into_inner()), (format!("{number:03}.cls"), class)]
        });
        let members: Vec<_> = members.collect();
        fs::write(folder.join(format!("{shard:04}.tar")), tar(&members)).unwrap();
    }
}

/// A folder with `images/` and `labels/`: a bright disc (class 1) and a dark square (class 2) on a ground of stripes (class 0), and void
/// (class 11) at the edges.
pub fn scenes(folder: &Path, count: u32) {
    let (width, height) = (48, 32);
    for name in ["images", "labels"] {
        fs::create_dir_all(folder.join(name)).unwrap();
    }
    for number in 0..count {
        let class = |x: u32, y: u32| {
            let distance = |centre: [u32; 2]| (x.abs_diff(centre[0]), y.abs_diff(centre[1]));
            let disc = distance([8 + number * 7 % 14, 9 + number * 5 % 14]);
            let square = distance([30 + number * 3 % 10, 10 + number * 11 % 13]);
            match () {
                () if x == 0 || y == 0 => 11,
                () if disc.0.pow(2) + disc.1.pow(2) <= 49 => 1,
                () if square.0.max(square.1) <= 6 => 2,
                () => 0,
            }
        };
        let image = RgbImage::from_fn(width, height, |x, y| match class(x, y) {
            1 => Rgb([250, 240, 200]),
            2 => Rgb([20, 10, 60]),
            _ => Rgb([if (x + y) % 4 < 2 { 90 } else { 150 }, 130, 110]),
        });
        let labels = image::GrayImage::from_fn(width, height, |x, y| image::Luma([class(x, y)]));
        image.save(folder.join(format!("images/{number:02}.png"))).unwrap();
        labels.save(folder.join(format!("labels/{number:02}.png"))).unwrap();
    }
}
