//! RCRL: Return-Based Contrastive Representation Learning for Reinforcement Learning.
//!
//! Guoqing Liu, Chuheng Zhang, Li Zhao, Tao Qin, Jinhua Zhu, Jian Li, Nenghai Yu, Tie-Yan Liu. ICLR 2021, arXiv 2102.10960.
//!
//! Two pairs of state and action whose returns are distributed alike may share a representation (Zᵖ-irrelevance, section 3). A discriminator w has to tell
//! whether the returns of two pairs differ: E[(w(φ(x₁, a₁), φ(x₂, a₂)) − y)²], over φ and w (section 3). In practice a trajectory is cut into
//! segments where rewards come: within one, all pairs have the same return to go (section 4). The positive of an anchor is another pair of its segment, the
//! negative a pair of another one.
//!
//! The paper leaves open how φ and w are built; ours: φ(x, a) = LayerNorm(Linear([encoder(x); a])), partners through a momentum copy, w a perceptron on
//! [φ₁; φ₂; |φ₁ − φ₂|]. With `objective = "infonce"` a bilinear score and the batch as negatives take w's place, rows of one segment being masked.

mod head;

use burn::module::Module;
use burn::tensor::activation::sigmoid;
use head::{Bilinear, Head, Pair, Score, discriminate};
use selfsame_core::Result;
use selfsame_core::loss::{bilinear_info_nce, return_contrast};
use selfsame_core::momentum_encoder::MomentumEncoder;
use selfsame_core::nn::{Parameters, gather_rows};
use selfsame_core::pretrain::About;
use selfsame_core::settings::Auto;
use selfsame_core::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::auxiliary::{Auxiliary, AuxiliaryBuild, Seen, TellsPairs};
use super::{Entry, settings, that_suits};
use crate::data::{Action, Actions};
use crate::model::action_features;

/// RCRL in the table of methods: on Rainbow for discrete, on SAC for continuous actions.
pub const ENTRY: Entry = Entry {
    about: About {
        name: "rcrl",
        title: "RCRL",
        paper: "Liu, Zhang, Zhao, Qin, Zhu, Li, Yu, Liu. ICLR 2021, arXiv 2102.10960",
        summary: "Rainbow or SAC whose encoder also tells pairs of state and action with different returns apart",
        small: "[method]\nauxiliary = \"rcrl\"",
        paper_settings: settings::PAPER,
    },
    build: that_suits,
};

/// By what pairs are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Objective {
    /// The squared error of a discriminator of two pairs.
    Discriminator,
    /// The positive among those of the batch.
    InfoNce,
}

/// RCRL's settings, section `[method.rcrl]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RcrlConfig {
    /// What the loss counts beside the agent's.
    pub weight: f64,
    /// `discriminator` or `infonce`.
    pub objective: Objective,
    /// Numbers of φ(x, a); `auto`: 128 with Rainbow, 50 with SAC.
    pub dimension: Auto<usize>,
    /// Hidden units of w.
    pub hidden: usize,
    /// A segment ends when it has gathered more reward than this; 0: with every reward that is not 0. `auto`: 0 for discrete actions; for continuous ones a tenth
    /// of the reward of the episodes in the replay.
    pub segment_reward: Auto<f64>,
}

/// The objective.
struct Rcrl {
    head: Head,
    key_pair: MomentumEncoder<Pair>,
    config: RcrlConfig,
    actions: Actions,
}

/// RCRL as an auxiliary objective.
///
/// # Errors
/// Settings that cannot be used.
pub(super) fn auxiliary(from: &AuxiliaryBuild<'_>) -> Result<Box<dyn Auxiliary>> {
    let config: RcrlConfig = settings::nested(from.settings, "rcrl")?;
    settings::check_weight(from.settings, "method.rcrl.weight", config.weight)?;
    settings::check_size(from.settings, "method.rcrl.hidden", config.hidden)?;
    if let Auto::Value(reward) = config.segment_reward {
        settings::check_weight(from.settings, "method.rcrl.segment_reward", reward)?;
    }
    let (dimension, actions) = match from.actions {
        Actions::Discrete(count) => (128, count),
        Actions::Continuous(count) => (50, count),
    };
    let dimension = config.dimension.or(dimension);
    settings::check_size(from.settings, "method.rcrl.dimension", dimension)?;
    let sizes = [from.features, actions, dimension, config.hidden];
    let head = Head::new(sizes, config.objective, &from.random.named("rcrl"), &from.device)?;
    let key_pair = MomentumEncoder::new(&head.pair);
    Ok(Box::new(Rcrl { head, key_pair, config, actions: from.actions }))
}

impl Rcrl {
    /// φ of partners, through the momentum copies.
    fn partners(&self, seen: &Seen<'_>, indices: &[usize], name: &str) -> Result<Tensor<2>> {
        let (observations, actions) = seen.replay.observations(indices);
        let features = seen.keys(&observations, seen.sight.learning, name)?;
        let actions = action_features(&actions, self.actions, &features.device());
        Ok(self.key_pair.module().forward(features, actions))
    }
}

fn of_rows<T: Copy>(all: &[T], rows: &[usize]) -> Vec<T> {
    rows.iter().map(|&row| all[row]).collect()
}

impl Auxiliary for Rcrl {
    fn name(&self) -> &'static str {
        "rcrl"
    }

    fn weight(&self) -> f64 {
        self.config.weight
    }

    fn loss(&self, seen: &Seen<'_>) -> Result<Option<Tensor<1>>> {
        let batch = seen.batch;
        let pairs = seen.replay.pairs(&batch.indices, &seen.random.named("pairs"));
        // As long as all returns are alike there is nothing to tell.
        let Some(negative) = pairs.negative else { return Ok(None) };
        // Who is alone in its segment has no positive: it would only learn that it is itself.
        let rows: Vec<usize> =
            (0..batch.indices.len()).filter(|&row| pairs.positive[row] != batch.indices[row]).collect();
        if rows.is_empty() {
            return Ok(None);
        }
        let [positive, negative] = [pairs.positive, negative].map(|partners| of_rows(&partners, &rows));
        let features = seen.features.clone();
        let actions = action_features(&batch.actions, self.actions, &features.device());
        let anchors = self.head.pair.forward(features, actions);
        let anchors = match rows.len() == batch.indices.len() {
            true => anchors,
            false => gather_rows(anchors, &rows.iter().map(|&row| row as u32).collect::<Vec<_>>()),
        };
        match &self.head.score {
            Score::Discriminator(discriminator) => {
                let rows = rows.len();
                let both = [positive, negative].concat();
                let partners = Tensor::from_inner(self.partners(seen, &both, "partners")?);
                let anchors = Tensor::cat(vec![anchors.clone(), anchors], 0);
                let scores = discriminate(discriminator, anchors, partners);
                let [agree, differ] = [0, rows].map(|start| scores.clone().narrow(0, start, rows));
                Ok(Some(return_contrast(agree, differ)))
            }
            Score::Bilinear(Bilinear { weight }) => {
                let partners = self.partners(seen, &positive, "partners")?;
                let segments = of_rows(&batch.segments, &rows);
                let contrast = bilinear_info_nce(anchors, weight.val(), partners, 1.0, Some(&segments));
                Ok(Some(contrast.loss))
            }
        }
    }

    fn head(&mut self) -> &mut dyn Parameters {
        &mut self.head
    }

    fn follow(&mut self, momentum: f64) {
        self.key_pair.follow(&self.head.pair, momentum);
    }

    fn state(&mut self) -> Vec<(&'static str, &mut dyn Parameters)> {
        vec![("rcrl", &mut self.head), ("rcrl_key", self.key_pair.module_mut())]
    }

    fn pairs(&self) -> Option<&dyn TellsPairs> {
        Some(self)
    }
}

impl TellsPairs for Rcrl {
    fn segment_reward(&self) -> Option<f64> {
        match (self.config.segment_reward, self.actions) {
            (Auto::Value(reward), _) => Some(reward),
            (Auto::Auto, Actions::Discrete(_)) => Some(0.0),
            (Auto::Auto, Actions::Continuous(_)) => None,
        }
    }

    fn represent(&self, features: Tensor<2>, actions: &[Action]) -> Tensor<2> {
        let actions = action_features(actions, self.actions, &features.device());
        self.head.pair.valid().forward(features, actions)
    }

    fn difference(&self, first: Tensor<2>, second: Tensor<2>) -> Tensor<1> {
        match &self.head.score {
            Score::Discriminator(discriminator) => {
                discriminate(&discriminator.valid(), first, second).clamp(0.0, 1.0)
            }
            Score::Bilinear(Bilinear { weight }) => {
                let score = (first.matmul(weight.val().inner()) * second).sum_dim(1);
                let rows = score.dims()[0];
                sigmoid(score.reshape([rows]) * -1.0)
            }
        }
    }
}
