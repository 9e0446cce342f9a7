use std::fs;
use std::path::Path;

use burn::tensor::Device;
use image::GrayImage;
use proptest::prelude::*;

use super::super::Scaling;
use super::super::dense::{Axis, Map};
use selfsame_core::Random;

use super::*;
use crate::view::normalize::{IMAGENET_MEAN, IMAGENET_STD};

/// Grey ground with a red and a blue square, at places that go with the number; a line of void around the red one.
fn write_pair(folder: &Path, number: usize, [width, height]: [usize; 2]) {
    for name in ["images", "labels"] {
        fs::create_dir_all(folder.join(name)).unwrap();
    }
    let corner =
        |offset: usize| [(number * 13 + offset) % (width - 16), (number * 29 + offset * 3) % (height - 16)];
    let (red, blue) = (corner(0), corner(21));
    let inside = |[left, top]: [usize; 2], x: usize, y: usize, margin: usize| {
        (left + margin..left + 16 - margin).contains(&x) && (top + margin..top + 16 - margin).contains(&y)
    };
    let mut picture = Picture::filled(width, height, [120, 125, 118]);
    let mut labels = GrayImage::new(width as u32, height as u32);
    for (x, y) in (0..height).flat_map(|y| (0..width).map(move |x| (x, y))) {
        let (colour, class) = match () {
            () if inside(red, x, y, 1) => ([210, 40, 50], 1),
            () if inside(red, x, y, 0) => ([210, 40, 50], 11),
            () if inside(blue, x, y, 0) => ([40, 50, 220], 2),
            () => continue,
        };
        picture.pixels[(y * width + x) * 3..][..3].copy_from_slice(&colour);
        labels.put_pixel(x as u32, y as u32, image::Luma([class]));
    }
    picture.save_png(folder.join(format!("images/{number:02}.png"))).unwrap();
    labels.save(folder.join(format!("labels/{number:02}.png"))).unwrap();
}

fn write_set(folder: &Path, count: usize) {
    for number in 0..count {
        write_pair(folder, number, if number % 3 == 2 { [40, 72] } else { [64, 48] });
    }
}

/// The mean colour of every square of 4 × 4 pixels.
fn colours(images: Tensor<4>) -> Tensor<4> {
    let [batch, channels, height, width] = images.dims();
    images.reshape([batch * channels * height / 4, 4, width / 4, 4]).mean_dim(3).mean_dim(1).reshape([
        batch,
        channels,
        height / 4,
        width / 4,
    ])
}

fn encoder(represent_map: &dyn Fn(Tensor<4>) -> Tensor<4>) -> DenseEncoder<'_> {
    let scaling = Scaling { reduction: 4, mean: IMAGENET_MEAN, std: IMAGENET_STD };
    DenseEncoder { represent_map, device: Device::default(), scaling }
}

fn config() -> SegmentationConfig {
    SegmentationConfig { image_size: 48, void: 11, pictures: 2, ..SegmentationConfig::default() }
}

fn measure(folder: &Path, config: &SegmentationConfig) -> Result<Segmentation> {
    let sets = Pairs::open_both(folder)?;
    segmentation(&sets[0], &sets[1], &encoder(&colours), config, &|_| ())
}

#[test]
fn shapes_in_colours_are_found() {
    let folder = tempfile::tempdir().unwrap();
    write_set(&folder.path().join("train"), 12);
    write_set(&folder.path().join("test"), 5);
    let found = measure(folder.path(), &config()).unwrap();
    let result = &found.result;
    assert!(result.miou > 0.75 && result.pixel_accuracy > 0.92, "{result:?}");
    assert_eq!((result.classes, result.iou.len(), result.train_pixels), (3, 3, 12 * 256));
    assert_eq!((result.train_images, result.test_images, result.skipped), (12, 5, 0));
    let mean = result.iou.iter().map(|iou| iou.unwrap()).sum::<f64>() / 3.0;
    assert!((result.miou - mean).abs() < 1e-12);
    let json = serde_json::to_value(result).unwrap();
    assert_eq!((&json["protocol"], &json["void"]), (&"segmentation".into(), &11.into()));
    // Two rows of a picture, its truth and the prediction.
    let sheet = found.sheet.unwrap();
    assert!(sheet.width > 3 * SHOWN && sheet.height > 2 * SHOWN);

    // Features without colours tell nothing but which class is the most frequent.
    let sets = Pairs::open_both(folder.path()).unwrap();
    let blind = |images: Tensor<4>| colours(images) * 0.0;
    let blind = segmentation(&sets[0], &sets[1], &encoder(&blind), &config(), &|_| ()).unwrap().result;
    assert!(blind.miou < 0.35 && blind.iou[1] == Some(0.0), "{blind:?}");
}

#[test]
fn threads_do_not_matter_and_seeds_do() {
    let folder = tempfile::tempdir().unwrap();
    write_set(&folder.path().join("train"), 5);
    write_set(&folder.path().join("test"), 4);
    let short = SegmentationConfig { pixels: 40, ..config() };
    let result = |config: &SegmentationConfig| measure(folder.path(), config).unwrap().result;
    let one = result(&short);
    assert_eq!(one, result(&SegmentationConfig { workers: 3, ..short.clone() }));
    assert!(one.miou != result(&SegmentationConfig { seed: 1, ..short.clone() }).miou);
    assert_eq!(measure(folder.path(), &SegmentationConfig { pictures: 0, ..short }).unwrap().sheet, None);
}

#[test]
fn every_pixel_is_classified_as_slowly() {
    let folder = tempfile::tempdir().unwrap();
    write_set(folder.path(), 2);
    let (rows, columns, features) = (3, 5, 4);
    let mut random = Random::new(3);
    let cells: Vec<f32> = (0..rows * columns * features).map(|_| random.normal()).collect();
    let map = Map { rows, columns, cells };
    for [height, width] in [[3, 5], [17, 11], [2, 40], [1, 1]] {
        let slow = |y: usize, x: usize, feature: usize| {
            let place = |point: usize, points: usize, cells: usize| {
                let place = (point as f64 + 0.5) / points as f64 * cells as f64 - 0.5;
                place.max(0.0).min(cells as f64 - 1.0)
            };
            let (v, u) = (place(y, height, rows), place(x, width, columns));
            // A tent around every cell's centre.
            let tent = |distance: f64| (1.0 - distance.abs()).max(0.0);
            (0..rows * columns)
                .map(|cell| {
                    let weight = tent(v - (cell / columns) as f64) * tent(u - (cell % columns) as f64);
                    weight * f64::from(map.cells[cell * features + feature])
                })
                .sum::<f64>()
        };
        let (vertical, horizontal) = (Axis::new(height, rows), Axis::new(width, columns));
        let highest = map.highest(height, width);
        for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
            let expected: Vec<f64> = (0..features).map(|feature| slow(y, x, feature)).collect();
            for (value, expected) in map.at((&vertical, y), (&horizontal, x)).iter().zip(&expected) {
                assert!((f64::from(*value) - expected).abs() < 1e-5);
            }
            let best = (0..features).max_by(|&a, &b| expected[a].total_cmp(&expected[b])).unwrap();
            assert_eq!(usize::from(highest[y * width + x]), best);
        }
    }
}

proptest! {
    #[test]
    fn intersections_and_unions_are_those_of_sets(
        pixels in prop::collection::vec((0u8..5, 0u8..4), 1..200), void in 0u8..6,
    ) {
        let (truth, prediction): (Vec<u8>, Vec<u8>) = pixels.iter().copied().unzip();
        let mut confusion = Confusion::new(5);
        // In two parts, as pictures come.
        let half = pixels.len() / 2;
        confusion.count(&truth[..half], &prediction[..half], void);
        let mut other = Confusion::new(5);
        other.count(&truth[half..], &prediction[half..], void);
        confusion.add(&other);

        let known: Vec<_> = pixels.iter().filter(|(truth, _)| *truth != void).collect();
        prop_assert_eq!(confusion.pixels(), known.len() as u64);
        let mut all = vec![];
        for class in 0..5 {
            let union = known.iter().filter(|(t, p)| *t == class || *p == class).count();
            let both = known.iter().filter(|(t, p)| *t == class && *p == class).count();
            let iou = (union > 0).then(|| both as f64 / union as f64);
            prop_assert_eq!(confusion.iou()[usize::from(class)], iou);
            all.extend(iou);
        }
        let right = known.iter().filter(|(t, p)| t == p).count();
        if !known.is_empty() {
            prop_assert!((confusion.mean_iou() - all.iter().sum::<f64>() / all.len() as f64).abs() < 1e-12);
            prop_assert!((confusion.accuracy() - right as f64 / known.len() as f64).abs() < 1e-12);
        }
    }
}

#[test]
fn sides_keep_their_proportions_in_whole_cells() {
    let scaling = encoder(&colours).scaling;
    let scaling = Scaling { reduction: 32, ..scaling };
    assert_eq!(scaling.size_of(360, 480, 256), [256, 352]);
    assert_eq!(scaling.size_of(480, 360, 256), [352, 256]);
    assert_eq!(scaling.size_of(10, 10, 100), [96, 96]);
    assert_eq!(scaling.size_of(1, 1, 1), [32, 32]);
    assert!(scaling.check_side(48).is_ok());
    let error = scaling.check_side(47).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert!(error.to_string().contains("--image-size 64"), "{error}");
}

#[test]
fn files_without_a_partner_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let error_of = |path: &Path| {
        let error = Pairs::open(path).unwrap_err();
        assert_eq!(error.exit_code(), 3);
        error.to_string()
    };
    assert!(error_of(&at("nowhere")).contains("check the path"));
    assert!(error_of(folder.path()).contains("no folder `images`"));
    fs::create_dir(at("images")).unwrap();
    assert!(error_of(folder.path()).contains("no folder `labels`"));
    fs::create_dir(at("labels")).unwrap();
    assert!(error_of(folder.path()).contains("no pictures in images/"));
    write_set(folder.path(), 8);
    assert_eq!(Pairs::open(folder.path()).unwrap().pairs.len(), 8);
    fs::remove_file(at("labels/03.png")).unwrap();
    assert!(error_of(folder.path()).contains("1 pictures have no labels in labels/: 03.png"));
    fs::remove_file(at("images/03.png")).unwrap();
    fs::remove_file(at("images/04.png")).unwrap();
    assert!(error_of(folder.path()).contains("1 labels have no picture in images/: 04.png"));
    fs::remove_file(at("labels/04.png")).unwrap();
    fs::copy(at("images/05.png"), at("images/05.jpg")).unwrap();
    assert!(error_of(folder.path()).contains("the same name as"));
    assert!(Pairs::open_both(folder.path()).unwrap_err().to_string().contains("train/ and test/"));
}

#[test]
fn labels_that_cannot_be_used_are_explained() {
    let folder = tempfile::tempdir().unwrap();
    let (train, test) = (folder.path().join("train"), folder.path().join("test"));
    let error_of = |config: &SegmentationConfig| {
        let error = measure(folder.path(), config).err().unwrap();
        (error.exit_code(), error.to_string())
    };
    let says = |config: &SegmentationConfig, words: &[&str]| {
        let (code, error) = error_of(config);
        assert_eq!(code, 3, "{error}");
        for word in words {
            assert!(error.contains(word), "{word} in {error}");
        }
    };
    write_set(&train, 4);
    write_set(&test, 2);
    // Void is not named: pixels of class 11 are among the training labels, so that there are 12 classes.
    assert_eq!(
        measure(folder.path(), &SegmentationConfig { void: 255, ..config() }).unwrap().result.classes,
        12
    );
    let two = SegmentationConfig { classes: Some(2), ..config() };
    says(&two, &["train/labels/00.png", "class 2 at column 21, row 31", "0 to 1", "--void", "--classes"]);

    let mut labels = image::open(test.join("labels/01.png")).unwrap().into_luma8();
    labels.put_pixel(5, 7, image::Luma([9]));
    labels.save(test.join("labels/01.png")).unwrap();
    says(&config(), &["test/labels/01.png", "class 9 at column 5, row 7", "none of the 3 classes"]);
    GrayImage::new(63, 48).save(test.join("labels/01.png")).unwrap();
    says(&config(), &["test/labels/01.png", "63×48 pixels", "images/01.png of 64×48"]);
    image::RgbImage::new(64, 48).save(test.join("labels/01.png")).unwrap();
    says(&config(), &["test/labels/01.png", "RGB", "grey or with a palette"]);
    fs::write(test.join("labels/01.png"), "text").unwrap();
    says(&config(), &["test/labels/01.png", "not PNG"]);
    for number in 0..2 {
        let void = GrayImage::from_pixel(64, 48, image::Luma([11]));
        void.save(test.join(format!("labels/{number:02}.png"))).unwrap();
    }
    says(&config(), &["test", "none of its 2 usable pictures has a labelled pixel"]);
    for number in 0..4 {
        let size = if number % 3 == 2 { (40, 72) } else { (64, 48) };
        let one = GrayImage::from_pixel(size.0, size.1, image::Luma([0]));
        one.save(train.join(format!("labels/{number:02}.png"))).unwrap();
    }
    says(&config(), &["train", "no two classes"]);
    says(&SegmentationConfig { classes: Some(3), ..config() }, &["train", "no two classes"]);
}

#[test]
fn a_broken_picture_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    write_set(&folder.path().join("train"), 5);
    write_set(&folder.path().join("test"), 3);
    fs::write(folder.path().join("train/images/01.png"), "broken").unwrap();
    let found = measure(folder.path(), &config()).unwrap();
    assert_eq!((found.result.train_images, found.result.skipped), (4, 1));
    assert!(found.bad_files[0].name.contains("01.png"));
}

#[test]
fn settings_that_cannot_be_used_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    write_set(&folder.path().join("train"), 2);
    write_set(&folder.path().join("test"), 2);
    for broken in [
        SegmentationConfig { image_size: 5, ..config() },
        SegmentationConfig { image_size: 0, ..config() },
        SegmentationConfig { pixels: 0, ..config() },
        SegmentationConfig { classes: Some(1), ..config() },
    ] {
        assert_eq!(measure(folder.path(), &broken).err().unwrap().exit_code(), 2);
    }
}

#[test]
fn classes_have_colours_of_their_own_and_void_has_none() {
    let mut colours: Vec<_> = (0..=254).map(overlay::colour).collect();
    assert_eq!(colours[0], [128, 0, 0]);
    colours.sort_unstable();
    colours.dedup();
    assert_eq!(colours.len(), 255);
    let painted = overlay::paint(&Picture::filled(2, 1, [90, 100, 110]), &[0, 11], 11);
    assert_eq!(painted.pixels, [121, 25, 25, 100, 100, 100]);
}
