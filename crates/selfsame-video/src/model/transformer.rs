//! A Transformer encoder and decoder (Vaswani et al. 2017, arXiv 1706.03762) whose decoder asks for learned positions, all at once, as that of DETR
//! (Carion et al. 2020, arXiv 2005.12872).
//!
//! Not Burn's, because weights and dropout here are addressed randomness: a run is resumed exactly, whatever the number of ranks.

use burn::module::{Module, Param};
use burn::nn::{LayerNorm, LayerNormConfig};
use burn::tensor::activation::{relu, softmax};
use burn::tensor::{Device, Tensor, TensorData};
use selfsame_core::nn::{Linear, Noise, dropout};
use selfsame_core::{Error, Random, Result};

/// Configuration of a [`Transformer`], with the defaults of CMD (Huang et al. 2021, the authors' code).
#[derive(Clone, Debug)]
pub struct TransformerConfig {
    /// Features of a position; 512.
    pub features: usize,
    /// Heads of every attention; 8.
    pub heads: usize,
    /// Layers of the encoder; 2.
    pub encoder_layers: usize,
    /// Layers of the decoder; 4.
    pub decoder_layers: usize,
    /// Share of the values that vanish in training; 0.1.
    pub dropout: f32,
}

impl Default for TransformerConfig {
    fn default() -> Self {
        Self { features: 512, heads: 8, encoder_layers: 2, decoder_layers: 4, dropout: 0.1 }
    }
}

impl TransformerConfig {
    /// With weights drawn at this address: those of attention's inputs uniform after Glorot and Bengio, the others normal with deviation 0.01; no biases.
    ///
    /// # Errors
    /// When the heads cannot share the features equally, or dropout is not a number from 0 to below 1.
    pub fn init(&self, random: &Random, device: &Device) -> Result<Transformer> {
        if self.features == 0 || self.heads == 0 || !self.features.is_multiple_of(self.heads) {
            let what = format!("{} features cannot be shared by {} heads", self.features, self.heads);
            return Err(Error::config(what, "choose a number of features that is a multiple of the heads"));
        }
        if !(0.0..1.0).contains(&self.dropout) {
            let what = format!("a dropout of {} is no share of values", self.dropout);
            return Err(Error::config(what, "choose a dropout from 0 to below 1; 0.1 is the usual one"));
        }
        let build = Build { config: self, device };
        let layers = |name: &str, count| {
            let random = random.named(name);
            (0..count as u64).map(move |layer| random.at(layer))
        };
        Ok(Transformer {
            encoder: layers("encoder", self.encoder_layers).map(|random| build.encoder(&random)).collect(),
            decoder: layers("decoder", self.decoder_layers).map(|random| build.decoder(&random)).collect(),
        })
    }
}

struct Build<'a> {
    config: &'a TransformerConfig,
    device: &'a Device,
}

impl Build<'_> {
    fn linear(&self, random: &Random, mut draw: impl FnMut(&mut Random) -> f32) -> Linear {
        let features = self.config.features;
        let mut random = random.clone();
        let weight: Vec<f32> = (0..features * features).map(|_| draw(&mut random)).collect();
        Linear {
            weight: Param::from_tensor(Tensor::from_data(
                TensorData::new(weight, [features, features]),
                self.device,
            )),
            bias: Some(Param::from_tensor(Tensor::zeros([features], self.device))),
        }
    }

    fn normal(&self, random: &Random) -> Linear {
        self.linear(random, |random| 0.01 * random.normal())
    }

    /// The three inputs are one matrix in the authors' code, hence the bound.
    fn attention(&self, random: &Random) -> Attention {
        let bound = (6.0 / (4 * self.config.features) as f32).sqrt();
        let input = |name| self.linear(&random.named(name), |random| random.range(-bound, bound));
        Attention {
            query: input("query"),
            key: input("key"),
            value: input("value"),
            output: self.normal(&random.named("output")),
            heads: self.config.heads,
            dropout: self.config.dropout,
        }
    }

    fn feed_forward(&self, random: &Random) -> FeedForward {
        FeedForward {
            inner: self.normal(&random.named("inner")),
            outer: self.normal(&random.named("outer")),
            dropout: self.config.dropout,
        }
    }

    fn norm(&self) -> LayerNorm {
        LayerNormConfig::new(self.config.features).init(self.device)
    }

    fn encoder(&self, random: &Random) -> EncoderLayer {
        EncoderLayer {
            attention: self.attention(&random.named("attention")),
            norm1: self.norm(),
            feed_forward: self.feed_forward(random),
            norm2: self.norm(),
            dropout: self.config.dropout,
        }
    }

    fn decoder(&self, random: &Random) -> DecoderLayer {
        DecoderLayer {
            own: self.attention(&random.named("own")),
            norm1: self.norm(),
            attention: self.attention(&random.named("attention")),
            norm2: self.norm(),
            feed_forward: self.feed_forward(random),
            norm3: self.norm(),
            dropout: self.config.dropout,
        }
    }
}

/// An encoder over what is known and a decoder over what is asked for.
#[derive(Module, Debug)]
pub struct Transformer {
    encoder: Vec<EncoderLayer>,
    decoder: Vec<DecoderLayer>,
}

impl Transformer {
    /// From `memory` `[batch, known, features]`, whose `positions` are `[known, features]`, to what lies at the places that `queries`
    /// `[asked, features]` ask for: `[batch, asked, features]`. Training passes have `noise`.
    pub fn forward(
        &self,
        memory: Tensor<3>,
        positions: Tensor<2>,
        queries: Tensor<2>,
        noise: Option<&Noise>,
    ) -> Tensor<3> {
        let [batch, _, features] = memory.dims();
        let [asked, _] = queries.dims();
        let (positions, queries) = (positions.unsqueeze(), queries.unsqueeze());
        let part = |name: &str, layer: usize| noise.map(|noise| noise.named(name).at(layer));
        let mut memory = memory;
        for (at, layer) in self.encoder.iter().enumerate() {
            memory = layer.forward(memory, &positions, part("encoder", at).as_ref());
        }
        let mut x = Tensor::zeros([batch, asked, features], &memory.device());
        for (at, layer) in self.decoder.iter().enumerate() {
            x = layer.forward(x, &memory, &positions, &queries, part("decoder", at).as_ref());
        }
        x
    }
}

/// Attention of several heads.
#[derive(Module, Debug)]
struct Attention {
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    heads: usize,
    dropout: f32,
}

impl Attention {
    /// `query` `[batch, asked, features]`, `key` and `value` `[batch, known, features]`, to `[batch, asked, features]`.
    fn forward(
        &self,
        query: Tensor<3>,
        key: Tensor<3>,
        value: Tensor<3>,
        noise: Option<&Noise>,
    ) -> Tensor<3> {
        let [batch, asked, features] = query.dims();
        let head = features / self.heads;
        let split = |x: Tensor<3>| {
            let [_, places, _] = x.dims();
            x.reshape([batch, places, self.heads, head]).swap_dims(1, 2)
        };
        let query = split(self.query.forward(query)) / (head as f64).sqrt();
        let scores = query.matmul(split(self.key.forward(key)).swap_dims(2, 3));
        let weights = dropout(softmax(scores, 3), self.dropout, noise);
        let context = weights.matmul(split(self.value.forward(value)));
        self.output.forward(context.swap_dims(1, 2).reshape([batch, asked, features]))
    }
}

/// Two linear layers with a ReLU between.
#[derive(Module, Debug)]
struct FeedForward {
    inner: Linear,
    outer: Linear,
    dropout: f32,
}

impl FeedForward {
    fn forward(&self, x: Tensor<3>, noise: Option<&Noise>) -> Tensor<3> {
        self.outer.forward(dropout(relu(self.inner.forward(x)), self.dropout, noise))
    }
}

#[derive(Module, Debug)]
struct EncoderLayer {
    attention: Attention,
    norm1: LayerNorm,
    feed_forward: FeedForward,
    norm2: LayerNorm,
    dropout: f32,
}

impl EncoderLayer {
    fn forward(&self, x: Tensor<3>, positions: &Tensor<3>, noise: Option<&Noise>) -> Tensor<3> {
        let parts = Parts { noise, dropout: self.dropout };
        let placed = x.clone() + positions.clone();
        let attended =
            self.attention.forward(placed.clone(), placed, x.clone(), parts.of("attention").as_ref());
        let x = self.norm1.forward(x + parts.dropout("attended", attended));
        let fed = self.feed_forward.forward(x.clone(), parts.of("feed_forward").as_ref());
        self.norm2.forward(x + parts.dropout("fed", fed))
    }
}

#[derive(Module, Debug)]
struct DecoderLayer {
    /// Among what is asked for.
    own: Attention,
    norm1: LayerNorm,
    /// From what is asked for to what is known.
    attention: Attention,
    norm2: LayerNorm,
    feed_forward: FeedForward,
    norm3: LayerNorm,
    dropout: f32,
}

impl DecoderLayer {
    fn forward(
        &self,
        x: Tensor<3>,
        memory: &Tensor<3>,
        positions: &Tensor<3>,
        queries: &Tensor<3>,
        noise: Option<&Noise>,
    ) -> Tensor<3> {
        let parts = Parts { noise, dropout: self.dropout };
        let placed = x.clone() + queries.clone();
        let own = self.own.forward(placed.clone(), placed, x.clone(), parts.of("own").as_ref());
        let x = self.norm1.forward(x + parts.dropout("own_attended", own));
        let attended = self.attention.forward(
            x.clone() + queries.clone(),
            memory.clone() + positions.clone(),
            memory.clone(),
            parts.of("attention").as_ref(),
        );
        let x = self.norm2.forward(x + parts.dropout("attended", attended));
        let fed = self.feed_forward.forward(x.clone(), parts.of("feed_forward").as_ref());
        self.norm3.forward(x + parts.dropout("fed", fed))
    }
}

/// The noise of a layer's parts.
struct Parts<'a> {
    noise: Option<&'a Noise>,
    dropout: f32,
}

impl Parts<'_> {
    fn of(&self, part: &str) -> Option<Noise> {
        self.noise.map(|noise| noise.named(part))
    }

    fn dropout(&self, part: &str, x: Tensor<3>) -> Tensor<3> {
        dropout(x, self.dropout, self.of(part).as_ref())
    }
}

#[cfg(test)]
mod tests;
