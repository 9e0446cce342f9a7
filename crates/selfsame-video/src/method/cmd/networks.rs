//! What CMD trains: its networks, and the heads on which they are compared.

use burn::module::Module;
use burn::tensor::Tensor;
use selfsame_core::collective::{Collective, gather_with_gradient};
use selfsame_core::head::{Mlp, MlpConfig};
use selfsame_core::loss::{Contrast, cmd_context, cmd_motion};
use selfsame_core::method::Step;
use selfsame_core::nn::{Mode, Noise, mean_pool3d};
use selfsame_core::{Error, Result};

use super::CmdConfig;
use crate::method::Build;
use crate::model::{ContextMotion, ContextMotionConfig, TransformerConfig};
use crate::settings::ViewSettings;
use crate::view::ClipViews;

/// What is trained. The backbone V is kept; the tasks are for its sake.
#[derive(Module, Debug)]
pub struct Networks {
    /// V, M, I and the Transformer. What a task that is left out needs is not trained.
    pub encoders: ContextMotion,
    context: Option<Heads>,
    motion: Option<Heads>,
}

/// The heads of a task, on what is asked with and on what is to be found.
#[derive(Module, Debug)]
struct Heads {
    query: Mlp,
    key: Mlp,
}

/// A loss and its named terms, of the whole batch over all ranks.
type Losses = (Tensor<1>, Vec<(&'static str, Tensor<1>)>);

impl Networks {
    /// With the sizes of the settings' sections `[view]` and `[backbone]`.
    ///
    /// # Errors
    /// No task, layers without features, heads that cannot share the features, initial weights that cannot be read or do not fit.
    pub fn new(config: &CmdConfig, from: &Build<'_>) -> Result<Self> {
        config.arrangement()?;
        let view: ViewSettings = from.settings.section("view")?;
        let features = from.backbone.features();
        let sizes = ContextMotionConfig {
            backbone: from.backbone.clone(),
            frames: view.frames,
            motion_frames: config.motion_frames,
            side: view.image_size,
            transformer: TransformerConfig {
                features: config.features.or(features.next_multiple_of(config.heads.max(1))),
                heads: config.heads,
                encoder_layers: config.encoder_layers,
                decoder_layers: config.decoder_layers,
                dropout: config.dropout,
            },
        };
        let mut encoders = sizes.init(&from.random, &from.device)?;
        from.load_initial(&mut encoders.backbone)?;
        let heads = |name: &str, query, key| -> Result<Heads> {
            let random = from.random.named(name);
            // Linear–BN–ReLU–Linear–BN (section 3.3).
            let head = |name, input| {
                MlpConfig::new(input, &[config.head_hidden.or(4 * input)], config.head_dimension)
                    .with_output_norm()
                    .init(&random.named(name), &from.device)
            };
            Ok(Heads { query: head("query", query)?, key: head("key", key)? })
        };
        let on_context = || heads("context heads", features, sizes.context_features());
        let on_motion = || heads("motion heads", sizes.transformer.features, sizes.motion_features());
        Ok(Self {
            context: config.context.then(on_context).transpose()?,
            motion: config.motion.then(on_motion).transpose()?,
            encoders,
        })
    }

    /// Both tasks on a [clip's map](ContextMotion::clip_map). A training for something else that adds this to its loss has them as auxiliary tasks
    /// (section 4.4).
    ///
    /// # Errors
    /// When other ranks cannot be reached, or the views lack what the tasks need.
    pub fn tasks(
        &self,
        map: Tensor<5>,
        views: &ClipViews,
        temperature: f64,
        noise: &Noise,
        step: &Step,
    ) -> Result<Losses> {
        let (mut losses, mut terms) = (Vec::new(), Vec::new());
        let mut add = |[term, accuracy]: [&'static str; 2], contrast: Contrast| {
            losses.push(contrast.loss.clone());
            terms.extend([(term, contrast.loss), (accuracy, contrast.accuracy)]);
        };
        if let Some(heads) = &self.context {
            let [clips, key_frames] = self.compare(heads, map.clone(), views, step)?;
            add(["context", "context_accuracy"], cmd_context(clips, key_frames, temperature));
        }
        if let Some(heads) = &self.motion {
            let (predicted, motion) = self.foresee(heads, map, views, noise, step)?;
            add(["motion", "motion_accuracy"], cmd_motion(predicted, motion, temperature));
        }
        Ok((Tensor::cat(losses, 0).sum(), terms))
    }

    /// The clips and the key frames of all ranks, `[batch, dimension]` each (section 3.2).
    fn compare(
        &self,
        heads: &Heads,
        map: Tensor<5>,
        views: &ClipViews,
        step: &Step,
    ) -> Result<[Tensor<2>; 2]> {
        if views.key_frames.is_empty() {
            return Err(Error::Internal("the views have no key frames".into()));
        }
        let (mode, collective) = (step.mode(), &*step.collective);
        let clips = heads.query.forward(mean_pool3d(map), &mode);
        let key_frames = self.encoders.context(views.key_frame_tensor(&clips.device()), &mode);
        let key_frames = heads.key.forward(key_frames, &mode);
        Ok([gather_with_gradient(clips, collective)?, gather_with_gradient(key_frames, collective)?])
    }

    /// What is foreseen, `[batch, places, dimension]`, and all motion windows, `[batch, windows, places, dimension]`, of all ranks (section 3.3).
    fn foresee(
        &self,
        heads: &Heads,
        map: Tensor<5>,
        views: &ClipViews,
        noise: &Noise,
        step: &Step,
    ) -> Result<(Tensor<3>, Tensor<4>)> {
        let (mode, collective) = (step.mode(), &*step.collective);
        let (batch, device) = (views.instances.len(), map.device());
        if views.motion.is_empty() {
            return Err(Error::Internal("the views have no motion windows".into()));
        }
        let predicted = self.encoders.predicted_motion(map, Some(noise));
        let predicted = by_place(&heads.query, predicted, &mode);
        let motion = by_place(&heads.key, self.encoders.motion(views.motion_tensor(&device), &mode), &mode);
        let [windows, places, dimension] = motion.dims();
        let of_video = windows / batch.max(1);
        let predicted = gather_places(predicted, collective)?;
        let motion = gather_places(motion.reshape([batch, of_video * places, dimension]), collective)?;
        let all = predicted.dims()[0];
        Ok((predicted, motion.reshape([all, of_video, places, dimension])))
    }

    /// A [clip's map](ContextMotion::clip_map) as context matching compares it; its mean without it.
    pub(super) fn project(&self, map: Tensor<5>) -> Tensor<2> {
        let clips = mean_pool3d(map);
        match &self.context {
            Some(heads) => heads.query.forward(clips, &Mode::Evaluate),
            None => clips,
        }
    }
}

/// A head on every place.
fn by_place(head: &Mlp, input: Tensor<3>, mode: &Mode) -> Tensor<3> {
    let [batch, places, features] = input.dims();
    let output = head.forward(input.reshape([batch * places, features]), mode);
    let dimension = output.dims()[1];
    output.reshape([batch, places, dimension])
}

/// The instances of all ranks.
fn gather_places(own: Tensor<3>, collective: &dyn Collective) -> Result<Tensor<3>> {
    let [batch, places, features] = own.dims();
    let all = gather_with_gradient(own.reshape([batch, places * features]), collective)?;
    let batch = all.dims()[0];
    Ok(all.reshape([batch, places, features]))
}
