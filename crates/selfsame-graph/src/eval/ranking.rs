//! Full ranking: every user's best items among all that are not in their training, against their test items.

use rayon::prelude::*;
use selfsame_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::scores::{Embeddings, Scores};
use super::top::{Recommended, top_items};
use crate::data::{Interactions, popularity_groups};

/// What to measure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RankingOptions {
    /// Lengths K of the lists.
    pub ks: Vec<usize>,
    /// Groups of items of equal training interactions by which recall is decomposed.
    pub groups: usize,
}

impl Default for RankingOptions {
    fn default() -> Self {
        Self { ks: vec![10, 20, 50], groups: 10 }
    }
}

/// Measures of lists of one length, averaged over users with test items.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Measures {
    /// The length K.
    pub k: usize,
    /// Hits among the test items.
    pub recall: f64,
    /// Hits among the K places.
    pub precision: f64,
    /// Users with a hit.
    pub hit_rate: f64,
    /// Discounted hits (1/log₂(1 + place)) of those of the best list, whose hits are min(K, test items).
    pub ndcg: f64,
    /// 1/place of the first hit.
    pub mrr: f64,
    /// The share of all items that is recommended to anybody.
    pub coverage: f64,
    /// Training interactions of a recommended item, on average.
    pub mean_popularity: f64,
    /// Recall decomposed; the parts sum up to it.
    pub groups: Vec<GroupRecall>,
}

/// The part of recall that is due to a group of items (SGL, section 4.3.1).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GroupRecall {
    /// From 1, the least popular.
    pub group: usize,
    /// Items in the group.
    pub items: usize,
    /// Hits in the group among all of a user's test items, averaged over users.
    pub recall: f64,
}

/// Measures of one user's list.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct UserMeasures {
    /// See [`Measures`].
    pub recall: f64,
    /// See [`Measures`].
    pub precision: f64,
    /// See [`Measures`].
    pub hit_rate: f64,
    /// See [`Measures`].
    pub ndcg: f64,
    /// See [`Measures`].
    pub mrr: f64,
}

/// How well a ranking finds the test items.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ranking {
    /// Users with test items: those who are averaged over.
    pub users: usize,
    /// Users without, left out.
    pub users_without_test: usize,
    /// Measures for each K, in the order asked for.
    pub measures: Vec<Measures>,
    /// For each K the measures of each user with test items, in the order of users.
    #[serde(skip)]
    pub per_user: Vec<Vec<UserMeasures>>,
}

impl Ranking {
    /// The measures of this K.
    pub fn at(&self, k: usize) -> Option<&Measures> {
        self.measures.iter().find(|measures| measures.k == k)
    }
}

/// Ranks by products of embeddings, `[users, dimension]` and `[items, dimension]`.
///
/// # Errors
/// As [`evaluate_scores`].
pub fn evaluate_embeddings(
    users: &[f32],
    items: &[f32],
    dimension: usize,
    train: &Interactions,
    test: &Interactions,
    options: &RankingOptions,
) -> Result<Ranking> {
    evaluate_scores(&Embeddings::new(users, items, dimension)?, train, test, options)
}

/// Ranks by scores. Training items are not recommended; of equal scores the item with the lower number is first.
///
/// # Errors
/// A K of 0 or above the number of items, no test items, sizes that do not fit, and scores that are not numbers.
pub fn evaluate_scores(
    scores: &impl Scores,
    train: &Interactions,
    test: &Interactions,
    options: &RankingOptions,
) -> Result<Ranking> {
    let longest = options.ks.iter().copied().max().unwrap_or(0);
    if let Some(k) = options.ks.iter().find(|k| **k == 0 || **k > scores.items()) {
        let help = format!("set lengths from 1 to {}, the number of items", scores.items());
        return Err(Error::config(format!("a list of {k} items is out of range"), help));
    }
    if options.ks.is_empty() {
        return Err(Error::config("no length of lists is given", "set one or several, such as 20"));
    }
    let users: Vec<u32> =
        (0..test.users() as u32).filter(|&user| !test.of(user as usize).is_empty()).collect();
    if users.is_empty() {
        return Err(Error::config("no user has test items", "give test interactions, or hold some out"));
    }
    let lists = top_items(scores, &users, train, longest)?;
    let context = Context {
        discounts: (0..longest).map(|place| 1.0 / (place as f64 + 2.0).log2()).collect(),
        popularity: train.item_degrees(),
        group_of: popularity_groups(train, options.groups),
        groups: options.groups,
    };
    let (measures, per_user) = options.ks.iter().map(|&k| context.measure(k, &users, &lists, test)).unzip();
    Ok(Ranking { users: users.len(), users_without_test: test.users() - users.len(), measures, per_user })
}

struct Context {
    discounts: Vec<f64>,
    popularity: Vec<u32>,
    group_of: Vec<usize>,
    groups: usize,
}

impl Context {
    fn measure(
        &self,
        k: usize,
        users: &[u32],
        lists: &[Vec<Recommended>],
        test: &Interactions,
    ) -> (Measures, Vec<UserMeasures>) {
        let per_user: Vec<UserMeasures> = users
            .par_iter()
            .zip(lists)
            .map(|(&user, list)| self.of_user(&list[..k.min(list.len())], k, test.of(user as usize)))
            .collect();
        let mut covered = vec![false; self.popularity.len()];
        let mut group_recall = vec![0.0; self.groups];
        let (mut popularity, mut places) = (0_u64, 0_u64);
        for (&user, list) in users.iter().zip(lists) {
            let relevant = test.of(user as usize);
            for recommended in list.iter().take(k) {
                let item = recommended.item as usize;
                covered[item] = true;
                popularity += u64::from(self.popularity[item]);
                places += 1;
                if relevant.binary_search(&recommended.item).is_ok()
                    && let Some(sum) = group_recall.get_mut(self.group_of[item])
                {
                    *sum += 1.0 / relevant.len() as f64;
                }
            }
        }
        // Summed up in the order of users, whatever the threads did.
        let count = users.len() as f64;
        let mean = |of: fn(&UserMeasures) -> f64| per_user.iter().map(of).sum::<f64>() / count;
        let mut items_of = vec![0; self.groups];
        for &group in &self.group_of {
            if let Some(items) = items_of.get_mut(group) {
                *items += 1;
            }
        }
        let groups = (1..).zip(items_of).zip(group_recall);
        let measures = Measures {
            k,
            recall: mean(|user| user.recall),
            precision: mean(|user| user.precision),
            hit_rate: mean(|user| user.hit_rate),
            ndcg: mean(|user| user.ndcg),
            mrr: mean(|user| user.mrr),
            coverage: covered.iter().filter(|covered| **covered).count() as f64 / covered.len().max(1) as f64,
            mean_popularity: popularity as f64 / places.max(1) as f64,
            groups: groups
                .map(|((group, items), sum)| GroupRecall { group, items, recall: sum / count })
                .collect(),
        };
        (measures, per_user)
    }

    fn of_user(&self, list: &[Recommended], k: usize, relevant: &[u32]) -> UserMeasures {
        let (mut hits, mut gain, mut first) = (0_usize, 0.0, None);
        for (place, recommended) in list.iter().enumerate() {
            if relevant.binary_search(&recommended.item).is_ok() {
                hits += 1;
                gain += self.discounts[place];
                first = first.or(Some(place));
            }
        }
        let ideal: f64 = self.discounts[..k.min(relevant.len())].iter().sum();
        UserMeasures {
            recall: hits as f64 / relevant.len() as f64,
            precision: hits as f64 / k as f64,
            hit_rate: f64::from(u8::from(hits > 0)),
            ndcg: gain / ideal,
            mrr: first.map_or(0.0, |place| 1.0 / (place + 1) as f64),
        }
    }
}
