//! Trainings that are stopped or fail, and go on.

use super::*;

#[test]
fn a_stopped_training_goes_on_to_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole");
    Toy::new().begin(&whole, 0).unwrap();
    for stop_at in [1, 7, 8, 23, 39] {
        let run = folder.path().join(format!("stopped-{stop_at}"));
        let report = Toy::new().begin(&run, stop_at).unwrap();
        assert_eq!((report.outcome, report.progress.step), (Outcome::Stopped(Stop::Interrupt), stop_at));
        let report = Toy::new().go_on(&run).unwrap();
        assert_eq!(report.outcome, Outcome::Finished);
        assert!(last(&run) == last(&whole), "stopped after step {stop_at}");
        assert_eq!(records(&run), records(&whole), "stopped after step {stop_at}");
    }
}

#[test]
fn an_environment_that_cannot_go_on_begins_an_episode() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let toy = Toy { resumes: false, ..Toy::new() };
    // In the midst of an episode: none has a single step.
    toy.begin(&run, 1).unwrap();
    toy.told();
    let report = toy.go_on(&run).unwrap();
    assert_eq!((report.outcome, report.progress.step), (Outcome::Finished, 40));
    let told = toy.told();
    assert_eq!(told[..2], ["reset", "act [0, 0] Random"]);
    let episodes: Vec<_> = records(&run).into_iter().filter(|record| record.kind == Kind::Episode).collect();
    assert_eq!(episodes[0].value("episode"), Some(2.0), "the first was lost");
    // Of six transitions, that of the lost episode is never drawn, since nobody knows what it led to, and the newest not yet.
    assert!(told.contains(&"learn 0 of 4".to_owned()), "{told:?}");
}

#[test]
fn an_environment_that_fails_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole");
    let toy = Toy::new();
    toy.begin(&whole, 0).unwrap();
    // What the environment was asked for, in order: steps, and the beginnings of episodes.
    let told = toy.told();
    let asked: Vec<bool> = (told.iter())
        .filter(|line| line.starts_with("step") || *line == "reset")
        .map(|line| line.starts_with("step"))
        .collect();
    // Some steps, with updates and without, and every beginning but the first.
    let cases = (1..asked.len() - 1).filter(|&at| !asked[at] || matches!(at, 3 | 17 | 18));
    for (number, fails_after) in cases.enumerate() {
        let resumes = number.is_multiple_of(2);
        let run = folder.path().join(format!("fails-{fails_after}"));
        let broken = Toy { resumes, fails_after: Some(fails_after), ..Toy::new() };
        let error = broken.begin(&run, 0).unwrap_err();
        assert!(error.exit_code() == 3 && error.to_string().contains("the toy is broken"), "{error}");
        assert_eq!(RunFolder::open(&run).unwrap().record().unwrap().status, Status::Failed);
        let steps = asked[..fails_after].iter().filter(|is_step| **is_step).count();
        assert_eq!(last(&run).1.progress.step, steps, "all steps before are saved");
        let report = Toy { resumes, ..Toy::new() }.go_on(&run).unwrap();
        assert_eq!((report.outcome, report.progress.epoch, report.progress.step), (Outcome::Finished, 5, 40));
        // An update may have been made while the step failed; it is made again then.
        let learned = steps >= 6 && steps.is_multiple_of(2) && asked[fails_after];
        if resumes && !learned {
            assert!(last(&run) == last(&whole), "failed after {fails_after}");
            assert_eq!(records(&run), records(&whole), "failed after {fails_after}");
        }
    }
}

#[test]
fn a_loss_that_is_no_number_ends_the_training() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let error = Toy { broken_at: Some(3), ..Toy::new() }.begin(&run, 0).unwrap_err();
    assert!(error.exit_code() == 5 && error.to_string().contains("update 4"), "{error}");
    assert_eq!(RunFolder::open(&run).unwrap().record().unwrap().status, Status::Failed);
    // A best agent was saved by then, but nothing to go on from save the beginning.
    assert!(run.join("checkpoints/best").exists());
    Toy::new().go_on(&run).unwrap();
    let whole = folder.path().join("whole");
    Toy::new().begin(&whole, 0).unwrap();
    assert!(last(&run) == last(&whole) && records(&run) == records(&whole));
}

#[test]
fn a_checkpoint_of_another_environment_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    Toy::new().begin(&run, 9).unwrap();
    let file = run.join("checkpoints/last/checkpoint.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("\"counting\"", "\"catch\"")).unwrap();
    let error = Toy::new().go_on(&run).unwrap_err();
    assert!(error.exit_code() == 3, "{error}");
    assert!(error.to_string().contains("an agent in catch, this run is in counting"), "{error}");
}
