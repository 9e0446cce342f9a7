//! LightGCN: Simplifying and Powering Graph Convolution Network for Recommendation.
//!
//! Xiangnan He, Kuan Deng, Xiang Wang, Yan Li, Yongdong Zhang, Meng Wang. SIGIR 2020, arXiv 2002.02126.
//!
//! The embeddings of users and items spread over the graph of their interactions without weights or non-linearities, E^(k+1) = D^−½ A D^−½ E^(k)
//! (eq. 3); the final embedding is the mean of the layers 0 … K (eq. 4 with α_k = 1/(K+1)). A user's score of an item is the product of their final
//! embeddings (eq. 5), learned by BPR (section 3.3); only E⁰ is learned.

use selfsame_core::Result;
use selfsame_core::method::{Method, Objective, Step};
use selfsame_core::nn::Parameters;
use selfsame_core::pretrain::About;
use serde::{Deserialize, Serialize};

use super::pairwise::{check_weight, pairwise};
use super::{Batch, Build, Entry, GraphMethod};
use crate::data::Visits;
use crate::model::Nodes;

/// LightGCN in the table of methods.
pub const ENTRY: Entry = Entry {
    about: About {
        name: "lightgcn",
        title: "LightGCN",
        paper: "He, Deng, Wang, Li, Zhang, Wang. SIGIR 2020, arXiv 2002.02126",
        summary: "embeddings that spread over the graph, supervised by its edges; strong and simple",
        // Section 4.1.2 but for the length of the training.
        small: r#"
            [backbone]
            layers = 3
        "#,
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

/// LightGCN's settings, section `[method]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LightGcnConfig {
    /// `lightgcn`.
    pub name: String,
    /// What an epoch visits.
    pub sampling: Visits,
    /// λ of section 3.3.
    pub l2: f64,
}

/// The method.
#[derive(Debug)]
pub struct LightGcn {
    nodes: Nodes,
    l2: f64,
}

fn build(from: &Build<'_>) -> Result<Box<dyn GraphMethod>> {
    Ok(Box::new(LightGcn::new(&from.settings()?, from)?))
}

impl LightGcn {
    /// # Errors
    /// A λ that is negative or no number; no layers; embeddings without dimensions.
    pub fn new(config: &LightGcnConfig, from: &Build<'_>) -> Result<Self> {
        check_weight("l2", config.l2)?;
        Ok(Self { nodes: from.nodes(from.layers()?)?, l2: config.l2 })
    }
}

impl Method for LightGcn {
    type Views = Batch;

    fn objective(&mut self, batch: &Batch, step: &Step) -> Result<Objective> {
        // Eq. 3 and 4 on the whole graph, BPR on the batch.
        Ok(pairwise(&self.nodes, &batch.pairs, self.l2, &*step.collective)?.objective())
    }

    fn trained(&mut self) -> &mut dyn Parameters {
        &mut self.nodes.table
    }

    fn state(&mut self) -> Vec<(&'static str, &mut dyn Parameters)> {
        vec![("model", &mut self.nodes.table)]
    }
}

impl GraphMethod for LightGcn {
    fn nodes(&self) -> &Nodes {
        &self.nodes
    }
}
