//! A disk that is full, as far as the program can tell.

#![cfg(unix)]

use crate::workshop::{Said, Workshop};

/// Room for the untrained network's checkpoint, not for one with the optimiser's state.
const KIBIBYTES: u32 = 300;

#[test]
fn a_full_disk_leaves_the_previous_checkpoint_and_the_training_goes_on_later() {
    let here = Workshop::new();
    here.pretrain("whole", &[]).succeeds();
    let [before, after] = ["whole", "whole"].map(|run| here.state(run, "last").len() as u64);
    assert!(before == after && after > 1024 * u64::from(KIBIBYTES), "{after} bytes fit the limit");

    let words = here.pretraining("run", &["--quiet"]);
    let words: Vec<String> = words.get_args().map(|word| word.to_string_lossy().into_owned()).collect();
    // Without the signal, a file above the limit is an error of writing.
    let script = format!("trap '' XFSZ; ulimit -f {KIBIBYTES}; exec \"$PROGRAM\" \"$@\"");
    let said = Said::of(here.shell(&script).arg("program").args(words).output().unwrap());
    said.fails(
        1,
        &["cannot write run/checkpoints/", "state.safetensors", "free some disk space", "selfsame resume"],
    );

    assert_eq!(here.json("run/run.json")["status"], "failed");
    assert!(here.names("run/checkpoints") == ["last"], "{:?}", here.names("run/checkpoints"));
    here.run(&["eval", "knn", "run", "--data", "photos", "--quiet"]).succeeds();
    here.run(&["resume", "run", "--quiet"]).succeeds();
    here.assert_same("whole", "run");
}

#[test]
fn what_does_not_fit_leaves_no_half_files() {
    let here = Workshop::trained();
    let limited = |words: &str| {
        let script = format!("trap '' XFSZ; ulimit -f 1; exec \"$PROGRAM\" {words}");
        Said::of(here.shell(&script).output().unwrap())
    };
    let before = here.names(".");
    for (words, file) in [
        ("export run -o full.safetensors", "full.safetensors"),
        ("embed run --data photos -o full.npy --quiet", "full.npy"),
        ("embed run --data photos -o full.parquet --quiet", "full.parquet"),
        ("data pack photos -o full.pack --quiet", "full.pack"),
        ("data preview photos -o full.png", "full.png"),
    ] {
        limited(words).fails(1, &[&format!("cannot write {file}"), "free some disk space"]);
    }
    assert_eq!(before, here.names("."));
}
