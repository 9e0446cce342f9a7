//! Several environments that step at the same time.

use super::*;

fn two() -> Toy {
    Toy { environments: 2, ..Toy::new() }
}

fn episodes(folder: &Path) -> Vec<Record> {
    records(folder).into_iter().filter(|record| record.kind == Kind::Episode).collect()
}

#[test]
fn a_round_is_a_step_of_each_and_as_many_updates() {
    let (toy, folder) = (two(), tempfile::tempdir().unwrap());
    let run = folder.path().join("run");
    let report = toy.begin(&run, 0).unwrap();
    assert_eq!((report.outcome, report.progress.epoch, report.progress.step), (Outcome::Finished, 5, 40));
    let told = toy.told();
    let count = |start: &str| told.iter().filter(|line| line.starts_with(start)).count();
    // As many updates as with one environment, every second step from step 6 on.
    assert_eq!((count("act"), count("step"), count("learn")), (20, 40, 17));
    // Steps 0 to 3 are random: a round of which one step is, is so as a whole.
    assert_eq!(told.iter().filter(|line| line.starts_with("act") && line.ends_with("Random")).count(), 2);
    assert_eq!(told.iter().filter(|line| *line == "act [0, 0, 0, 0] Random").count(), 1);

    // Every environment has its own episodes: those that have ended cover all steps but those that go on.
    let episodes = episodes(&run);
    let (_, standing, _) = last(&run);
    let going_on: f64 = standing.control.episodes.iter().map(|episode| episode.length as f64).sum();
    let ended: f64 = episodes.iter().filter_map(|episode| episode.value("length")).sum();
    assert_eq!(ended + going_on, 40.0);
    assert!(episodes.iter().all(|episode| (3.0..=6.0).contains(&episode.value("length").unwrap())));
    let mut numbers: Vec<_> = episodes.iter().filter_map(|episode| episode.value("episode")).collect();
    numbers.extend(standing.control.episodes.iter().map(|episode| (episode.number + 1) as f64));
    numbers.sort_by(f64::total_cmp);
    assert_eq!(numbers, (1..=standing.control.begun).map(|number| number as f64).collect::<Vec<_>>());
    // A record is due every five steps, and written at the end of the round.
    let steps: Vec<_> =
        records(&run).iter().filter(|record| record.kind == Kind::Step).map(|record| record.step).collect();
    assert_eq!(steps, [6, 10, 16, 20, 26, 30, 36, 40]);
}

#[test]
fn they_go_on_to_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole");
    two().begin(&whole, 0).unwrap();
    for stop_at in [2, 8, 22, 38] {
        let run = folder.path().join(format!("stopped-{stop_at}"));
        let report = two().begin(&run, stop_at).unwrap();
        assert_eq!((report.outcome, report.progress.step), (Outcome::Stopped(Stop::Interrupt), stop_at));
        assert_eq!(two().go_on(&run).unwrap().outcome, Outcome::Finished);
        assert!(last(&run) == last(&whole), "stopped after step {stop_at}");
        assert_eq!(records(&run), records(&whole), "stopped after step {stop_at}");
    }
}

#[test]
fn one_that_fails_ends_the_training_and_nothing_stored_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    for fails_after in 1..20 {
        let run = folder.path().join(format!("fails-{fails_after}"));
        let broken = Toy { fails_after: Some(fails_after), ..two() };
        let error = broken.begin(&run, 0).unwrap_err();
        assert!(error.exit_code() == 3 && error.to_string().contains("the toy is broken"), "{error}");
        let steps = last(&run).1.progress.step;
        assert!(
            steps.is_multiple_of(2) && steps > 0 || fails_after == 1,
            "{steps} steps after {fails_after}"
        );
        let report = two().go_on(&run).unwrap();
        assert_eq!((report.outcome, report.progress.step), (Outcome::Finished, 40));
        // What had ended is told once.
        let mut numbers: Vec<_> = episodes(&run).iter().filter_map(|of| of.value("episode")).collect();
        let all = numbers.len();
        numbers.sort_by(f64::total_cmp);
        numbers.dedup();
        assert_eq!(numbers.len(), all);
    }
}

#[test]
fn steps_that_are_no_whole_rounds_are_refused() {
    let schedule = ScheduleSettings { steps: 40, epoch_steps: 8 };
    schedule.check_rounds(1).unwrap();
    schedule.check_rounds(4).unwrap();
    let error = schedule.check_rounds(3).unwrap_err();
    assert!(error.exit_code() == 2 && error.to_string().contains("--set schedule.steps=42"), "{error}");
    let data = |environments: usize| {
        let set = format!("data.environments={environments}");
        let layers = Layers::new(DEFAULTS.parse().unwrap()).set(&set).unwrap().set("data.env=catch").unwrap();
        DataSettings::of(&layers.resolve()).unwrap()
    };
    assert_eq!(data(3).open_all().unwrap().len(), 3);
    assert!(data(0).open_all().is_err_and(|error| error.exit_code() == 2));
}
