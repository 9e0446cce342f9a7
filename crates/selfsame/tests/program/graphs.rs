//! The repository's sample of interactions, and a run that has learned from it.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, Weak};

use crate::workshop::Workshop;

/// A folder with the sample in `interactions/`.
pub fn with_interactions() -> Workshop {
    let here = Workshop::empty();
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/interactions");
    fs::create_dir(here.path("interactions")).unwrap();
    for name in ["train.txt", "test.txt", "README.md"] {
        fs::copy(sample.join(name), here.path("interactions").join(name)).unwrap();
    }
    here
}

/// The same with a finished training in `run/`, shared by all tests that only read it.
pub fn trained() -> Arc<Workshop> {
    static SHARED: Mutex<Weak<Workshop>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    shared.upgrade().unwrap_or_else(|| {
        let here = Arc::new(with_interactions());
        train(&here, "run", &["--set", "data.validation_share=0.1"]);
        *shared = Arc::downgrade(&here);
        here
    })
}

/// A short training of matrix factorisation.
pub fn train(here: &Workshop, run: &str, more: &[&str]) {
    let words = ["pretrain", "mf", "--data", "interactions", "--out", run, "--epochs", "2", "--quiet"];
    here.run(&[&words[..], &["--set", "backbone.dimension=8"], more].concat()).succeeds();
}
