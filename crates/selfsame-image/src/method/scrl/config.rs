//! SCRL's settings, and which of them cannot be trained.

use selfsame_core::settings::Auto;
use selfsame_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::model::Stem;

/// SCRL's settings, section `[method]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScrlConfig {
    /// `scrl`.
    pub name: String,
    /// What the target keeps of itself in the first step; it rises to 1 until the last.
    pub momentum: f64,
    /// Hidden features of the projector; by default four times the map's channels.
    pub projector_hidden: Auto<usize>,
    /// Features that are foreseen.
    pub projector_dimension: usize,
    /// Hidden features of the predictor; by default the projector's.
    pub predictor_hidden: Auto<usize>,
    /// K: boxes of an instance.
    pub boxes: usize,
    /// The least side of a box in pixels of the views; by default 32 for views of 224 pixels, and in proportion for others.
    pub min_size: Auto<usize>,
    /// By what share of its side every edge of a box is moved at random in each view, 0 to 0.25; off in the paper.
    pub box_jitter: f64,
    /// After which stage of the backbone boxes are read, 1 to 4. Stages after it learn nothing.
    pub stage: usize,
}

/// The paper's 32 of 224 pixels, in proportion.
pub(super) fn default_min_size(side: usize) -> usize {
    ((32 * side + 112) / 224).max(1)
}

/// Refuses what cannot be trained on views of `side` pixels.
pub(super) fn check(config: &ScrlConfig, stem: Stem, side: Option<usize>) -> Result<()> {
    let refuse = |what: String, help: &str| Err(Error::config(what, help));
    let stage = config.stage;
    if !(1..=4).contains(&stage) {
        return refuse(
            format!("method.stage is {stage}"),
            "the backbone has the stages 1 to 4; the last is usual",
        );
    }
    if config.boxes == 0 {
        return refuse("method.boxes is 0".into(), "give at least 1 box an instance; the paper has 10");
    }
    if !(0.0..=0.25).contains(&config.box_jitter) {
        return refuse(
            format!("method.box_jitter is {}, which is not in 0 to 0.25", config.box_jitter),
            "0 leaves boxes where they are, 0.1 moves their edges by up to a tenth of the side",
        );
    }
    let cells = |stage: usize, side: usize| side.div_ceil(stem.stage_reduction(stage));
    if let Some(side) = side.filter(|&side| cells(stage, side) < 2) {
        let mut help = format!(
            "choose larger images: --image-size {}, better twice that",
            2 * stem.stage_reduction(stage)
        );
        if cells(4, side) == 1 && Stem::Cifar.reduction() < side {
            help += "; or the stem for small ones: backbone.stem = \"cifar\"";
        }
        if let Some(before) = (1..stage).rev().find(|&stage| cells(stage, side) > 1) {
            let cells = cells(before, side);
            help += &format!(
                "; or method.stage = {before}, whose map has {cells}×{cells} cells: later stages then learn nothing"
            );
        }
        let what = format!(
            "after stage {stage}, the map of an image of {side}×{side} pixels is a single cell, where boxes cannot differ"
        );
        return Err(Error::config(what, help));
    }
    match config.min_size {
        Auto::Value(0) => refuse(
            "method.min_size is 0".into(),
            "the sides of boxes are at least a pixel long; 1/7 of the image is usual",
        ),
        Auto::Value(size) if side.is_some_and(|side| size > side) => refuse(
            format!("method.min_size is {size}, more than the views' side"),
            "1/7 of the side is usual: \"auto\"",
        ),
        _ => Ok(()),
    }
}
