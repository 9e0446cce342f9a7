//! Builds `data/sample` from the unpacked clip art of Debian's package `openclipart-png`.
//!
//! Usage (through `cargo xtask sample`): `build_sample CLIPART_FOLDER SAMPLE_FOLDER`.
//! The same package gives the same bytes: pictures are visited in the order of a hash of their names, so that a
//! class is a fair draw of its category, and nothing depends on the file system's order.

use std::collections::HashSet;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use image::imageops::{FilterType, overlay, resize};
use image::{ImageReader, Rgb, RgbImage};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use xxhash_rust::xxh3::xxh3_64;

/// Side of a sample picture in pixels.
const SIDE: u32 = 64;
/// JPEG quality of a sample picture.
const QUALITY: u8 = 90;
/// Most pictures a class may have.
const CLASS_LIMIT: usize = 120;
/// Two pictures of a class whose 16-pixel thumbnails differ by less (mean absolute difference of 0–255 values)
/// count as one.
const NEAR_DUPLICATE: f32 = 6.0;
/// Sources with a longer side are left out: a handful of posters that would take longer than all the rest.
const LARGEST_SOURCE: u32 = 3000;
/// A pixel whose darkest channel is at least this counts as paper.
const PAPER: u8 = 245;

/// A class of the sample: the package's folders it is drawn from, and words in a path that rule a picture out.
struct Class {
    name: &'static str,
    folders: &'static [&'static str],
    without: &'static [&'static str],
}

const CLASSES: &[Class] = &[
    Class {
        name: "birds-and-insects",
        folders: &["animals/birds", "animals/bugs"],
        without: &["duck_yellow_ii"],
    },
    Class { name: "buttons", folders: &["computer/buttons", "signs_and_symbols/led"], without: &[] },
    Class { name: "desserts-and-bread", folders: &["food/desserts", "food/breads_and_carbs"], without: &[] },
    Class { name: "devices", folders: &["computer/hardware", "electronics"], without: &[] },
    Class { name: "flags", folders: &["signs_and_symbols/flags"], without: &["semaphore", "aborigin"] },
    Class { name: "fruit-and-vegetables", folders: &["food/fruit", "food/vegetables"], without: &[] },
    Class { name: "icons", folders: &["computer/icons/flat-theme/action"], without: &[] },
    Class { name: "mammals", folders: &["animals/mammals"], without: &[] },
    Class { name: "patterns", folders: &["special/patterns"], without: &[] },
    Class {
        name: "people",
        folders: &["people"],
        // After the folders of other things: renderings that failed and photographs of private people.
        without: &[
            "clothing",
            "stickmen",
            "bodypart",
            "smilies",
            "map_symbols",
            "stylized_yoga",
            "a_happy_boy",
            "a_man_singing",
            "grandpa_01",
            "sexy",
            "coltrane",
        ],
    },
    Class { name: "pictograms", folders: &["signs_and_symbols/map_symbols"], without: &[] },
    Class { name: "plants", folders: &["plants", "decorations"], without: &[] },
    Class { name: "playing-cards", folders: &["recreation/games/cards"], without: &[] },
    Class { name: "tools", folders: &["tools"], without: &["weapons"] },
    Class { name: "vehicles", folders: &["transportation"], without: &["roadsigns", "map_symbols"] },
];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [clipart, sample] = arguments.as_slice() else {
        return Err("usage: build_sample CLIPART_FOLDER SAMPLE_FOLDER".into());
    };
    let clipart = clipart.canonicalize()?;
    // A picture filed under two categories is kept in the first class only.
    let mut taken = HashSet::new();
    let mut origins = String::from("picture\torigin\n");
    for class in CLASSES {
        let pictures = draw(&clipart, class, &mut taken)?;
        let folder = sample.join(class.name);
        fs::create_dir_all(&folder)?;
        for picture in &pictures {
            let file = format!("{}.jpg", picture.name);
            write_jpeg(&folder.join(&file), &picture.pixels)?;
            origins += &format!("{}/{file}\t{}\n", class.name, picture.origin);
        }
        println!("{:>4} {}", pictures.len(), class.name);
    }
    fs::write(sample.join("origins.tsv"), origins)?;
    Ok(())
}

struct Drawn {
    name: String,
    /// Path in the package, below its folder of PNG files.
    origin: String,
    pixels: RgbImage,
}

/// Draws a class: every file once, no near-duplicates, at most [`CLASS_LIMIT`].
fn draw(clipart: &Path, class: &Class, taken: &mut HashSet<u64>) -> Result<Vec<Drawn>, Box<dyn Error>> {
    let mut files = Vec::new();
    for folder in class.folders {
        collect(&clipart.join(folder), &mut files)?;
    }
    files.sort();
    files.dedup();
    files.sort_by_key(|file| xxh3_64(file.file_name().unwrap_or_default().as_encoded_bytes()));

    let mut drawn: Vec<Drawn> = Vec::new();
    let mut thumbnails: Vec<RgbImage> = Vec::new();
    for file in files {
        if drawn.len() == CLASS_LIMIT {
            break;
        }
        let origin = file.strip_prefix(clipart)?.to_string_lossy().into_owned();
        if class.without.iter().any(|word| origin.contains(word)) || !taken.insert(xxh3_64(&fs::read(&file)?))
        {
            continue;
        }
        let Some(pixels) = prepare(&file)? else { continue };
        let thumbnail = resize(&pixels, 16, 16, FilterType::Triangle);
        if thumbnails.iter().any(|other| difference(&thumbnail, other) < NEAR_DUPLICATE) {
            continue;
        }
        let mut name: String = file
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .chars()
            .map(|letter| {
                if letter.is_ascii_alphanumeric() || letter == '-' {
                    letter.to_ascii_lowercase()
                } else {
                    '_'
                }
            })
            .collect();
        // Category folders below one another repeat names.
        while drawn.iter().any(|other| other.name == name) {
            name.push('_');
        }
        thumbnails.push(thumbnail);
        drawn.push(Drawn { name, origin, pixels });
    }
    Ok(drawn)
}

/// Collects the PNG files below a folder. The package files a picture under several categories by symbolic links:
/// they are followed to the picture itself; those that lead nowhere are left out.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let Ok(path) = entry?.path().canonicalize() else { continue };
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "png") {
            files.push(path);
        }
    }
    Ok(())
}

/// Puts a drawing on white paper, trims the paper around it and fits it into a square; `None` when there is too
/// little of it, or it is too long and thin, to be recognised at [`SIDE`] pixels.
fn prepare(file: &Path) -> Result<Option<RgbImage>, Box<dyn Error>> {
    let dimensions = ImageReader::open(file)?.with_guessed_format()?.into_dimensions()?;
    if dimensions.0.max(dimensions.1) > LARGEST_SOURCE {
        return Ok(None);
    }
    let source = ImageReader::open(file)?.with_guessed_format()?.decode()?.to_rgba8();
    let paper = RgbImage::from_fn(source.width(), source.height(), |x, y| {
        let [red, green, blue, alpha] = source.get_pixel(x, y).0;
        let mix = |value: u8| {
            let alpha = u32::from(alpha);
            ((u32::from(value) * alpha + 255 * (255 - alpha) + 127) / 255) as u8
        };
        Rgb([mix(red), mix(green), mix(blue)])
    });
    let inked =
        |(x, y, pixel): (u32, u32, &Rgb<u8>)| (pixel.0.iter().any(|value| *value < PAPER)).then_some((x, y));
    let (mut left, mut top, mut right, mut bottom) = (u32::MAX, u32::MAX, 0, 0);
    for (x, y) in paper.enumerate_pixels().filter_map(inked) {
        (left, top, right, bottom) = (left.min(x), top.min(y), right.max(x + 1), bottom.max(y + 1));
    }
    let (width, height) = (right.saturating_sub(left), bottom.saturating_sub(top));
    let (short, long) = (width.min(height), width.max(height));
    if long < 40 || short < 8 || long > 4 * short {
        return Ok(None);
    }
    let drawing = image::imageops::crop_imm(&paper, left, top, width, height).to_image();
    let scaled = |length: u32| (length * SIDE).div_ceil(long).clamp(1, SIDE);
    let small = resize(&drawing, scaled(width), scaled(height), FilterType::Lanczos3);
    let mut square = RgbImage::from_pixel(SIDE, SIDE, Rgb([255; 3]));
    let (x, y) = ((SIDE - small.width()) / 2, (SIDE - small.height()) / 2);
    overlay(&mut square, &small, i64::from(x), i64::from(y));
    Ok(Some(square))
}

fn difference(one: &RgbImage, other: &RgbImage) -> f32 {
    let total: u32 =
        one.as_raw().iter().zip(other.as_raw()).map(|(left, right)| u32::from(left.abs_diff(*right))).sum();
    total as f32 / one.as_raw().len() as f32
}

fn write_jpeg(file: &Path, pixels: &RgbImage) -> Result<(), Box<dyn Error>> {
    let mut encoder = Encoder::new_file(file, QUALITY)?;
    // Full colour resolution: at this size halved chroma smears drawings.
    encoder.set_sampling_factor(SamplingFactor::F_1_1);
    encoder.set_optimized_huffman_tables(true);
    encoder.encode(pixels.as_raw(), SIDE as u16, SIDE as u16, ColorType::Rgb)?;
    Ok(())
}
