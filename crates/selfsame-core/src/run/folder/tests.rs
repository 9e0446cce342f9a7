use super::*;
use crate::run::{DataRecord, Status};

fn record() -> RunRecord {
    RunRecord::begin(
        "simclr",
        7,
        DataRecord { path: "photos".into(), instances: 10, fingerprint: "ab".into() },
    )
}

fn run(path: &Path) -> RunFolder {
    let folder = RunFolder::create(path, false).unwrap();
    folder.write_record(&record()).unwrap();
    folder
}

fn refused(result: Result<RunFolder>) -> (u8, String) {
    let error = result.unwrap_err();
    (error.exit_code(), error.to_string())
}

#[test]
fn a_new_run_is_created_with_its_parents_and_opened_again() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("runs/a");
    let folder = run(&path);
    folder.write_config(&toml::from_str("[run]\nepochs = 3").unwrap()).unwrap();
    let opened = RunFolder::open(&path).unwrap();
    assert_eq!(opened.record().unwrap(), folder.record().unwrap());
    assert_eq!(fs::read_to_string(opened.config()).unwrap(), "[run]\nepochs = 3\n");
}

#[test]
fn records_remember_how_a_run_ended() {
    let parent = tempfile::tempdir().unwrap();
    let folder = run(&parent.path().join("a"));
    let mut record = folder.record().unwrap();
    record.results.insert("knn_before".into(), 0.25.into());
    record.end(Status::Stopped, Some("SIGTERM at step 12".into()));
    folder.write_record(&record).unwrap();
    let text = fs::read_to_string(folder.path().join("run.json")).unwrap();
    assert!(text.contains("\"status\": \"stopped\"") && text.contains("\"knn_before\": 0.25"), "{text}");
    let mut read = folder.record().unwrap();
    assert_eq!(read, record);
    read.resume();
    assert_eq!((read.status, read.reason, read.ended), (Status::Running, None, None));
}

#[test]
fn a_run_that_nobody_trains_any_more_was_killed() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("a");
    let folder = run(&path);
    let mut record = folder.record().unwrap();
    let reader = RunFolder::open(&path).unwrap();
    assert_eq!(reader.status(&record), Status::Running);
    drop(folder);
    assert_eq!(reader.status(&record), Status::Killed);
    record.end(Status::Failed, None);
    assert_eq!(reader.status(&record), Status::Failed);
}

#[test]
fn an_existing_run_is_refused_with_what_to_type() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("a");
    drop(run(&path));
    let (code, message) = refused(RunFolder::create(&path, false));
    assert_eq!(code, 2);
    let resume = format!("`selfsame resume {}`", path.display());
    assert!(message.contains(&resume) && message.contains("--overwrite"), "{message}");
}

#[test]
fn overwriting_removes_the_run_and_nothing_else() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("a");
    let folder = run(&path);
    for file in [folder.config(), folder.metrics(), folder.log(), folder.bad_files()] {
        fs::write(file, "old").unwrap();
    }
    fs::write(path.join("events.out.tfevents.1.host"), "old").unwrap();
    let last = folder.checkpoints().join("last");
    fs::create_dir_all(&last).unwrap();
    fs::write(last.join("state.safetensors"), "old").unwrap();
    fs::write(last.join("checkpoint.toml"), "old").unwrap();
    fs::write(path.join("notes.txt"), "mine").unwrap();
    fs::write(folder.checkpoints().join("notes.txt"), "mine").unwrap();
    fs::create_dir(folder.pictures()).unwrap();
    fs::write(folder.pictures().join("segmentation.png"), "old").unwrap();
    drop(folder);

    let folder = RunFolder::create(&path, true).unwrap();
    let mut left: Vec<_> =
        fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    left.sort();
    assert_eq!(left, [".lock", "checkpoints", "notes.txt", "run.json"]);
    assert!(!last.exists() && folder.checkpoints().join("notes.txt").exists());
}

#[test]
fn foreign_folders_and_files_are_never_touched() {
    let parent = tempfile::tempdir().unwrap();
    let file = parent.path().join("notes.txt");
    fs::write(&file, "mine").unwrap();
    for overwrite in [false, true] {
        let (code, message) = refused(RunFolder::create(parent.path(), overwrite));
        assert_eq!(code, 2);
        assert!(message.contains("is not empty and holds no run"), "{message}");
        assert_eq!(refused(RunFolder::create(&file, overwrite)).0, 2);
    }
    assert_eq!(fs::read_to_string(file).unwrap(), "mine");
    assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1);
}

#[test]
fn a_folder_is_free_while_nothing_was_written() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("a");
    fs::create_dir(&path).unwrap();
    fs::write(path.join(LOCK), "process 1").unwrap();
    fs::write(path.join(".a.selfsame-tmp"), "{").unwrap();
    RunFolder::create(&path, false).unwrap();
    assert_eq!(fs::read_dir(&path).unwrap().count(), 1);
}

#[test]
fn missing_and_broken_runs_are_data_errors() {
    let parent = tempfile::tempdir().unwrap();
    let (code, message) = refused(RunFolder::open(parent.path().join("nowhere")));
    assert!(code == 3 && message.contains("nowhere: there is no such run"), "{message}");
    let (code, message) = refused(RunFolder::resume(parent.path()));
    assert!(code == 3 && message.contains("no run.json"), "{message}");
    fs::write(parent.path().join("run.json"), "{").unwrap();
    let error = RunFolder::open(parent.path()).unwrap().record().unwrap_err();
    assert!(error.exit_code() == 3 && error.to_string().contains("run.json"), "{error}");
}

#[test]
fn two_cannot_train_into_one_run_but_reading_is_free() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("a");
    let folder = run(&path);
    for result in [RunFolder::resume(&path), RunFolder::create(&path, true)] {
        let (code, message) = refused(result);
        assert_eq!(code, 2);
        let owner = format!("process {}", std::process::id());
        assert!(message.contains("another process") && message.contains(&owner), "{message}");
    }
    RunFolder::open(&path).unwrap();
    drop(folder);
    RunFolder::resume(&path).unwrap();
}
