use std::sync::atomic::{AtomicUsize, Ordering};

use image::{ImageFormat, Rgba, RgbaImage};

use super::super::{CheckOptions, ClassCount, Duplicates, Format, Note, Problem, Report, SizeBin, check};
use super::{drawing, encoded, jpeg, open, png, write};

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let good = jpeg(&drawing(40, 33, 1));
    let mut cmyk = Vec::new();
    let encoder = jpeg_encoder::Encoder::new(&mut cmyk, 90);
    encoder.encode(&[9; 32 * 32 * 4], 32, 32, jpeg_encoder::ColorType::Cmyk).unwrap();
    let mut animated = Vec::new();
    let frames = [[9, 9, 9, 255], [99, 99, 99, 255]].map(|color| RgbaImage::from_pixel(32, 32, Rgba(color)));
    image::codecs::gif::GifEncoder::new(&mut animated).encode_frames(frames.map(image::Frame::new)).unwrap();
    let files: [(&str, &[u8]); 10] = [
        ("a/animated.gif", &animated),
        ("a/cmyk.jpg", &cmyk),
        ("a/good.jpg", &good),
        ("a/same.jpg", &good),
        ("a/tiny.png", &encoded(drawing(40, 15, 1), ImageFormat::Png)),
        ("b/cut.jpg", &good[..good.len() / 2]),
        ("b/empty.png", b""),
        ("b/text.jpg", b"not a picture"),
        ("b/x.bmp", &encoded(drawing(20, 16, 7), ImageFormat::Bmp)),
        ("b/x.png", &png(7)),
    ];
    for (name, bytes) in files {
        write(folder.path(), name, bytes);
    }
    folder
}

fn found(report: &Report) -> Vec<(&str, Problem)> {
    report.findings.iter().map(|finding| (finding.name.as_str(), finding.problem)).collect()
}

#[test]
fn every_kind_of_file_is_told_apart() {
    let folder = folder();
    let dataset = open(folder.path());
    let done = AtomicUsize::new(0);
    let report = check(&dataset, &CheckOptions::default(), &|count| {
        done.fetch_max(count, Ordering::Relaxed);
    });
    assert_eq!(done.into_inner(), 10);
    let expected = [
        ("a/same.jpg", Problem::Duplicate),
        ("a/tiny.png", Problem::Tiny),
        ("b/cut.jpg", Problem::Truncated),
        ("b/empty.png", Problem::Empty),
        ("b/text.jpg", Problem::NotAnImage),
    ];
    assert_eq!(found(&report), expected);
    assert!(report.findings[0].detail.contains("a/good.jpg"));
    assert_eq!((report.files, report.usable), (10, 7));
    let count = |name: &str| ClassCount { name: name.into(), count: 5 };
    assert_eq!(report.classes, [count("a"), count("b")]);
    assert_eq!(report.unlabelled, 0);
    assert_eq!(report.notes[&Note::Animated], ["a/animated.gif"]);
    assert_eq!(report.notes[&Note::Cmyk], ["a/cmyk.jpg"]);
    assert_eq!(report.formats[&Format::Jpeg], 3);
    let bins = [(8, 1), (16, 2), (32, 4)].map(|(from, count)| SizeBin { from, count });
    assert_eq!(report.sizes, bins);
    assert_eq!(report.problem_counts()[&Problem::Tiny], 1);
    let size = |name: &str| std::fs::metadata(folder.path().join(name)).unwrap().len();
    assert_eq!(report.bytes, (0..10).map(|index| size(&dataset.name(index))).sum::<u64>());

    let json = serde_json::to_string(&report).unwrap();
    assert!(json.contains(r#""problem":"not-an-image""#));
    assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report);
}

#[test]
fn duplicates_by_pixels_ignore_the_format() {
    let folder = folder();
    let options = CheckOptions { tiny_side: 0, duplicates: Duplicates::Pixels };
    let report = check(&open(folder.path()), &options, &|_| ());
    let duplicates: Vec<_> =
        found(&report).into_iter().filter(|(_, problem)| *problem == Problem::Duplicate).collect();
    assert_eq!(duplicates, [("a/same.jpg", Problem::Duplicate), ("b/x.png", Problem::Duplicate)]);
}

#[test]
fn a_file_that_is_gone_is_unreadable() {
    let folder = folder();
    let dataset = open(folder.path());
    std::fs::remove_file(folder.path().join("b/x.png")).unwrap();
    let report = check(&dataset, &CheckOptions::default(), &|_| ());
    assert_eq!(found(&report).last(), Some(&("b/x.png", Problem::Unreadable)));
}
