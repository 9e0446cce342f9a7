use std::cell::Cell;
use std::fs::{self, File};
use std::io::{self, Write};
use std::rc::Rc;

use serde::Deserialize;

use super::format::{META, STATE, SyncWrite};
use super::*;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Progress {
    epoch: usize,
    step: u64,
    loss_sum: f64,
    best: Option<f64>,
    missing: Option<f64>,
}

fn progress(step: u64) -> Progress {
    // A sum whose last bits a careless way through text would lose.
    let loss_sum = (0..step).map(|i| 1.0 / (i + 3) as f64).sum::<f64>() + 1e-9;
    Progress { epoch: 3, step, loss_sum, best: Some(1.0), missing: None }
}

fn checkpoint(step: u64) -> Checkpoint {
    let weights: Vec<f32> =
        (0..600).map(|i| (i as f32).sin() * step as f32).chain([f32::NAN, -0.0]).collect();
    let tensors = BTreeMap::from([
        ("model.weight".into(), TensorData::new(weights, [2, 301])),
        ("model.scalar".into(), TensorData::new(vec![0.1_f32], [1])),
        ("queue.labels".into(), TensorData::new(vec![i64::MIN, 0, i64::MAX], [3])),
        ("probe.weight".into(), TensorData::new(vec![0.1_f64], [1, 1])),
        ("counts".into(), TensorData::new(vec![-1_i32], [1])),
        ("frame".into(), TensorData::new(vec![0_u8, 255], [1, 2])),
        ("empty".into(), TensorData::new(Vec::<f32>::new(), [0, 4])),
    ]);
    Checkpoint::new("simclr", &progress(step), tensors).unwrap()
}

#[test]
fn what_is_attached_comes_and_goes_with_its_checkpoint() {
    let folder = folder();
    let attached = |text: &'static str| {
        move |path: &Path| {
            assert!(path.ends_with(format!(".last.new/{ATTACHED}")));
            fs::write(path, text).map_err(|error| Error::io("write", path, error))
        }
    };
    save_with(folder.path(), "last", &checkpoint(1), &mut attached("one")).unwrap();
    save_with(folder.path(), "last", &checkpoint(2), &mut attached("two")).unwrap();
    let full = |path: &Path| Err(Error::io("write", path, io::ErrorKind::StorageFull.into()));
    assert_eq!(save_with(folder.path(), "last", &checkpoint(3), &mut { full }).unwrap_err().exit_code(), 1);
    let loaded = load(folder.path(), "last").unwrap();
    assert_eq!(fs::read(loaded.source().join(ATTACHED)).unwrap(), b"two");
    assert_eq!((step(folder.path()), names(folder.path())), (2, vec!["last".to_owned()]));
    remove_all(folder.path()).unwrap();
    assert!(names(folder.path()).is_empty());
}

/// The step of the checkpoint `last`.
fn step(folder: &Path) -> u64 {
    load(folder, "last").unwrap().progress::<Progress>().unwrap().step
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(name).collect();
    names.sort();
    names
}

fn data_error<T: std::fmt::Debug>(result: Result<T>, parts: &[&str]) {
    let error = result.unwrap_err();
    assert_eq!(error.exit_code(), 3, "{error}");
    let message = error.to_string();
    assert!(parts.iter().all(|part| message.contains(part)), "{message}");
}

#[test]
fn a_checkpoint_comes_back_bit_by_bit() {
    let folder = folder();
    let saved = checkpoint(7);
    save(folder.path(), "last", &saved).unwrap();
    let loaded = load(folder.path(), "last").unwrap();
    assert_eq!(loaded.method, "simclr");
    assert_eq!(loaded.progress::<Progress>().unwrap(), progress(7));
    assert_eq!(loaded.tensors, saved.tensors, "bytes, shapes and types");
    // What was loaded can be read as numbers, whatever the alignment in the file.
    for data in loaded.tensors.values() {
        assert!(data.as_slice::<f32>().is_ok() || data.dtype() != burn::tensor::DType::F32);
    }
    assert_eq!(loaded.source(), folder.path().join("last"));
    assert_eq!(names(folder.path()), ["last"]);
}

#[test]
fn saving_replaces_and_names_are_independent() {
    let folder = folder();
    save(folder.path(), "best", &checkpoint(1)).unwrap();
    for step in 1..4 {
        save(folder.path(), "last", &checkpoint(step)).unwrap();
    }
    assert_eq!(step(folder.path()), 3);
    assert_eq!(load(folder.path(), "best").unwrap().progress::<Progress>().unwrap(), progress(1));
    assert_eq!(names(folder.path()), ["best", "last"]);
    assert_eq!(list(folder.path()).unwrap(), ["best", "last"]);
}

/// Every state that a process can die in while it replaces checkpoint 1 by 2, made by hand.
#[test]
fn a_process_may_die_at_any_moment() {
    type Prepare = fn(&Path, &Path);
    let states: [(&str, u64, Prepare); 5] = [
        ("half of the new one", 1, |old, new| {
            fs::rename(new.join("last"), old.join(".last.new")).unwrap();
            fs::remove_file(old.join(".last.new").join(META)).unwrap();
        }),
        ("all of the new one", 1, |old, new| fs::rename(new.join("last"), old.join(".last.new")).unwrap()),
        ("old one out of the way", 1, |old, new| {
            fs::rename(old.join("last"), old.join(".last.previous")).unwrap();
            fs::rename(new.join("last"), old.join(".last.new")).unwrap();
        }),
        ("new one in place", 2, |old, new| {
            fs::rename(old.join("last"), old.join(".last.previous")).unwrap();
            fs::rename(new.join("last"), old.join("last")).unwrap();
        }),
        ("half of the old one removed", 2, |old, new| {
            fs::rename(old.join("last"), old.join(".last.previous")).unwrap();
            fs::remove_file(old.join(".last.previous").join(STATE)).unwrap();
            fs::rename(new.join("last"), old.join("last")).unwrap();
        }),
    ];
    for (number, (state, expected, prepare)) in states.into_iter().chain(states).enumerate() {
        let (old, new) = (folder(), folder());
        save(old.path(), "last", &checkpoint(1)).unwrap();
        save(new.path(), "last", &checkpoint(2)).unwrap();
        prepare(old.path(), new.path());
        assert_eq!(step(old.path()), expected, "{state}");
        assert_eq!(list(old.path()).unwrap(), ["last"], "{state}");
        // Going on with the run puts the folder in order, and so does the next save.
        if number % 2 == 0 {
            clear_all_leftovers(old.path()).unwrap();
            assert_eq!(step(old.path()), expected, "{state}");
            assert_eq!(names(old.path()), ["last"], "{state}");
        }
        save(old.path(), "last", &checkpoint(3)).unwrap();
        assert_eq!(step(old.path()), 3, "{state}");
        assert_eq!(names(old.path()), ["last"], "{state}");
    }
}

/// A file on a disk with room for `left` more bytes.
struct FullDisk {
    file: File,
    left: Rc<Cell<usize>>,
}

impl Write for FullDisk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.left.get() == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let written = self.file.write(&bytes[..bytes.len().min(self.left.get())])?;
        self.left.set(self.left.get() - written);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl SyncWrite for FullDisk {
    fn sync(&self) -> io::Result<()> {
        if self.left.get() == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

#[test]
fn a_full_disk_leaves_the_previous_checkpoint() {
    let folder = folder();
    save(folder.path(), "last", &checkpoint(1)).unwrap();
    let files = [STATE, META].map(|file| fs::metadata(folder.path().join("last").join(file)).unwrap().len());
    let all = files.iter().sum::<u64>() as usize;
    for room in [0, 1, all / 2, files[0] as usize, files[0] as usize + 1, all - 1] {
        let left = Rc::new(Cell::new(room));
        let open = |path: &Path| Ok(FullDisk { file: File::create(path)?, left: Rc::clone(&left) });
        let error = store::save_by(folder.path(), "last", &checkpoint(2), open, &mut |_| Ok(())).unwrap_err();
        assert_eq!(error.exit_code(), 1);
        assert!(error.to_string().contains("free some disk space"), "{error}");
        assert_eq!(step(folder.path()), 1, "room for {room} bytes");
        assert_eq!(names(folder.path()), ["last"], "room for {room} bytes");
    }
}

#[test]
fn damage_is_found_and_explained() {
    let folder = folder();
    let reset = || save(folder.path(), "last", &checkpoint(1)).unwrap();
    let (state, meta) = (folder.path().join("last").join(STATE), folder.path().join("last").join(META));
    let loaded = || load(folder.path(), "last");

    reset();
    let bytes = fs::read(&state).unwrap();
    fs::write(&state, &bytes[..bytes.len() - 1]).unwrap();
    data_error(loaded(), &[STATE, "truncated", "resume from another checkpoint"]);

    reset();
    let mut bytes = fs::read(&state).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&state, bytes).unwrap();
    data_error(loaded(), &[STATE, "checksum"]);

    reset();
    fs::remove_file(&state).unwrap();
    data_error(loaded(), &[STATE, "cannot read"]);

    for text in ["", "{", "format = 1", "format = \"x\"", "\u{0}\u{0}"] {
        reset();
        fs::write(&meta, text).unwrap();
        data_error(loaded(), &[META, "not the description of a checkpoint"]);
    }

    reset();
    let text = fs::read_to_string(&meta).unwrap();
    let text = text.replace("format = 1", "format = 9").replace(env!("CARGO_PKG_VERSION"), "7.0.0");
    fs::write(&meta, text).unwrap();
    data_error(loaded(), &[META, "format 9", "selfsame 7.0.0"]);
}

#[test]
fn missing_checkpoints_name_those_that_are_there() {
    let folder = folder();
    data_error(load(folder.path(), "last"), &["last", "no such checkpoint", "no checkpoints yet"]);
    data_error(load(&folder.path().join("nowhere"), "last"), &["nowhere", "no checkpoints yet"]);
    save(folder.path(), "last", &checkpoint(1)).unwrap();
    save(folder.path(), "epoch-0002", &checkpoint(1)).unwrap();
    data_error(load(folder.path(), "best"), &["best: there is no such", "there are: epoch-0002, last"]);
}

#[test]
fn names_cannot_leave_the_folder() {
    let folder = folder();
    for name in ["", "..", "../last", "a/b", ".last.new"] {
        let error = load(folder.path(), name).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{error}");
        assert!(save(folder.path(), name, &checkpoint(1)).is_err());
    }
}

#[test]
fn overwriting_a_run_spares_what_training_did_not_write() {
    let folder = folder();
    for name in ["last", "best", "epoch-0002", "backup"] {
        save(folder.path(), name, &checkpoint(1)).unwrap();
    }
    fs::create_dir(folder.path().join(".best.new")).unwrap();
    fs::write(folder.path().join("best").join("notes.txt"), "mine").unwrap();
    remove_all(folder.path()).unwrap();
    assert_eq!(names(folder.path()), ["backup", "best"]);
    assert_eq!(names(&folder.path().join("best")), ["notes.txt"]);
    assert_eq!(list(folder.path()).unwrap(), ["backup"]);
}

#[test]
fn tensors_are_taken_by_name_and_shape() {
    let folder = folder();
    save(folder.path(), "last", &checkpoint(1)).unwrap();
    let mut loaded = load(folder.path(), "last").unwrap();
    data_error(loaded.take("head.bias", &[1]), &["last: ", "no tensor `head.bias`", "written by simclr"]);
    data_error(loaded.clone().finish(), &["does not know", "`counts` (7 left)"]);
    assert_eq!(
        loaded.take("queue.labels", &[3]).unwrap().as_slice::<i64>().unwrap(),
        [i64::MIN, 0, i64::MAX]
    );
    let wrong = loaded.clone().take("model.weight", &[2, 300]);
    data_error(wrong, &["`model.weight` has shape [2, 301], this run needs [2, 300]"]);
    for (name, shape) in [("model.weight", &[2, 301][..]), ("model.scalar", &[1]), ("probe.weight", &[1, 1])]
    {
        loaded.take(name, shape).unwrap();
    }
    loaded.take("counts", &[1]).unwrap();
    loaded.take("empty", &[0, 4]).unwrap();
    assert_eq!(loaded.take("frame", &[1, 2]).unwrap().try_to_vec::<u8>().unwrap(), [0, 255]);
    loaded.finish().unwrap();
}

#[test]
fn whole_parts_are_taken_by_prefix() {
    let mut checkpoint = checkpoint(1);
    let names: Vec<String> = checkpoint.take_part("model").into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["scalar", "weight"]);
    assert!(checkpoint.take_part("model").is_empty() && checkpoint.take_part("mod").is_empty());
    assert_eq!(checkpoint.tensors.len(), 5);
}

#[test]
fn checkpoints_of_other_methods_and_versions_are_refused() {
    #[derive(Debug, Deserialize)]
    struct Other {
        #[allow(dead_code)]
        lap: usize,
    }
    let checkpoint = checkpoint(1);
    checkpoint.check_method("simclr").unwrap();
    data_error(checkpoint.check_method("byol"), &["written by simclr, this run trains byol"]);
    data_error(checkpoint.progress::<Other>(), &["unknown kind of progress", "missing field `lap`"]);
}

/// The real thing: a process that saves all the time is killed at arbitrary moments.
#[cfg(unix)]
#[test]
fn sigkill_never_costs_the_checkpoint() {
    let folder = folder();
    save(folder.path(), "last", &checkpoint(0)).unwrap();
    let name = format!("{}::part_saves_forever", module_path!().split_once("::").unwrap().1);
    let mut furthest = 0;
    for round in 0..6 {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", &name, "--ignored"])
            .env("SELFSAME_TEST_FOLDER", folder.path())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(60 + 17 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        let step = step(folder.path());
        assert!(step >= furthest, "{step} after {furthest}");
        furthest = step;
    }
    // On a machine too busy to start a process in that time there was nothing to lose.
}

#[test]
#[ignore = "run by another test in a process of its own"]
fn part_saves_forever() {
    let Some(folder) = std::env::var_os("SELFSAME_TEST_FOLDER").map(PathBuf::from) else { return };
    loop {
        save(&folder, "last", &checkpoint(step(&folder) + 1)).unwrap();
    }
}
