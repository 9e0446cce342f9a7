//! Against slow references made of whole pictures.

use super::*;

/// One channel of an observation as rows.
type Picture = Vec<Vec<u8>>;

const SIZE: Size = Size { channels: 3, height: 7, width: 6 };

fn observations(count: usize) -> Vec<u8> {
    let mut random = Random::new(8);
    (0..count * 3 * 7 * 6).map(|_| random.below(256) as u8).collect()
}

fn channel(observations: &[u8], at: usize, channel: usize) -> Picture {
    let start = (at * SIZE.channels + channel) * 42;
    observations[start..start + 42].chunks(6).map(<[u8]>::to_vec).collect()
}

fn crop(picture: &Picture, [top, left]: [usize; 2], [height, width]: [usize; 2]) -> Picture {
    picture[top..top + height].iter().map(|row| row[left..left + width].to_vec()).collect()
}

fn widen(picture: &Picture, by: usize) -> Picture {
    let wide = |row: &Vec<u8>| [vec![row[0]; by], row.clone(), vec![row[row.len() - 1]; by]].concat();
    let rows: Vec<Vec<u8>> = picture.iter().map(wide).collect();
    let (first, last) = (rows[0].clone(), rows[rows.len() - 1].clone());
    [vec![first; by], rows, vec![last; by]].concat()
}

/// What a view makes of each observation: its channels as pictures.
fn seen(view: View, observations: &[u8], random: &Random) -> Vec<Vec<Picture>> {
    let tensor = view.of(observations, SIZE, random, &Device::default()).unwrap();
    let [count, height, width, channels] = tensor.dims();
    let values: Vec<f32> = tensor.try_into_vec_as().unwrap();
    let pixel = |at: usize, y: usize, x: usize, c: usize| {
        let value = values[((at * height + y) * width + x) * channels + c] * 255.0;
        assert!((value - value.round()).abs() < 1e-4);
        value.round() as u8
    };
    let picture = |at: usize, c: usize| -> Picture {
        (0..height).map(|y| (0..width).map(|x| pixel(at, y, x, c)).collect()).collect()
    };
    (0..count).map(|at| (0..channels).map(|c| picture(at, c)).collect()).collect()
}

#[test]
fn the_whole_is_what_was_observed_and_the_centre_its_middle() {
    let observations = observations(4);
    let random = Random::new(1);
    for (at, found) in seen(View::Whole, &observations, &random).iter().enumerate() {
        for (c, found) in found.iter().enumerate() {
            assert_eq!(*found, channel(&observations, at, c));
        }
    }
    for (at, found) in seen(View::Centre(3), &observations, &random).iter().enumerate() {
        for (c, found) in found.iter().enumerate() {
            assert_eq!(*found, crop(&channel(&observations, at, c), [1, 1], [4, 3]));
        }
    }
}

/// Checks that each observation is seen in one of these ways, the same for all its channels, and that all ways come.
fn is_one_of(view: View, ways: &[impl Fn(&Picture) -> Picture]) {
    let observations = observations(400);
    let mut met = vec![false; ways.len()];
    for (at, found) in seen(view, &observations, &Random::new(2)).iter().enumerate() {
        let fits = |way: &dyn Fn(&Picture) -> Picture| {
            (0..3).all(|c| found[c] == way(&channel(&observations, at, c)))
        };
        let fitting: Vec<usize> = (0..ways.len()).filter(|&way| fits(&ways[way])).collect();
        assert!(!fitting.is_empty(), "observation {at} is seen in no known way");
        fitting.into_iter().for_each(|way| met[way] = true);
    }
    assert!(met.iter().all(|met| *met), "some ways never come");
}

#[test]
fn a_crop_is_cut_from_any_place() {
    let places = (0..3).flat_map(|top| (0..3).map(move |left| [top, left]));
    let ways: Vec<_> = places.map(|place| move |picture: &Picture| crop(picture, place, [5, 4])).collect();
    is_one_of(View::Crop(2), &ways);
}

#[test]
fn a_shift_is_a_crop_that_is_widened_and_cropped_again() {
    let two = || (0..2).flat_map(|a| (0..2).map(move |b| [a, b]));
    let ways: Vec<_> = two()
        .flat_map(|first| two().map(move |second| (first, second)))
        .map(|(first, second)| {
            move |picture: &Picture| {
                let small = crop(picture, first, [6, 5]);
                crop(&widen(&small, 1), second, [7, 6])
            }
        })
        .collect();
    is_one_of(View::Shift(1), &ways);
}

#[test]
fn the_address_alone_decides() {
    let observations = observations(9);
    let random = Random::new(3);
    let first = seen(View::Crop(2), &observations, &random);
    assert_eq!(first, seen(View::Crop(2), &observations, &random));
    assert_ne!(first, seen(View::Crop(2), &observations, &random.at(1)));
    let some = seen(View::Crop(2), &observations[..4 * 126], &random);
    assert_eq!(some, first[..4]);
}

#[test]
fn crops_that_leave_nothing_are_refused() {
    assert_eq!(View::Crop(6).size(SIZE).unwrap_err().exit_code(), 2);
    assert_eq!(View::Shift(9).size(SIZE).unwrap_err().exit_code(), 2);
    assert!(View::Whole.of(&[0; 100], SIZE, &Random::new(0), &Device::default()).is_err());
}
