//! SGL: Self-supervised Graph Learning for Recommendation.
//!
//! Jiancan Wu, Xiang Wang, Fuli Feng, Xiangnan He, Liang Chen, Jianxun Lian, Xing Xie. SIGIR 2021, arXiv 2010.10783.
//!
//! LightGCN's embeddings spread over the whole graph for the ranking of items, and over two randomly thinned graphs, drawn anew for each epoch: by nodes,
//! by edges, or by edges for each layer (random walk; section 3.1). A node must be told from all others of its kind by how it is seen in the other graph
//! (InfoNCE, eq. 10). L = L_BPR + λ₁(L_user + L_item) + λ₂‖Θ‖² (section 3.3).

use selfsame_core::collective::{Collective, mean_with_gradient};
use selfsame_core::loss::info_nce_by_kind;
use selfsame_core::method::{Method, Objective, Step};
use selfsame_core::nn::Parameters;
use selfsame_core::pretrain::About;
use selfsame_core::tensor::{Tensor, TensorData};
use selfsame_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::pairwise::{check_weight, pairwise};
use super::{Batch, Build, Entry, GraphMethod, Thinning};
use crate::data::{PairBatch, Visits};
use crate::model::Nodes;
use crate::view::{Augmentation, check_view};

/// SGL in the table of methods.
pub const ENTRY: Entry = Entry {
    about: About {
        name: "sgl",
        title: "SGL",
        paper: "Wu, Wang, Feng, He, Chen, Lian, Xie. SIGIR 2021, arXiv 2010.10783",
        summary: "LightGCN that also tells nodes from each other in two thinned graphs; best for rare items",
        // The authors' settings for Yelp2018 (edge dropout, three layers) but for the length of the training.
        small: r#"
            [view]
            augmentation = "edge"
            ratio = 0.1
            [backbone]
            layers = 3
            [method]
            temperature = 0.2
            ssl_weight = 0.1
            ids = "repeats"
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

/// Which nodes of a batch are told from the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Contrasted {
    /// The users and positive items of all pairs, as often as they come (the authors' code).
    Repeats,
    /// Each of them once.
    Unique,
}

/// SGL's settings, section `[method]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SglConfig {
    /// `sgl`.
    pub name: String,
    /// What an epoch visits.
    pub sampling: Visits,
    /// λ₂ of section 3.3.
    pub l2: f64,
    /// τ of eq. 10.
    pub temperature: f64,
    /// λ₁ of section 3.3.
    pub ssl_weight: f64,
    /// Which nodes of a batch are told from the others.
    pub ids: Contrasted,
}

/// SGL's section `[view]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ViewConfig {
    /// `node`, `edge` or `walk`.
    pub augmentation: Augmentation,
    /// ρ: the share that is dropped.
    pub ratio: f64,
}

/// The method.
#[derive(Debug)]
pub struct Sgl {
    nodes: Nodes,
    config: SglConfig,
    thinning: Thinning,
}

fn build(from: &Build<'_>) -> Result<Box<dyn GraphMethod>> {
    Ok(Box::new(Sgl::new(from.settings()?, from)?))
}

impl Sgl {
    /// # Errors
    /// A temperature that is not positive, weights that are negative, a dropout ratio out of range; no layers; embeddings without dimensions.
    pub fn new(config: SglConfig, from: &Build<'_>) -> Result<Self> {
        check_weight("l2", config.l2)?;
        check_weight("ssl_weight", config.ssl_weight)?;
        if !(config.temperature > 0.0 && config.temperature.is_finite()) {
            return Err(Error::config(
                format!("method.temperature is {}", config.temperature),
                "it divides the cosines and must be positive: 0.1 to 0.5 is usual",
            ));
        }
        let ViewConfig { augmentation, ratio } = from.settings.section("view")?;
        let thinning = Thinning { augmentation, ratio, layers: from.layers()? };
        check_view(ratio, thinning.layers)?;
        Ok(Self { nodes: from.nodes(thinning.layers)?, config, thinning })
    }
}

impl Method for Sgl {
    type Views = Batch;

    fn objective(&mut self, batch: &Batch, step: &Step) -> Result<Objective> {
        let [first, second] = &batch.views[..] else {
            return Err(Error::Internal(format!("{} views of the graph, not two", batch.views.len())));
        };
        let (nodes, collective) = (&self.nodes, &*step.collective);
        // The main task, on the whole graph.
        let main = pairwise(nodes, &batch.pairs, self.config.l2, collective)?;
        let told = contrasted(&batch.pairs, self.config.ids, collective)?;
        let [users, items] = &told;
        // Z' and Z'' share E⁰ (section 3.1); of Z' only the rows of the batch are needed.
        let rows: Vec<u32> = users.ids.iter().copied().chain(nodes.of_items(&items.ids)).collect();
        let views = [nodes.rows_over(first, &rows), nodes.spread_over(second)];
        let [of_users, of_items] = discriminate(views, nodes.users(), &told, self.config.temperature);
        let ssl = mean_with_gradient(of_users, users.times(), collective)?
            + mean_with_gradient(of_items, items.times(), collective)?;
        let mut objective = main.objective();
        objective.loss = objective.loss + ssl.clone() * self.config.ssl_weight;
        objective.terms.push(("ssl", ssl));
        Ok(objective)
    }

    fn trained(&mut self) -> &mut dyn Parameters {
        &mut self.nodes.table
    }

    fn state(&mut self) -> Vec<(&'static str, &mut dyn Parameters)> {
        vec![("model", &mut self.nodes.table)]
    }
}

impl GraphMethod for Sgl {
    fn nodes(&self) -> &Nodes {
        &self.nodes
    }

    fn thinning(&self) -> Option<Thinning> {
        Some(self.thinning)
    }
}

/// Users or items that are told from the others, each once, and how often each of them counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    ids: Vec<u32>,
    times: Vec<f32>,
}

impl Told {
    /// Each as often as it comes.
    pub fn repeated(mut ids: Vec<u32>) -> Self {
        ids.sort_unstable();
        let (ids, times) = ids.chunk_by(u32::eq).map(|same| (same[0], same.len() as f32)).unzip();
        Self { ids, times }
    }

    /// Each once; they must differ.
    pub fn once(ids: Vec<u32>) -> Self {
        Self { times: vec![1.0; ids.len()], ids }
    }

    /// How often all of them count together.
    fn times(&self) -> usize {
        self.times.iter().sum::<f32>() as usize
    }
}

/// L_user and L_item (eq. 10), `[1]` each: the mean over these users and these items of
/// −ln exp(cos(z'_v, z''_v)/τ) / Σ_w exp(cos(z'_v, z''_w)/τ), w being all nodes of the kind. `first` holds the rows z' of these users and then of
/// these items; `second` the rows z'' of all nodes, `[users + items, dimension]`. Without any it is 0.
pub fn discriminate(
    [first, second]: [Tensor<2>; 2],
    users: usize,
    told: &[Told; 2],
    temperature: f64,
) -> [Tensor<1>; 2] {
    let [of_users, of_items] = told;
    let items = second.dims()[0] - users;
    let kinds = [[of_users.ids.len(), users], [of_items.ids.len(), items]];
    let nodes = of_items.ids.iter().map(|item| users as u32 + item);
    let targets: Vec<u32> = of_users.ids.iter().copied().chain(nodes).collect();
    let losses = info_nce_by_kind(first, second, &kinds, &targets, temperature);
    // A mean is the losses of both kinds times the shares that they have in it.
    [0, 1].map(|kind| {
        let all = told[kind].times().max(1) as f32;
        let share = |(at, told): (usize, &Told)| {
            let of = move |times: &f32| if at == kind { times / all } else { 0.0 };
            told.times.iter().map(of).collect::<Vec<f32>>()
        };
        let shares: Vec<f32> = told.iter().enumerate().flat_map(share).collect();
        let shares = TensorData::new(shares, [targets.len()]);
        (losses.clone() * Tensor::from_data(shares, &losses.device())).sum()
    })
}

/// The users and positive items of a batch that this rank tells from the others.
fn contrasted(pairs: &PairBatch, which: Contrasted, collective: &dyn Collective) -> Result<[Told; 2]> {
    let [users, items] = [&pairs.users, &pairs.positives];
    Ok(match which {
        Contrasted::Repeats => [Told::repeated(users.clone()), Told::repeated(items.clone())],
        Contrasted::Unique => {
            [Told::once(unique(users, collective)?), Told::once(unique(items, collective)?)]
        }
    })
}

/// The different ids of all ranks, of which each takes its share.
fn unique(ids: &[u32], collective: &dyn Collective) -> Result<Vec<u32>> {
    // Half an id is exact in an `f32`.
    let halves: Vec<f32> = ids.iter().flat_map(|id| [(id >> 16) as f32, (id & 0xFFFF) as f32]).collect();
    let halves = collective.all_gather(&halves)?;
    let mut all: Vec<u32> =
        halves.chunks_exact(2).map(|half| (half[0] as u32) << 16 | half[1] as u32).collect();
    all.sort_unstable();
    all.dedup();
    Ok(all.into_iter().skip(collective.rank()).step_by(collective.size()).collect())
}
