//! From a decoded picture to normalised views of it.

use selfsame_core::{Error, Random, Result};

use super::blur::{self, BlurScratch, blur};
use super::color;
use super::geometry::{Crop, Geometry};
use super::normalize::{IMAGENET_MEAN, IMAGENET_STD, denormalize, normalize};
use super::recipe::{Framing, Recipe};
use super::resample::{Interpolation, ResampleScratch, Source, resample};
use crate::picture::Picture;

/// Up to this side evaluation shows the whole picture, as is usual for CIFAR and Tiny ImageNet.
const WHOLE_UP_TO: usize = 64;

/// Makes the views of an instance.
///
/// The work has two halves: [`Pipeline::sample_geometry`] needs only the picture's size, which its header tells; then
/// [`required_scale`] says how small the picture may be decoded; [`Pipeline::render`] does the rest. Both are given the
/// random stream of (seed, epoch, instance) and derive that of the view and purpose, so a view does not depend on which
/// thread makes it, nor its crop on what else is switched on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pipeline {
    /// What is done to the picture.
    pub recipe: Recipe,
    /// The views' height and width in pixels.
    pub side: usize,
    /// How many views an instance has.
    pub views: usize,
    /// Subtracted from red, green and blue in 0..1.
    pub mean: [f32; 3],
    /// Divides red, green and blue thereafter.
    pub std: [f32; 3],
}

/// The buffers of [`Pipeline::render`]: one for each thread, reused for all its pictures.
#[derive(Debug, Default)]
pub struct Scratch {
    resample: ResampleScratch,
    blur: BlurScratch,
}

impl Pipeline {
    /// A pipeline that normalises by ImageNet's mean and deviation.
    ///
    /// # Errors
    /// [`Error::Config`] when the recipe has parameters out of range, or `side` or `views` is zero.
    pub fn new(recipe: Recipe, side: usize, views: usize) -> Result<Self> {
        recipe.validate()?;
        if side == 0 {
            return Err(Error::config(
                "the image size is 0",
                "give the side of the views in pixels, such as 32 or 224",
            ));
        }
        if views == 0 {
            return Err(Error::config("the number of views is 0", "give at least 1; most methods need 2"));
        }
        Ok(Self { recipe, side, views, mean: IMAGENET_MEAN, std: IMAGENET_STD })
    }

    /// The number of values of one view: 3 · side · side.
    pub fn view_len(&self) -> usize {
        3 * self.side * self.side
    }

    /// What a picture's shorter side is resized to, in pixels, before the central `side` × `side` are cut out of it: how
    /// other programs say what [`Framing::Centre`] shows. It is `side` where the whole picture is shown.
    pub fn resized_side(&self) -> usize {
        match self.recipe.framing {
            // 256 for 224; rounded down for other sides, as timm does.
            Framing::Centre if self.side > WHOLE_UP_TO => self.side * 8 / 7,
            _ => self.side,
        }
    }

    /// Chooses the crop and the mirroring of one view of a source of this size. `random` is the instance's stream.
    pub fn sample_geometry(
        &self,
        random: &Random,
        view: usize,
        source_width: usize,
        source_height: usize,
    ) -> Geometry {
        let random = random.at(view as u64);
        let crop = match self.recipe.framing {
            Framing::Random { area, ratio } => {
                Crop::random(&mut random.named("crop"), source_width, source_height, area, ratio)
            }
            Framing::Centre if self.side > WHOLE_UP_TO => {
                let share = self.side as f32 / self.resized_side() as f32;
                Crop::central_square(source_width, source_height, share)
            }
            Framing::Whole | Framing::Centre => Crop::whole(source_width, source_height),
        };
        let flipped = random.named("flip").chance(self.recipe.flip);
        Geometry { source_height, source_width, crop, flipped }
    }

    /// Makes the view with this geometry out of `picture`, which may be decoded smaller than the geometry's source.
    /// `random` is the instance's stream. The view is written to `out`, `[3, side, side]`, normalised.
    pub fn render<'a>(
        &self,
        random: &Random,
        view: usize,
        picture: impl Into<Source<'a, u8>>,
        geometry: &Geometry,
        scratch: &mut Scratch,
        out: &mut [f32],
    ) {
        let recipe = &self.recipe;
        let random = random.at(view as u64);
        let happens = |purpose: &str, probability: f32| random.named(purpose).chance(probability);
        let size = [self.side, self.side];
        let source: Source<'_, u8> = picture.into();
        let crop = geometry.crop_at(source.width, source.height);
        let filter = recipe.interpolation;
        resample(source, &crop, size, geometry.flipped, filter, 1.0 / 255.0, &mut scratch.resample, out);
        if filter == Interpolation::Bicubic {
            // Overshoots are cut off, as they are where resized pictures are stored in bytes.
            color::brightness(out, 1.0);
        }
        if happens("jitter", recipe.jitter.probability) {
            recipe.jitter.apply(out, &mut random.named("jitter factors"));
        }
        if happens("grayscale", recipe.grayscale) {
            color::grayscale(out);
        }
        if happens("blur", recipe.blur[view % 2]) {
            let sigma = random.named("blur sigma").range(recipe.blur_sigma[0], recipe.blur_sigma[1]);
            blur(out, size, blur::kernel_of(self.side), sigma, &mut scratch.blur);
        }
        if happens("solarize", recipe.solarize[view % 2]) {
            color::solarize(out, 0.5);
        }
        normalize(out, self.mean, self.std);
    }

    /// The picture that a view, `[3, side, side]`, shows: undoes the normalisation.
    pub fn to_picture(&self, view: &[f32]) -> Picture {
        let mut view = view.to_vec();
        denormalize(&mut view, self.mean, self.std);
        let plane = self.side * self.side;
        // The cast saturates.
        let byte = |x: f32| (x * 255.0).round() as u8;
        let pixels = (0..plane * 3).map(|i| byte(view[i % 3 * plane + i / 3])).collect();
        Picture { width: self.side, height: self.side, pixels }
    }
}

/// By how much (1, 2, 4 or 8) a picture's sides may be divided when it is decoded, so that every crop keeps at least
/// `side` pixels in both directions.
pub fn required_scale(geometries: &[Geometry], side: usize) -> usize {
    let smallest = geometries.iter().map(|g| g.crop.width.min(g.crop.height)).fold(f32::INFINITY, f32::min);
    [8, 4, 2].into_iter().find(|&scale| smallest >= (scale * side) as f32).unwrap_or(1)
}
