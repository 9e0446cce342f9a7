//! What full ranking of all items for all users costs.
//!
//! Usage: `ranking_throughput [FOLDER] [DIMENSION]`: interactions in the folder (`train.txt`, `test.txt`), or made up ones of gowalla's size.
//! Embeddings are random: the work does not depend on what they say.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use selfsame_core::Random;
use selfsame_graph::data::{InteractionData, Interactions, OpenOptions, PowerLaw, power_law};
use selfsame_graph::eval::{RankingOptions, evaluate_embeddings};

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let (train, test) = match words.next() {
        Some(folder) => {
            let data = InteractionData::open(Path::new(&folder), &OpenOptions::default())?;
            (data.train, data.test)
        }
        None => made_up()?,
    };
    let dimension = words.next().map_or(Ok(64), |word| word.parse())?;
    let (users, items) = (table(train.users(), dimension, 1), table(train.items(), dimension, 2));
    let options = RankingOptions { ks: vec![20], groups: 10 };
    for _ in 0..3 {
        let begun = Instant::now();
        let ranking = evaluate_embeddings(&users, &items, dimension, &train, &test, &options)?;
        let seconds = begun.elapsed().as_secs_f64();
        let scores = ranking.users as f64 * train.items() as f64;
        println!(
            "{} users × {} items, dimension {dimension}: {seconds:.2} s, {:.0} million scores a second, recall@20 {:.5}",
            ranking.users,
            train.items(),
            scores / seconds / 1e6,
            ranking.measures[0].recall,
        );
    }
    Ok(())
}

fn made_up() -> Result<(Interactions, Interactions), Box<dyn Error>> {
    let law = PowerLaw { users: 29_858, items: 40_981, interactions: 1_027_000, ..PowerLaw::default() };
    let all = power_law(&law, 1)?;
    let part = |test: bool| {
        let pairs = all.pairs().enumerate().filter(|(at, _)| (at % 5 == 0) == test).map(|(_, pair)| pair);
        Interactions::from_pairs(law.users, law.items, pairs).0
    };
    Ok((part(false), part(true)))
}

fn table(rows: usize, dimension: usize, seed: u64) -> Vec<f32> {
    let mut random = Random::new(seed);
    (0..rows * dimension).map(|_| (random.bits() >> 40) as f32 / (1 << 24) as f32 - 0.5).collect()
}
