use proptest::prelude::*;
use safetensors::SafeTensors;
use selfsame_core::Random;

use super::*;
use crate::data::{Interactions, PowerLaw, power_law};

struct Table {
    values: Vec<f32>,
    items: usize,
}

impl Scores for Table {
    fn users(&self) -> usize {
        self.values.len() / self.items
    }

    fn items(&self) -> usize {
        self.items
    }

    fn write(&self, users: &[u32], first: usize, out: &mut [f32]) {
        let width = out.len() / users.len();
        for (&user, out) in users.iter().zip(out.chunks_mut(width)) {
            out.copy_from_slice(&self.values[user as usize * self.items + first..][..width]);
        }
    }
}

#[test]
fn the_golden_ranking_comes_out_exactly() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/ranking.safetensors");
    let bytes = std::fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let reals = |name: &str| -> Vec<f32> {
        let data = file.tensor(name).unwrap().data();
        data.chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect()
    };
    let graph = |name: &str| {
        let data = file.tensor(name).unwrap().data();
        let set = data.chunks_exact(8).enumerate().filter(|(_, bytes)| bytes[0] != 0);
        Interactions::from_pairs(8, 40, set.map(|(at, _)| ((at / 40) as u32, (at % 40) as u32))).0
    };
    let scores = Table { values: reals("scores"), items: 40 };
    let ranking = evaluate_scores(
        &scores,
        &graph("train_mask"),
        &graph("relevant"),
        &RankingOptions { ks: vec![20], groups: 10 },
    )
    .unwrap();
    let of = |measure: fn(&UserMeasures) -> f64| -> Vec<f32> {
        ranking.per_user[0].iter().map(|user| measure(user) as f32).collect()
    };
    assert_eq!(of(|user| user.recall), reals("recall20"));
    assert_eq!(of(|user| user.ndcg), reals("ndcg20"));
}

/// Every item sorted, every measure from its definition.
fn slow(scores: &Table, train: &Interactions, test: &Interactions, k: usize) -> Measures {
    let mut sum = Measures { k, ..Measures::default() };
    let mut users = 0.0;
    let mut recommended = std::collections::BTreeSet::new();
    let (mut popularity, mut places) = (0, 0);
    for user in (0..test.users()).filter(|&user| !test.of(user).is_empty()) {
        let row = &scores.values[user * scores.items..(user + 1) * scores.items];
        let mut order: Vec<u32> =
            (0..scores.items as u32).filter(|&item| !train.contains(user, item)).collect();
        order.sort_by(|&a, &b| row[b as usize].total_cmp(&row[a as usize]).then(a.cmp(&b)));
        order.truncate(k);
        let hits: Vec<usize> = (0..order.len()).filter(|&place| test.contains(user, order[place])).collect();
        let relevant = test.of(user).len();
        let gain = |place: usize| 1.0 / (place as f64 + 2.0).log2();
        users += 1.0;
        sum.recall += hits.len() as f64 / relevant as f64;
        sum.precision += hits.len() as f64 / k as f64;
        sum.hit_rate += if hits.is_empty() { 0.0 } else { 1.0 };
        sum.ndcg +=
            hits.iter().map(|&place| gain(place)).sum::<f64>() / (0..relevant.min(k)).map(gain).sum::<f64>();
        sum.mrr += hits.first().map_or(0.0, |&place| 1.0 / (place as f64 + 1.0));
        popularity += order.iter().map(|&item| train.transposed().of(item as usize).len()).sum::<usize>();
        places += order.len();
        recommended.extend(order);
    }
    for value in [&mut sum.recall, &mut sum.precision, &mut sum.hit_rate, &mut sum.ndcg, &mut sum.mrr] {
        *value /= users;
    }
    sum.coverage = recommended.len() as f64 / scores.items as f64;
    sum.mean_popularity = popularity as f64 / f64::max(places as f64, 1.0);
    sum
}

fn case(users: usize, items: usize, seed: u64) -> (Table, Interactions, Interactions) {
    let mut random = Random::new(seed);
    // Few values, so that many scores are equal; both zeros occur.
    let values: Vec<f32> =
        (0..users * items).map(|_| [-1.5, -0.0, 0.5, 2.0][random.below(4)] * 1.0).collect();
    let all =
        power_law(&PowerLaw { users, items, interactions: users * 6, ..PowerLaw::default() }, seed).unwrap();
    let part = |test: bool| {
        let pairs = all.pairs().filter(move |&(user, item)| (user + item) % 3 == u32::from(test));
        Interactions::from_pairs(users, items, pairs).0
    };
    (Table { values, items }, part(false), part(true))
}

fn assert_same(fast: &Measures, slow: &Measures) {
    let values =
        |m: &Measures| [m.recall, m.precision, m.hit_rate, m.ndcg, m.mrr, m.coverage, m.mean_popularity];
    for (a, b) in values(fast).into_iter().zip(values(slow)) {
        assert!((a - b).abs() < 1e-12, "{fast:?} {slow:?}");
    }
    let parts: f64 = fast.groups.iter().map(|group| group.recall).sum();
    assert!((parts - fast.recall).abs() < 1e-12);
    assert_eq!(fast.groups.len(), 10);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    #[test]
    fn measures_are_those_of_a_slow_ranking(users in 3_usize..80, items in 12_usize..90, seed in 0_u64..1000) {
        let (scores, train, test) = case(users, items, seed);
        prop_assume!(!test.is_empty());
        let options = RankingOptions { ks: vec![5, 1, 12], groups: 10 };
        let ranking = evaluate_scores(&scores, &train, &test, &options).unwrap();
        prop_assert_eq!(ranking.users + ranking.users_without_test, users);
        for measures in &ranking.measures {
            assert_same(measures, &slow(&scores, &train, &test, measures.k));
        }
    }
}

#[test]
fn several_blocks_of_users_and_items_are_one_ranking() {
    let (scores, train, test) = case(150, 2500, 4);
    let ranking = evaluate_scores(&scores, &train, &test, &RankingOptions::default()).unwrap();
    assert_same(ranking.at(20).unwrap(), &slow(&scores, &train, &test, 20));
}

#[test]
fn embeddings_score_by_their_products() {
    let (users, items, dimension) = (70, 1100, 8);
    let mut random = Random::new(3);
    // Small integers: sums are exact in any order.
    let mut table =
        |rows: usize| -> Vec<f32> { (0..rows * dimension).map(|_| random.below(7) as f32 - 3.0).collect() };
    let (of_users, of_items) = (table(users), table(items));
    let mut values = Vec::new();
    for user in of_users.chunks(dimension) {
        for item in of_items.chunks(dimension) {
            values.push(user.iter().zip(item).map(|(a, b)| a * b).sum::<f32>());
        }
    }
    let (_, train, test) = case(users, items, 5);
    let options = RankingOptions::default();
    let fast = evaluate_embeddings(&of_users, &of_items, dimension, &train, &test, &options).unwrap();
    assert_eq!(fast, evaluate_scores(&Table { values, items }, &train, &test, &options).unwrap());
}

#[test]
fn what_cannot_be_ranked_is_told() {
    let (scores, train, test) = case(10, 20, 1);
    let with =
        |ks: &[usize]| evaluate_scores(&scores, &train, &test, &RankingOptions { ks: ks.into(), groups: 10 });
    for ks in [&[0][..], &[5, 21], &[]] {
        assert_eq!(with(ks).unwrap_err().exit_code(), 2);
    }
    assert!(with(&[20]).is_ok());
    let nothing = Interactions::from_pairs(10, 20, std::iter::empty()).0;
    let options = RankingOptions { ks: vec![5], groups: 10 };
    assert_eq!(evaluate_scores(&scores, &train, &nothing, &options).unwrap_err().exit_code(), 2);
    let broken = Table { values: vec![f32::NAN; 200], items: 20 };
    assert_eq!(evaluate_scores(&broken, &train, &test, &options).unwrap_err().exit_code(), 5);
    assert_eq!(top_items(&scores, &[10], &train, 3).unwrap_err().exit_code(), 2);
    // A user with nearly everything gets a shorter list.
    let nearly = Interactions::from_pairs(10, 20, (0..18).map(|item| (0, item))).0;
    assert_eq!(top_items(&scores, &[0], &nearly, 3).unwrap()[0].len(), 2);
}

#[test]
fn scores_of_infinity_are_refused_and_those_of_minus_infinity_passed_over() {
    let with = |value: f32| {
        let mut values = vec![0.0; 80];
        // Where whole chunks are compared, and behind them.
        values[3] = value;
        values[79] = value;
        let nothing = Interactions::from_pairs(2, 40, std::iter::empty()).0;
        top_items(&Table { values, items: 40 }, &[0, 1], &nothing, 40)
    };
    for value in [f32::NAN, f32::INFINITY] {
        let error = with(value).unwrap_err();
        assert!(error.exit_code() == 5 && error.to_string().contains("item 3 "), "{error}");
    }
    assert!(with(f32::NEG_INFINITY).unwrap().iter().all(|list| list.len() == 39));
}

#[test]
fn the_nearest_rows_have_the_highest_cosines() {
    let table = [1.0, 0.0, 0.0, 2.0, 3.0, 3.0, -1.0, 0.0, 0.0, 0.0, 5.0, 5.0];
    let nearest = nearest_rows(&table, 2, 0, 9).unwrap();
    let order: Vec<u32> = nearest.iter().map(|row| row.item).collect();
    // Equally near rows are in the order of their numbers.
    assert_eq!(order, [2, 5, 1, 4, 3]);
    assert!((nearest[0].score - 0.5_f32.sqrt()).abs() < 1e-6 && (nearest[4].score + 1.0).abs() < 1e-6);
    assert_eq!(nearest_rows(&table, 2, 6, 1).unwrap_err().exit_code(), 1);
}
