//! CURL: Contrastive Unsupervised Representations for Reinforcement Learning.
//!
//! Aravind Srinivas, Michael Laskin, Pieter Abbeel. ICML 2020, arXiv 2004.04136.
//!
//! Two random crops of one observation, a stack of frames, are query and key (section 4.3). The query goes through the agent's encoder, the key through its
//! momentum average (section 4.5). With a bilinear score qᵀ W k, the query has to find its key among those of the batch (section 4.4). The
//! batch is the one that the agent learns from (section 4.2).

use burn::module::{Module, Param};
use burn::tensor::activation::relu;
use selfsame_core::loss::bilinear_info_nce;
use selfsame_core::momentum_encoder::MomentumEncoder;
use selfsame_core::nn::{LayerNorm, Linear, LinearConfig, Parameters};
use selfsame_core::pretrain::About;
use selfsame_core::settings::Auto;
use selfsame_core::tensor::{Device, Tensor};
use selfsame_core::{Random, Result};
use serde::{Deserialize, Serialize};

use super::auxiliary::{Auxiliary, AuxiliaryBuild, Seen};
use super::{Entry, settings, that_suits};
use crate::data::Actions;

/// CURL in the table of methods: on Rainbow for discrete, on SAC for continuous actions.
pub const ENTRY: Entry = Entry {
    about: About {
        name: "curl",
        title: "CURL",
        paper: "Srinivas, Laskin, Abbeel. ICML 2020, arXiv 2004.04136",
        summary: "Rainbow or SAC whose encoder also tells two crops of an observation from those of others",
        small: "[method]\nauxiliary = \"curl\"",
        paper_settings: settings::PAPER,
    },
    build: that_suits,
};

/// CURL's settings, section `[method.curl]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CurlConfig {
    /// What the loss counts beside the agent's; `auto`: 0.01 for Pong, Boxing, Private Eye and Freeway, as in the authors' code, and 1.
    pub weight: f64,
    /// Whether a perceptron stands between encoder and score; `auto`: with Rainbow, whose features are maps, not with SAC.
    pub head: Auto<bool>,
    /// Its hidden units.
    pub hidden: usize,
    /// Its outputs.
    pub dimension: usize,
    /// Scores are multiplied by this; `auto`: 0.1 with Rainbow, 1 with SAC (the authors' code).
    pub scale: Auto<f64>,
}

/// What is trained beside the encoder: a head, where there is one, and W.
#[derive(Module, Debug)]
struct Head {
    projector: Option<Projector>,
    /// W, `[dimension, dimension]`.
    weight: Param<Tensor<2>>,
}

/// Linear, layer normalisation, ReLU, linear, layer normalisation (the authors' code on Atari).
#[derive(Module, Debug)]
struct Projector {
    hidden: Linear,
    hidden_norm: LayerNorm,
    output: Linear,
    output_norm: LayerNorm,
}

impl Projector {
    fn new([features, hidden, dimension]: [usize; 3], random: &Random, device: &Device) -> Self {
        let layer =
            |input, output, name: &str| LinearConfig::new(input, output).init(&random.named(name), device);
        Self {
            hidden: layer(features, hidden, "hidden"),
            hidden_norm: LayerNorm::new(hidden, device),
            output: layer(hidden, dimension, "output"),
            output_norm: LayerNorm::new(dimension, device),
        }
    }

    fn forward(&self, features: Tensor<2>) -> Tensor<2> {
        let hidden = relu(self.hidden_norm.forward(self.hidden.forward(features)));
        self.output_norm.forward(self.output.forward(hidden))
    }
}

/// What is compared: the features, through the projector where there is one.
fn project(projector: Option<&Projector>, features: Tensor<2>) -> Tensor<2> {
    match projector {
        Some(projector) => projector.forward(features),
        None => features,
    }
}

/// The objective.
struct Curl {
    head: Head,
    key: Option<MomentumEncoder<Projector>>,
    weight: f64,
    scale: f64,
}

/// CURL as an auxiliary objective.
///
/// # Errors
/// Settings that cannot be used.
pub(super) fn auxiliary(from: &AuxiliaryBuild<'_>) -> Result<Box<dyn Auxiliary>> {
    let config: CurlConfig = settings::nested(from.settings, "curl")?;
    let is_discrete = matches!(from.actions, Actions::Discrete(_));
    settings::check_weight(from.settings, "method.curl.weight", config.weight)?;
    settings::check_size(from.settings, "method.curl.dimension", config.dimension)?;
    settings::check_size(from.settings, "method.curl.hidden", config.hidden)?;
    let with_head = config.head.or(is_discrete);
    let dimension = if with_head { config.dimension } else { from.features };
    let sizes = [from.features, config.hidden, dimension];
    let random = from.random.named("curl");
    let mut uniform = random.named("weight");
    let weight: Vec<f32> = (0..dimension * dimension).map(|_| uniform.unit()).collect();
    let weight = Tensor::<1>::from_floats(weight.as_slice(), &from.device).reshape([dimension, dimension]);
    let head = Head {
        projector: with_head.then(|| Projector::new(sizes, &random, &from.device)),
        weight: Param::from_tensor(weight),
    };
    let key = head.projector.as_ref().map(MomentumEncoder::new);
    let scale = config.scale.or(if is_discrete { 0.1 } else { 1.0 });
    Ok(Box::new(Curl { head, key, weight: config.weight, scale }))
}

impl Auxiliary for Curl {
    fn name(&self) -> &'static str {
        "curl"
    }

    fn weight(&self) -> f64 {
        self.weight
    }

    fn loss(&self, seen: &Seen<'_>) -> Result<Option<Tensor<1>>> {
        let queries = project(self.head.projector.as_ref(), seen.queries()?);
        let keys = seen.keys(&seen.batch.observations, seen.sight.contrast, "key")?;
        let keys = project(self.key.as_ref().map(MomentumEncoder::module), keys);
        Ok(Some(bilinear_info_nce(queries, self.head.weight.val(), keys, self.scale, None).loss))
    }

    fn head(&mut self) -> &mut dyn Parameters {
        &mut self.head
    }

    fn follow(&mut self, momentum: f64) {
        if let (Some(key), Some(projector)) = (&mut self.key, &self.head.projector) {
            key.follow(projector, momentum);
        }
    }

    fn state(&mut self) -> Vec<(&'static str, &mut dyn Parameters)> {
        let key =
            self.key.as_mut().map(|key| ("curl_key.projector", key.module_mut() as &mut dyn Parameters));
        [("curl", &mut self.head as &mut dyn Parameters)].into_iter().chain(key).collect()
    }
}
