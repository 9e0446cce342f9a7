//! Representations that keep the layout of a picture.

use burn::tensor::Tensor;
use selfsame_core::loss::unit;
use selfsame_core::{Error, Result};

/// Maps `[batch, features, rows, columns]` as one vector a picture, `[batch, grid · grid · features]`: the mean of each region of a
/// `grid` × `grid` grid at unit length, one after the other. The cosine of two such vectors is the mean of the cosines of regions at the
/// same place. A row of cells in which two regions meet belongs to both. `grid` is from 1 to the shorter side of the map.
pub fn region_means(map: Tensor<4>, grid: usize) -> Tensor<2> {
    let [batch, features, rows, columns] = map.dims();
    let range = |place: usize, cells: usize| place * cells / grid..((place + 1) * cells).div_ceil(grid);
    let regions = (0..grid * grid).map(|region| {
        let (vertical, horizontal) = (range(region / grid, rows), range(region % grid, columns));
        let part = map.clone().slice([0..batch, 0..features, vertical, horizontal]);
        unit(part.mean_dim(3).mean_dim(2).reshape([batch, features]))
    });
    Tensor::cat(regions.collect(), 1)
}

/// Whether a map of `side` × `side` cells has that many regions.
///
/// # Errors
/// When it has not, or there are none.
pub fn check_regions(grid: usize, side: usize) -> Result<()> {
    if grid == 0 {
        return Err(Error::config(
            "a grid of 0×0 regions holds nothing",
            "--dense takes 2×2, --dense=3 takes 3×3",
        ));
    }
    if grid > side {
        let what = format!("a map of {side}×{side} cells has no {grid}×{grid} regions");
        let help = "leave --dense out, take fewer regions (--dense=2), or train with a larger --image-size or the `cifar` stem, whose maps are finer";
        return Err(Error::config(what, help));
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use burn::tensor::{Device, TensorData};
    use selfsame_core::Random;

    use super::*;

    #[test]
    fn the_cosine_is_the_mean_of_the_regions_cosines() {
        let mut random = Random::new(2);
        let shape @ [batch, features, rows, columns] = [2, 3, 5, 4];
        let values: Vec<f32> = (0..batch * features * rows * columns).map(|_| random.normal()).collect();
        let map = Tensor::<4>::from_data(TensorData::new(values.clone(), shape), &Device::default());
        for grid in 1..=4 {
            let vectors = unit(region_means(map.clone(), grid));
            assert_eq!(vectors.dims(), [batch, grid * grid * features]);
            let vectors: Vec<f32> = vectors.into_data().try_to_vec().unwrap();
            let (a, b) = vectors.split_at(vectors.len() / 2);
            let cosine: f64 = a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum();

            let mean = |image: usize, region: [usize; 2]| -> Vec<f64> {
                let inside = |cell: usize, cells: usize, place: usize| {
                    // The cell's interval and the region's overlap.
                    (cell * grid) < (place + 1) * cells && (cell + 1) * grid > place * cells
                };
                (0..features)
                    .map(|feature| {
                        let cells = (0..rows * columns).filter(|cell| {
                            inside(cell / columns, rows, region[0])
                                && inside(cell % columns, columns, region[1])
                        });
                        let at =
                            |cell| f64::from(values[(image * features + feature) * rows * columns + cell]);
                        let (count, sum) = cells.fold((0.0, 0.0), |(n, sum), cell| (n + 1.0, sum + at(cell)));
                        sum / count
                    })
                    .collect()
            };
            let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            let regions = (0..grid * grid).map(|region| [region / grid, region % grid]);
            let cosines = regions.map(|region| {
                let (a, b) = (mean(0, region), mean(1, region));
                dot(&a, &b) / (dot(&a, &a) * dot(&b, &b)).sqrt()
            });
            let expected = cosines.sum::<f64>() / (grid * grid) as f64;
            assert!((cosine - expected).abs() < 1e-5, "{grid}: {cosine} {expected}");
        }
    }

    #[test]
    fn grids_must_fit() {
        assert!(check_regions(2, 2).is_ok());
        for (grid, side) in [(0, 4), (3, 2)] {
            assert_eq!(check_regions(grid, side).unwrap_err().exit_code(), 2);
        }
    }
}
