use burn::tensor::{Device, TensorData};

use super::super::Scaling;
use super::*;
use crate::data::OpenOptions;
use crate::view::Crop;
use crate::view::normalize::{IMAGENET_MEAN, IMAGENET_STD};
use crate::view::recipe::MOCO_V2;

const OPTIONS: OpenOptions = OpenOptions { cache: None, shuffle_buffer: 10 };

/// Pictures in which red tells the column and green the row.
fn write_places(folder: &std::path::Path, count: usize) {
    for number in 0..count {
        let (width, height) = (60 + 7 * number, 80 - 5 * number);
        let pixels = (0..width * height).flat_map(|i| {
            let share = |place: usize, length: usize| (place * 255 / length) as u8;
            [share(i % width, width), share(i / width, height), 128]
        });
        let picture = Picture::new(width, height, pixels.collect()).unwrap();
        picture.save_png(folder.join(format!("{number}.png"))).unwrap();
    }
}

/// Squares of 8 × 8 pixels as directions that go with red and green.
fn places(images: Tensor<4>) -> Tensor<4> {
    let [batch, channels, height, width] = images.dims();
    let means = images
        .reshape([batch * channels * height / 8, 8, width / 8, 8])
        .mean_dim(3)
        .mean_dim(1)
        .reshape([batch, channels, height / 8, width / 8]);
    let angle = |channel: usize| {
        let plane = means.clone().narrow(1, channel, 1);
        (plane * IMAGENET_STD[channel] + IMAGENET_MEAN[channel]) * 3.0
    };
    let (red, green) = (angle(0), angle(1));
    Tensor::cat(vec![red.clone().cos(), red.sin(), green.clone().cos(), green.sin()], 1)
}

fn config() -> CorrespondenceConfig {
    CorrespondenceConfig {
        recipe: MOCO_V2.without(&["jitter", "grayscale", "blur"]).unwrap(),
        recipe_name: "moco-v2".into(),
        image_size: 64,
        images: 100,
        pictures: 2,
        workers: 2,
        seed: 0,
    }
}

fn measure(
    represent_map: &dyn Fn(Tensor<4>) -> Tensor<4>,
    config: &CorrespondenceConfig,
) -> Result<Correspondence> {
    let folder = tempfile::tempdir().unwrap();
    write_places(folder.path(), 5);
    let dataset = Arc::new(Dataset::open(folder.path(), &OPTIONS)?);
    let scaling = Scaling { reduction: 8, mean: IMAGENET_MEAN, std: IMAGENET_STD };
    let encoder = DenseEncoder { represent_map, device: Device::default(), scaling };
    correspondence(dataset, &encoder, config, &|_| ())
}

#[test]
fn features_that_know_the_place_find_it() {
    let found = measure(&places, &config()).unwrap();
    let result = &found.result;
    assert!(result.accuracy > 0.97 && result.exact > 0.6, "{result:?}");
    assert!(result.chance > 4.0 / 64.0 && result.chance < 9.0 / 64.0, "{result:?}");
    assert_eq!((result.images, result.map_side, result.image_size), (5, 8, 64));
    assert!(result.cells > 100 && result.cells < 640);
    assert_eq!(serde_json::to_value(result).unwrap()["protocol"], "correspondence");
    let sheet = found.sheet.unwrap();
    assert_eq!((sheet.width, sheet.height), (2 * SIDE + 3 * MARGIN, 2 * SIDE + 3 * MARGIN));

    // Features that are alike everywhere find the first cell.
    let blind = measure(&|images| places(images) * 0.0 + 1.0, &config()).unwrap().result;
    assert!(blind.accuracy < 0.2, "{blind:?}");
    // What only mirrors the picture must not matter: the views' geometry says so.
    let flips = CorrespondenceConfig {
        recipe: Recipe { flip: 0.5, ..config().recipe.without(&["crop"]).unwrap() },
        ..config()
    };
    assert_eq!(measure(&places, &flips).unwrap().result.accuracy, 1.0);
}

#[test]
fn seeds_matter_and_threads_do_not() {
    let result = |config: CorrespondenceConfig| measure(&places, &config).unwrap().result;
    let one = result(config());
    assert_eq!(one, result(CorrespondenceConfig { workers: 1, pictures: 0, ..config() }));
    assert!(one.cells != result(CorrespondenceConfig { seed: 1, ..config() }).cells);
    assert_eq!(result(CorrespondenceConfig { images: 3, ..config() }).images, 3);
}

#[test]
fn maps_of_one_cell_are_refused() {
    let error = measure(&places, &CorrespondenceConfig { image_size: 8, ..config() }).err().unwrap();
    assert_eq!(error.exit_code(), 2);
    assert!(
        error.to_string().contains("one cell") && error.to_string().contains("--image-size 16"),
        "{error}"
    );
    let error = measure(&places, &CorrespondenceConfig { images: 0, ..config() }).err().unwrap();
    assert_eq!(error.exit_code(), 2);
    let error = measure(&|images| places(images) * f32::NAN, &config()).err().unwrap();
    assert_eq!(error.exit_code(), 5);
}

/// The matches with everything in double precision and sources in the unit square.
#[test]
fn matches_equal_those_of_a_slow_search() {
    let mut random = Random::new(8);
    let (side, features) = (5, 3);
    for number in 0..20 {
        let [first, second]: [Vec<f32>; 2] =
            [0, 1].map(|_| (0..side * side * features).map(|_| random.normal()).collect());
        // Odd numbers keep middles of cells off the borders of others.
        let geometry = [0, 1].map(|_| Geometry {
            source_height: 101,
            source_width: 203,
            crop: Crop {
                top: random.range(0.0, 40.0),
                left: random.range(0.0, 80.0),
                height: random.range(20.0, 61.0),
                width: random.range(30.0, 123.0),
            },
            flipped: random.chance(0.5),
        });
        let map = |values: &[f32]| {
            let cells = TensorData::new(values.to_vec(), [1, side, side, features]);
            Tensor::<4>::from_data(cells, &Device::default()).permute([0, 3, 1, 2])
        };
        let similarities = values(cosines(map(&first), map(&second))).unwrap();
        let found = matches(&similarities, geometry, side);

        let cosine = |a: &[f32], b: &[f32]| {
            let dot = |a: &[f32], b: &[f32]| {
                a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>()
            };
            dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
        };
        let maps = [&first, &second];
        let mut expected = vec![];
        for view in 0..2 {
            for cell in 0..side * side {
                let (own, other) = (&geometry[view], &geometry[1 - view]);
                let along = |place: usize, flipped: bool| {
                    let share = (place as f64 + 0.5) / side as f64;
                    if flipped { 1.0 - share } else { share }
                };
                let x =
                    f64::from(own.crop.left) + along(cell % side, own.flipped) * f64::from(own.crop.width);
                let y = f64::from(own.crop.top) + along(cell / side, false) * f64::from(own.crop.height);
                let mut u = (x - f64::from(other.crop.left)) / f64::from(other.crop.width);
                let v = (y - f64::from(other.crop.top)) / f64::from(other.crop.height);
                if other.flipped {
                    u = 1.0 - u;
                }
                if !(0.0..1.0).contains(&u) || !(0.0..1.0).contains(&v) {
                    continue;
                }
                let vector = &maps[view][cell * features..][..features];
                let near = |other: usize| cosine(vector, &maps[1 - view][other * features..][..features]);
                let best = (0..side * side).max_by(|&a, &b| near(a).total_cmp(&near(b))).unwrap();
                let truth = [v, u].map(|share| (share * side as f64) as usize);
                expected.push(Match {
                    view,
                    cell: [cell / side, cell % side],
                    truth,
                    found: [best / side, best % side],
                });
            }
        }
        assert_eq!(found, expected, "pair {number}");
        let mut counts = Counts::default();
        counts.add(&found, side);
        let right = expected.iter().filter(|m| {
            let apart = |axis: usize| (m.truth[axis] as i64 - m.found[axis] as i64).abs();
            apart(0) <= 1 && apart(1) <= 1
        });
        assert_eq!((counts.cells, counts.near), (expected.len(), right.count()));
        let guesses = expected.iter().map(|m| {
            let around = (0..side * side).filter(|cell| {
                (cell / side).abs_diff(m.truth[0]) <= 1 && (cell % side).abs_diff(m.truth[1]) <= 1
            });
            around.count() as f64 / (side * side) as f64
        });
        assert!((counts.chance - guesses.sum::<f64>()).abs() < 1e-9);
    }
}
