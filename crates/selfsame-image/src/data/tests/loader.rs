use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use selfsame_core::{Random, Result};

use super::super::{Loader, LoaderOptions, PictureRender, decode, evaluation_batches};
use super::{folder_of, open_shared, png, write};
use crate::view::{Pipeline, Scratch, Views, recipe};

const SIDE: usize = 8;

fn pipeline() -> Pipeline {
    Pipeline::new(recipe::SIMCLR, SIDE, 2).unwrap()
}

fn options() -> LoaderOptions {
    LoaderOptions { batch_size: 4, workers: 1, ahead: 2, rank: 0, world: 1, max_bad_share: 0.05 }
}

fn loader(folder: &Path, options: LoaderOptions) -> Loader {
    Loader::new(PictureRender::new(open_shared(folder), pipeline()), Random::new(11), options).unwrap()
}

fn batches(loader: &Loader, epoch: u64, first_step: usize) -> Vec<Views> {
    loader.epoch(epoch, first_step).unwrap().collect::<Result<_>>().unwrap()
}

#[test]
fn batches_are_what_the_seed_says() {
    let folder = folder_of(23);
    let dataset = open_shared(folder.path());
    let loader = loader(folder.path(), options());
    assert_eq!(loader.batches_per_epoch(), 5);
    let random = Random::new(11);
    let (pipeline, mut scratch, mut buffer) = (pipeline(), Scratch::default(), Vec::new());
    for epoch in 0..2 {
        let order = dataset.order(epoch, &random);
        let batches = batches(&loader, epoch, 0);
        assert_eq!(batches.len(), 5);
        for (batch, rows) in batches.iter().zip(order.chunks(4)) {
            for (place, &row) in rows.iter().enumerate() {
                let index = row as usize;
                assert_eq!(batch.instances[place], index);
                let picture = decode(dataset.read(index, &mut buffer).unwrap(), 1).unwrap();
                let stream = random.named("views").at(epoch).at(u64::from(row));
                for view in 0..2 {
                    let geometry = pipeline.sample_geometry(&stream, view, picture.width, picture.height);
                    assert_eq!(batch.geometry[view][place], geometry);
                    let mut expected = vec![0.0; 3 * SIDE * SIDE];
                    pipeline.render(&stream, view, &picture, &geometry, &mut scratch, &mut expected);
                    let length = expected.len();
                    assert_eq!(batch.pixels[view][place * length..][..length], expected);
                }
            }
        }
    }
}

#[test]
fn the_number_of_workers_changes_nothing() {
    let folder = folder_of(23);
    let expected = batches(&loader(folder.path(), options()), 3, 0);
    for (workers, ahead) in [(3, 1), (8, 5)] {
        let loader = loader(folder.path(), LoaderOptions { workers, ahead, ..options() });
        assert_eq!(batches(&loader, 3, 0), expected);
    }
}

#[test]
fn an_epoch_resumes_anywhere() {
    let folder = folder_of(23);
    let loader = loader(folder.path(), LoaderOptions { workers: 2, ..options() });
    let whole = batches(&loader, 1, 0);
    for first in 0..=6 {
        assert_eq!(batches(&loader, 1, first), whole[first.min(5)..]);
    }
}

#[test]
fn ranks_split_the_global_batch() {
    let folder = folder_of(23);
    let whole = batches(&loader(folder.path(), options()), 0, 0);
    for rank in 0..2 {
        let of_rank = loader(folder.path(), LoaderOptions { batch_size: 2, rank, world: 2, ..options() });
        assert_eq!(of_rank.batches_per_epoch(), 5);
        for (part, whole) in batches(&of_rank, 0, 0).iter().zip(&whole) {
            let rows = 2 * rank..2 * rank + 2;
            assert_eq!(part.instances, whole.instances[rows.clone()]);
            let length = 3 * SIDE * SIDE;
            for view in 0..2 {
                assert_eq!(part.geometry[view], whole.geometry[view][rows.clone()]);
                assert_eq!(part.pixels[view], whole.pixels[view][rows.start * length..rows.end * length]);
            }
        }
    }
}

#[test]
fn given_back_memory_changes_nothing() {
    let folder = folder_of(23);
    let loader = loader(folder.path(), options());
    let expected = batches(&loader, 0, 0);
    for (batch, expected) in loader.epoch(0, 0).unwrap().zip(&expected) {
        let batch = batch.unwrap();
        assert_eq!(batch, *expected);
        loader.recycle(batch);
    }
    assert_eq!(batches(&loader, 0, 0), expected);
}

#[test]
fn a_batch_larger_than_the_data_is_refused_with_the_remedy() {
    let folder = folder_of(3);
    let error = |options| {
        Loader::new(PictureRender::new(open_shared(folder.path()), pipeline()), Random::new(1), options)
            .err()
            .unwrap()
    };
    let too_large = error(options());
    assert_eq!(too_large.exit_code(), 2);
    let message = too_large.to_string();
    assert!(
        message.contains("batch of 4") && message.contains("3 pictures") && message.contains("at most 3")
    );
    assert_eq!(error(LoaderOptions { batch_size: 0, ..options() }).exit_code(), 2);
}

#[test]
fn bad_files_are_replaced_and_remembered() {
    let folder = folder_of(24);
    write(folder.path(), "005.png", b"text");
    write(folder.path(), "007.png", &png(7)[..60]);
    let with = |workers| loader(folder.path(), LoaderOptions { workers, max_bad_share: 0.1, ..options() });
    let one = with(1);
    let expected = batches(&one, 0, 0);
    assert_eq!(expected.len(), 6);
    for batch in &expected {
        assert_eq!(batch.instances.len(), 4);
        assert!(batch.instances.iter().all(|index| ![5, 7].contains(index)));
    }
    let bad = one.bad_files();
    assert_eq!(bad.iter().map(|file| file.name.as_str()).collect::<Vec<_>>(), ["005.png", "007.png"]);
    assert_eq!(bad[0].reason, "the content is not a picture");
    assert_eq!(bad[1].reason, "the file is truncated");
    // The substitutes are the seed's choice, too.
    assert_eq!(batches(&with(4), 0, 0), expected);
    assert_eq!(batches(&with(2), 0, 3), expected[3..]);
}

#[test]
fn too_many_bad_files_end_the_epoch() {
    let folder = folder_of(24);
    for name in ["005.png", "007.png"] {
        write(folder.path(), name, b"");
    }
    let loader = loader(folder.path(), options());
    let outcomes: Vec<_> = loader.epoch(0, 0).unwrap().collect();
    let error = outcomes.last().unwrap().as_ref().err().unwrap();
    assert_eq!(error.exit_code(), 3);
    let message = error.to_string();
    for part in ["2 of 24", "5 %", "005.png (the file is empty)", "007.png", "max_bad_share"] {
        assert!(message.contains(part), "{message}");
    }
    assert!(outcomes.iter().rev().skip(1).all(Result::is_ok));
}

#[test]
fn data_that_is_all_bad_ends_at_once() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..50 {
        write(folder.path(), &format!("{number}.png"), b"text");
    }
    let loader = loader(folder.path(), LoaderOptions { max_bad_share: 1.0, ..options() });
    assert!(loader.epoch(0, 0).unwrap().next().unwrap().is_err());
}

#[test]
fn files_may_vanish_during_training() {
    let folder = folder_of(24);
    let loader = loader(folder.path(), LoaderOptions { max_bad_share: 0.2, ..options() });
    assert_eq!(batches(&loader, 0, 0).len(), 6);
    fs::remove_file(folder.path().join("003.png")).unwrap();
    let after = batches(&loader, 1, 0);
    assert_eq!(after.len(), 6);
    assert!(after.iter().all(|batch| !batch.instances.contains(&3)));
    assert_eq!(loader.bad_files()[0].name, "003.png");
}

#[test]
fn an_epoch_may_be_left_at_any_moment() {
    let folder = folder_of(24);
    let loader = loader(folder.path(), LoaderOptions { workers: 3, ahead: 1, ..options() });
    let start = Instant::now();
    for taken in 0..4 {
        let mut epoch = loader.epoch(0, 0).unwrap();
        for _ in 0..taken {
            epoch.next().unwrap().unwrap();
        }
        drop(epoch);
    }
    // A deadlock would last for ever.
    assert!(start.elapsed() < Duration::from_secs(60));
}

#[test]
fn evaluation_visits_everything_in_order() {
    let folder = folder_of(10);
    write(folder.path(), "004.png", b"text");
    let dataset = open_shared(folder.path());
    let pipeline = Pipeline::new(recipe::EVALUATION, SIDE, 1).unwrap();
    let visit = |instances: Vec<usize>, workers| {
        let mut batches = evaluation_batches(dataset.clone(), instances, pipeline, 4, workers).unwrap();
        let views: Vec<Views> = batches.by_ref().collect::<Result<_>>().unwrap();
        (views, batches.bad_files())
    };
    let (views, bad) = visit((0..10).collect(), 3);
    let instances: Vec<_> = views.iter().map(|batch| batch.instances.clone()).collect();
    assert_eq!(instances, [vec![0, 1, 2, 3], vec![5, 6, 7], vec![8, 9]]);
    assert_eq!(bad.iter().map(|file| file.name.as_str()).collect::<Vec<_>>(), ["004.png"]);
    // Each row is the view of its instance, also after a gap.
    let length = 3 * SIDE * SIDE;
    for batch in &views {
        assert_eq!(batch.pixels[0].len(), batch.instances.len() * length);
        for (row, &instance) in batch.instances.iter().enumerate() {
            let (alone, _) = visit(vec![instance], 1);
            assert_eq!(batch.pixels[0][row * length..][..length], alone[0].pixels[0]);
        }
    }
    let (chosen, _) = visit(vec![9, 2, 9], 2);
    assert_eq!(chosen[0].instances, [9, 2, 9]);
    assert!(visit(vec![], 1).0.is_empty());
}

#[test]
fn evaluation_of_nothing_usable_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a.png", b"text");
    let pipeline = Pipeline::new(recipe::EVALUATION, SIDE, 1).unwrap();
    let mut batches = evaluation_batches(open_shared(folder.path()), vec![0], pipeline, 4, 1).unwrap();
    let error = batches.next().unwrap().unwrap_err();
    assert!(error.to_string().contains("none of the files") && error.to_string().contains("a.png"));
    assert!(batches.next().is_none());
}
