//! Finding instances of the same class.

use rayon::prelude::*;

use super::{Labelled, check, for_each_similarities};
use crate::{Error, Result};

/// How well the instances of a class are found by one of them.
#[derive(Clone, Debug, PartialEq)]
pub struct RetrievalOutcome {
    /// For each number that was asked for the share of the queries that have their class among so many first.
    pub recall: Vec<f64>,
    /// The mean over the queries of their average precision: the mean over all instances of the query's class of the share of that
    /// class up to there.
    pub mean_average_precision: f64,
    /// For each query the first instances of the gallery, nearest first: as many as the highest number that was asked for.
    pub nearest: Vec<Vec<usize>>,
}

/// Ranks the gallery by cosine for every query, of equally near instances the earlier first, and looks where the query's class is. A query
/// whose class is not in the gallery finds nothing: its average precision is 0.
///
/// # Errors
/// As [`knn`](super::knn), and [`Error::Config`] when a number in `among` is 0.
pub fn retrieval(gallery: &Labelled, queries: &Labelled, among: &[usize]) -> Result<RetrievalOutcome> {
    check(gallery, queries)?;
    if among.contains(&0) {
        return Err(Error::config("nothing can be found among the first 0", "1, 5 and 10 are usual"));
    }
    let deepest = among.iter().copied().max().unwrap_or(0).min(gallery.labels.len());
    let mut ranked = Vec::with_capacity(queries.labels.len());
    for_each_similarities(&gallery.features, &queries.features, |first, similarities| {
        let rows = similarities.par_chunks(gallery.labels.len()).zip(&queries.labels[first..]);
        let block: Vec<_> =
            rows.map(|(row, &class)| Ranked::new(row, &gallery.labels, class, deepest)).collect();
        ranked.extend(block);
    })?;
    let count = ranked.len() as f64;
    let share = |most: usize| {
        ranked.iter().filter(|query| query.first_hit.is_some_and(|hit| hit < most)).count() as f64 / count
    };
    Ok(RetrievalOutcome {
        recall: among.iter().map(|&most| share(most)).collect(),
        mean_average_precision: ranked.iter().map(|query| query.average_precision).sum::<f64>() / count,
        nearest: ranked.into_iter().map(|query| query.nearest).collect(),
    })
}

/// The gallery as one query sees it.
struct Ranked {
    /// The rank, from 0, of the first instance of the query's class.
    first_hit: Option<usize>,
    average_precision: f64,
    nearest: Vec<usize>,
}

impl Ranked {
    fn new(similarities: &[f32], labels: &[usize], class: usize, deepest: usize) -> Self {
        let mut order: Vec<usize> = (0..similarities.len()).collect();
        order.sort_unstable_by(|&a, &b| similarities[b].total_cmp(&similarities[a]).then(a.cmp(&b)));
        let (mut first_hit, mut hits, mut precisions) = (None, 0_usize, 0.0);
        for (rank, &instance) in order.iter().enumerate() {
            if labels[instance] == class {
                first_hit.get_or_insert(rank);
                hits += 1;
                precisions += hits as f64 / (rank + 1) as f64;
            }
        }
        order.truncate(deepest);
        Self { first_hit, average_precision: precisions / hits.max(1) as f64, nearest: order }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::super::tests::blobs;
    use super::*;
    use crate::Random;
    use crate::golden::{assert_close, host};

    /// Everything by counting, without sorting.
    fn slowly(gallery: &Labelled, queries: &Labelled, among: &[usize]) -> (Vec<f64>, f64) {
        let dim = gallery.features.dims()[1];
        let (all, asked) = (host(&gallery.features), host(&queries.features));
        let cosine = |a: &[f64], b: &[f64]| {
            let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
        };
        let (mut recall, mut precision) = (vec![0.0; among.len()], 0.0);
        for (query, &class) in asked.chunks(dim).zip(&queries.labels) {
            let near: Vec<f64> = all.chunks(dim).map(|other| cosine(query, other)).collect();
            let rank = |one: usize| 1 + (0..near.len()).filter(|&other| near[other] > near[one]).count();
            let same: Vec<usize> = (0..near.len()).filter(|&i| gallery.labels[i] == class).collect();
            for (&most, recall) in among.iter().zip(&mut recall) {
                *recall += f64::from(u8::from(same.iter().any(|&one| rank(one) <= most)));
            }
            let up_to = |one: usize| same.iter().filter(|&&other| rank(other) <= rank(one)).count();
            let average = same.iter().map(|&one| up_to(one) as f64 / rank(one) as f64).sum::<f64>();
            precision += if same.is_empty() { 0.0 } else { average / same.len() as f64 };
        }
        let count = queries.labels.len() as f64;
        (recall.into_iter().map(|recall| recall / count).collect(), precision / count)
    }

    #[test]
    fn equals_counting() {
        let centres: Vec<Vec<f64>> =
            (0..6).map(|class| (0..5).map(|d| f64::from((class * d) % 4)).collect()).collect();
        for (seed, each) in [(1, 9), (2, 20), (3, 1)] {
            let gallery = blobs(&centres, each, 1.5, &Random::new(seed));
            let queries = blobs(&centres, 7, 1.5, &Random::new(seed + 10));
            let among = [1, 2, 5, 10, 1000];
            let found = retrieval(&gallery, &queries, &among).unwrap();
            let (recall, precision) = slowly(&gallery, &queries, &among);
            assert_close(&found.recall, &recall, 1e-9);
            assert_close(&[found.mean_average_precision], &[precision], 1e-6);
            assert!(found.recall.is_sorted() && found.recall[4] == 1.0);
            assert_eq!((found.nearest.len(), found.nearest[0].len()), (42, 6 * each));
        }
    }

    #[test]
    fn precisions_are_those_of_the_textbook() {
        // Relevant at ranks 1, 3 and 5: (1/1 + 2/3 + 3/5) / 3.
        let ranked = Ranked::new(&[0.9, 0.8, 0.7, 0.6, 0.5], &[1, 0, 1, 0, 1], 1, 3);
        assert!((ranked.average_precision - (1.0 + 2.0 / 3.0 + 3.0 / 5.0) / 3.0).abs() < 1e-12);
        assert_eq!((ranked.first_hit, ranked.nearest), (Some(0), vec![0, 1, 2]));
        // Of equally near instances the earlier comes first.
        let ranked = Ranked::new(&[0.5, 0.9, 0.5], &[0, 1, 1], 0, 3);
        assert_eq!((ranked.first_hit, ranked.nearest), (Some(1), vec![1, 0, 2]));
    }

    #[test]
    fn classes_that_are_not_there_are_not_found() {
        let gallery = blobs(&[vec![1.0, 0.0], vec![0.0, 1.0]], 3, 0.0, &Random::new(1));
        let mut queries = blobs(&[vec![1.0, 0.0], vec![0.0, 1.0]], 1, 0.0, &Random::new(1));
        queries.labels = vec![0, 5];
        let found = retrieval(&gallery, &queries, &[1, 10]).unwrap();
        assert_eq!((found.recall, found.mean_average_precision), (vec![0.5, 0.5], 0.5));
        assert_eq!(retrieval(&gallery, &queries, &[0]).unwrap_err().exit_code(), 2);
    }
}
