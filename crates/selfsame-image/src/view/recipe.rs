//! Recipes: named sets of transformations with their parameters, one for each paper that defined one.

use selfsame_core::settings::unknown_name;
use selfsame_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::color::Jitter;
use super::resample::Interpolation;

/// Which part of the picture a view shows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Framing {
    /// A random box, resized to the view.
    Random {
        /// The share of the picture's area that the box covers, from and to.
        area: [f32; 2],
        /// The box's ratio of width to height, from and to.
        ratio: [f32; 2],
    },
    /// The whole picture, resized to a square.
    Whole,
    /// For evaluation: the whole picture for views up to 64 px; for larger ones the central square of 7/8 of the shorter
    /// side, which is torchvision's resize to 256 and crop of 224.
    Centre,
}

/// What is done to a picture to make a view of it, in this order.
///
/// Probabilities of pairs are those of the first, third … and of the second, fourth … view.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Which part of the picture is shown.
    pub framing: Framing,
    /// The filter that resizes it.
    pub interpolation: Interpolation,
    /// The probability that left and right are exchanged.
    pub flip: f32,
    /// Random brightness, contrast, saturation and hue, in a random order.
    pub jitter: Jitter,
    /// The probability that colours are taken away.
    pub grayscale: f32,
    /// The probabilities of a Gaussian blur whose kernel is 10 % of the side.
    pub blur: [f32; 2],
    /// The standard deviation of that blur in pixels of the view, from and to.
    pub blur_sigma: [f32; 2],
    /// The probabilities that values from 0.5 upwards are inverted.
    pub solarize: [f32; 2],
}

/// The aspect ratios of torchvision's `RandomResizedCrop`, which all the papers kept.
const RATIO: [f32; 2] = [3.0 / 4.0, 4.0 / 3.0];

const NO_JITTER: Jitter =
    Jitter { probability: 0.0, brightness: 0.0, contrast: 0.0, saturation: 0.0, hue: 0.0 };

/// SimCLR on ImageNet (Chen et al. 2020, arXiv 2002.05709, appendix A), colour strength 1.
pub const SIMCLR: Recipe = Recipe {
    framing: Framing::Random { area: [0.08, 1.0], ratio: RATIO },
    interpolation: Interpolation::Bilinear,
    flip: 0.5,
    jitter: Jitter { probability: 0.8, brightness: 0.8, contrast: 0.8, saturation: 0.8, hue: 0.2 },
    grayscale: 0.2,
    blur: [0.5, 0.5],
    blur_sigma: [0.1, 2.0],
    solarize: [0.0, 0.0],
};

/// SimCLR on CIFAR-10 (arXiv 2002.05709, appendix B.9): colour strength 0.5 and no blur.
pub const SIMCLR_CIFAR: Recipe = Recipe {
    jitter: Jitter { probability: 0.8, brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 },
    blur: [0.0, 0.0],
    ..SIMCLR
};

/// MoCo v2 (Chen et al. 2020, arXiv 2003.04297, and its code); also SimSiam's, DenseCL's and MoCHi's on ImageNet.
pub const MOCO_V2: Recipe = Recipe {
    framing: Framing::Random { area: [0.2, 1.0], ratio: RATIO },
    jitter: Jitter { probability: 0.8, brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 },
    ..SIMCLR
};

/// SimSiam on CIFAR-10 (Chen and He 2020, arXiv 2011.10566, appendix D): MoCo v2's without blur.
pub const SIMSIAM_CIFAR: Recipe = Recipe { blur: [0.0, 0.0], ..MOCO_V2 };

/// BYOL (Grill et al. 2020, arXiv 2006.07733, appendix B), whose two views are blurred and solarised differently.
pub const BYOL: Recipe = Recipe {
    interpolation: Interpolation::Bicubic,
    jitter: Jitter { probability: 0.8, brightness: 0.4, contrast: 0.4, saturation: 0.2, hue: 0.1 },
    blur: [1.0, 0.1],
    solarize: [0.0, 0.2],
    ..SIMCLR
};

/// SCRL (Roh et al. 2021, arXiv 2103.06122, and its code): BYOL's with larger crops.
pub const SCRL: Recipe = Recipe { framing: Framing::Random { area: [0.2, 1.0], ratio: RATIO }, ..BYOL };

/// W-MSE (Ermolov et al. 2021, arXiv 2007.06346, and its code).
pub const W_MSE: Recipe =
    Recipe { interpolation: Interpolation::Bicubic, grayscale: 0.1, blur: [0.0, 0.0], ..MOCO_V2 };

/// What representations are evaluated on: no randomness. For pictures of the usual 32 or 64 px, all of the picture.
pub const EVALUATION: Recipe = Recipe {
    framing: Framing::Centre,
    interpolation: Interpolation::Bilinear,
    flip: 0.0,
    jitter: NO_JITTER,
    grayscale: 0.0,
    blur: [0.0, 0.0],
    blur_sigma: [0.1, 2.0],
    solarize: [0.0, 0.0],
};

/// All recipes: name, what it is for, parameters.
pub const RECIPES: [(&str, &str, Recipe); 8] = [
    ("simclr", "SimCLR on ImageNet: strong colours, blur (2002.05709, A)", SIMCLR),
    ("simclr-cifar", "SimCLR on CIFAR: half the colour strength, no blur (2002.05709, B.9)", SIMCLR_CIFAR),
    ("moco-v2", "MoCo v2, SimSiam, DenseCL, MoCHi: crops from 20 % of the area (2003.04297)", MOCO_V2),
    ("simsiam-cifar", "SimSiam on CIFAR: MoCo v2's without blur (2011.10566, D)", SIMSIAM_CIFAR),
    ("byol", "BYOL: two different views, one solarised (2006.07733, B)", BYOL),
    ("scrl", "SCRL: BYOL's with crops from 20 % of the area (2103.06122, code)", SCRL),
    ("w-mse", "W-MSE: bicubic, less grey, no blur (2007.06346, code)", W_MSE),
    ("evaluation", "No randomness: the whole picture, or its centre above 64 px", EVALUATION),
];

/// The transformations that [`Recipe::without`] can switch off.
pub const TRANSFORMATIONS: [&str; 6] = ["crop", "flip", "jitter", "grayscale", "blur", "solarize"];

impl Recipe {
    /// The names of all recipes.
    pub fn names() -> [&'static str; RECIPES.len()] {
        RECIPES.map(|(name, _, _)| name)
    }

    /// The recipe of this name.
    ///
    /// # Errors
    /// [`Error::Config`] with the nearest name when there is none.
    pub fn by_name(name: &str) -> Result<Self> {
        match RECIPES.iter().find(|(known, _, _)| *known == name) {
            Some((_, _, recipe)) => Ok(*recipe),
            None => Err(unknown_name("recipe", name, &Self::names())),
        }
    }

    /// This recipe with some of its [`TRANSFORMATIONS`] switched off: for ablations. Without `crop`, the whole picture is
    /// resized to the view.
    ///
    /// # Errors
    /// [`Error::Config`] when a name is not the name of a transformation.
    pub fn without(mut self, names: &[impl AsRef<str>]) -> Result<Self> {
        for name in names {
            match name.as_ref() {
                "crop" => self.framing = Framing::Whole,
                "flip" => self.flip = 0.0,
                "jitter" => self.jitter = NO_JITTER,
                "grayscale" => self.grayscale = 0.0,
                "blur" => self.blur = [0.0; 2],
                "solarize" => self.solarize = [0.0; 2],
                other => return Err(unknown_name("transformation", other, &TRANSFORMATIONS)),
            }
        }
        Ok(self)
    }

    /// Checks that every parameter is in its range.
    ///
    /// # Errors
    /// [`Error::Config`] with the parameter, its value and its range.
    pub fn validate(&self) -> Result<()> {
        let probabilities = [
            ("flip", self.flip),
            ("jitter.probability", self.jitter.probability),
            ("grayscale", self.grayscale),
            ("blur", self.blur[0]),
            ("blur", self.blur[1]),
            ("solarize", self.solarize[0]),
            ("solarize", self.solarize[1]),
        ];
        for (name, value) in probabilities {
            check(name, value, 0.0, 1.0, "a probability")?;
        }
        let strengths = [
            ("jitter.brightness", self.jitter.brightness),
            ("jitter.contrast", self.jitter.contrast),
            ("jitter.saturation", self.jitter.saturation),
        ];
        for (name, value) in strengths {
            check(name, value, 0.0, f32::MAX, "a strength")?;
        }
        check("jitter.hue", self.jitter.hue, 0.0, 0.5, "a fraction of a turn")?;
        check_range("blur_sigma", self.blur_sigma, f32::MAX)?;
        if let Framing::Random { area, ratio } = self.framing {
            check_range("framing.random.area", area, 1.0)?;
            check_range("framing.random.ratio", ratio, f32::MAX)?;
        }
        Ok(())
    }
}

fn check(name: &str, value: f32, low: f32, high: f32, what: &str) -> Result<()> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    let help = if high == f32::MAX {
        format!("it is {what}: give a number from {low} upwards")
    } else {
        format!("it is {what}: give a number from {low} to {high}")
    };
    Err(Error::config(format!("the recipe's `{name}` is {value}"), help))
}

fn check_range(name: &str, [from, to]: [f32; 2], most: f32) -> Result<()> {
    if from > 0.0 && from <= to && to <= most {
        return Ok(());
    }
    let end = if most == f32::MAX { String::new() } else { format!(" and the second at most {most}") };
    Err(Error::config(
        format!("the recipe's `{name}` is [{from}, {to}]"),
        format!("it is a range: give two numbers above 0, the first not above the second{end}"),
    ))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_recipe_is_valid_and_found_by_its_name() {
        for (name, _, recipe) in RECIPES {
            recipe.validate().unwrap();
            assert_eq!(Recipe::by_name(name).unwrap(), recipe);
        }
        assert_eq!(Recipe::names()[1], "simclr-cifar");
    }

    #[test]
    fn a_misspelt_name_is_answered_with_the_nearest() {
        let error = Recipe::by_name("simclr-cifr").unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("did you mean `simclr-cifar`?"), "{error}");
        let error = Recipe::by_name("zzzzzzzzzz").unwrap_err().to_string();
        assert!(!error.contains("did you mean") && error.contains("w-mse"), "{error}");
        let error = SIMCLR.without(&["colour"]).unwrap_err();
        assert!(error.to_string().contains("transformation `colour`"), "{error}");
    }

    #[test]
    fn everything_can_be_switched_off() {
        let bare = BYOL.without(&TRANSFORMATIONS).unwrap();
        let whole = Recipe { framing: Framing::Whole, interpolation: BYOL.interpolation, ..EVALUATION };
        assert_eq!(bare, whole);
        let one = SIMCLR.without(&["jitter"]).unwrap();
        assert_eq!(Recipe { jitter: SIMCLR.jitter, ..one }, SIMCLR);
    }

    #[test]
    fn values_out_of_range_are_named() {
        let wrong = [
            (Recipe { flip: 1.5, ..SIMCLR }, "`flip` is 1.5"),
            (Recipe { blur: [0.5, f32::NAN], ..SIMCLR }, "`blur` is NaN"),
            (Recipe { jitter: Jitter { hue: 0.7, ..SIMCLR.jitter }, ..SIMCLR }, "`jitter.hue` is 0.7"),
            (Recipe { blur_sigma: [0.0, 1.0], ..SIMCLR }, "`blur_sigma` is [0, 1]"),
            (
                Recipe { framing: Framing::Random { area: [0.2, 1.1], ratio: RATIO }, ..SIMCLR },
                "`framing.random.area` is [0.2, 1.1]",
            ),
        ];
        for (recipe, message) in wrong {
            let error = recipe.validate().unwrap_err();
            assert!(error.to_string().contains(message), "{error}");
            assert_eq!(error.exit_code(), 2);
        }
    }

    #[test]
    fn recipes_survive_being_written() {
        for (_, _, recipe) in RECIPES {
            let text = serde_json::to_string(&recipe).unwrap();
            assert_eq!(serde_json::from_str::<Recipe>(&text).unwrap(), recipe);
        }
    }
}
