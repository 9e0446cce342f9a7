//! Matrix factorisation with Bayesian personalised ranking: the baseline.
//!
//! Steffen Rendle, Christoph Freudenthaler, Zeno Gantner, Lars Schmidt-Thieme: BPR: Bayesian Personalized Ranking from Implicit Feedback. UAI 2009,
//! arXiv 1205.2618.
//!
//! The score of a user and an item is the product of their embeddings (section 4.3.1). Sampler, optimiser and evaluation are those of the graph
//! methods, so that the difference is the graph.

use selfsame_core::Result;
use selfsame_core::method::{Method, Objective, Step};
use selfsame_core::nn::Parameters;
use selfsame_core::pretrain::About;
use serde::{Deserialize, Serialize};

use super::pairwise::{check_weight, pairwise};
use super::{Batch, Build, Entry, GraphMethod};
use crate::data::Visits;
use crate::model::Nodes;

/// Matrix factorisation in the table of methods.
pub const ENTRY: Entry = Entry {
    about: About {
        name: "mf",
        title: "Matrix factorisation with BPR",
        paper: "Rendle, Freudenthaler, Gantner, Schmidt-Thieme. UAI 2009, arXiv 1205.2618",
        summary: "products of embeddings, without a graph; the baseline, and the fastest",
        small: "",
        paper_settings: r#"
            [data]
            validation_share = 0.1
            [schedule]
            epochs = 1000
            [run]
            patience = 50
        "#,
    },
    build,
};

/// Settings of matrix factorisation, section `[method]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MfConfig {
    /// `mf`.
    pub name: String,
    /// What an epoch visits.
    pub sampling: Visits,
    /// λ of BPR-Opt.
    pub l2: f64,
}

/// The method.
#[derive(Debug)]
pub struct Mf {
    nodes: Nodes,
    l2: f64,
}

fn build(from: &Build<'_>) -> Result<Box<dyn GraphMethod>> {
    Ok(Box::new(Mf::new(&from.settings()?, from)?))
}

impl Mf {
    /// # Errors
    /// A λ that is negative or no number, and embeddings without dimensions.
    pub fn new(config: &MfConfig, from: &Build<'_>) -> Result<Self> {
        check_weight("l2", config.l2)?;
        Ok(Self { nodes: from.nodes(0)?, l2: config.l2 })
    }
}

impl Method for Mf {
    type Views = Batch;

    fn objective(&mut self, batch: &Batch, step: &Step) -> Result<Objective> {
        Ok(pairwise(&self.nodes, &batch.pairs, self.l2, &*step.collective)?.objective())
    }

    fn trained(&mut self) -> &mut dyn Parameters {
        &mut self.nodes.table
    }

    fn state(&mut self) -> Vec<(&'static str, &mut dyn Parameters)> {
        vec![("model", &mut self.nodes.table)]
    }
}

impl GraphMethod for Mf {
    fn nodes(&self) -> &Nodes {
        &self.nodes
    }
}
