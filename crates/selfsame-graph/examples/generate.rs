//! Makes interactions up by power laws, for the sample in `data/interactions/` and for measuring at any size.
//!
//! Usage: `generate FOLDER [USERS ITEMS INTERACTIONS [SEED]]`: writes `train.txt` and `test.txt`, `user item item …` a line. Every fifth of a user's
//! interactions, in random order, is for the test. By default as many as in the sample; at the size of 10 million: `generate big 300000 100000
//! 10000000`.

use std::error::Error;
use std::io::Write;
use std::path::Path;

use selfsame_core::{Random, atomic_file};
use selfsame_graph::data::{PowerLaw, power_law};

/// Of so many interactions of a user one is for the test.
const SHARE: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let folder = words.next().ok_or("name a folder to write into")?;
    let mut numbers = [800, 500, 20_000, 1];
    for (number, word) in numbers.iter_mut().zip(words) {
        *number = word.parse()?;
    }
    let [users, items, interactions, seed] = numbers;
    let made = power_law(&PowerLaw { users, items, interactions, ..PowerLaw::default() }, seed as u64)?;
    let root = Random::new(seed as u64).named("test");
    let parts = (0..users).map(|user| {
        let mut own = made.of(user).to_vec();
        root.at(user as u64).shuffle(&mut own);
        let mut train = own.split_off(own.len() / SHARE);
        train.sort_unstable();
        own.sort_unstable();
        [train, own]
    });
    let parts: Vec<_> = parts.collect();

    std::fs::create_dir_all(&folder)?;
    for (part, name) in ["train.txt", "test.txt"].into_iter().enumerate() {
        let path = Path::new(&folder).join(name);
        let mut count = 0;
        atomic_file::write(&path, |file| {
            for (user, parts) in parts.iter().enumerate().filter(|(_, parts)| !parts[part].is_empty()) {
                write!(file, "{user}")?;
                for item in &parts[part] {
                    write!(file, " {item}")?;
                }
                writeln!(file)?;
                count += parts[part].len();
            }
            Ok(())
        })?;
        println!("{}: {count} interactions", path.display());
    }
    Ok(())
}
