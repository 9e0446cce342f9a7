//! Data that are missing, broken or too few.

use std::fs;
use std::path::Path;

use crate::pictures;
use crate::workshop::{Running, Workshop};

#[test]
fn folders_without_pictures_are_errors() {
    let here = Workshop::new();
    fs::create_dir_all(here.path("empty")).unwrap();
    fs::create_dir_all(here.path("papers/a")).unwrap();
    fs::write(here.path("papers/a/readme.txt"), "no picture").unwrap();
    fs::write(here.path("file.doc"), "no picture").unwrap();
    let cases: [(&str, &[&str]); 4] = [
        ("nowhere", &["cannot open nowhere", "check the path"]),
        ("empty", &["empty: there are no pictures here", "jpg, jpeg, png"]),
        ("papers", &["papers: there are no pictures here", "sub-folders"]),
        ("file.doc", &["file.doc: this is neither a folder nor a .tar or .pack file"]),
    ];
    for (data, message) in cases {
        here.run(&["pretrain", "simclr", "--data", data, "--out", "run", "--quiet"]).fails(3, message);
        here.run(&["data", "check", data]).fails(3, message);
        here.run(&["data", "index", data]).fails(3, message);
        here.run(&["data", "preview", data]).fails(3, message);
        here.run(&["data", "pack", data, "-o", "all.pack"]).fails(3, message);
    }
    for written in ["run", "all.pack", "preview.png"] {
        assert!(!here.path(written).exists(), "{written}");
    }
}

#[test]
fn one_picture_is_too_few() {
    let here = Workshop::empty();
    fs::create_dir(here.path("one")).unwrap();
    fs::write(here.path("one/a.png"), pictures::png()).unwrap();
    here.run(&["pretrain", "simclr", "--data", "one", "--out", "run", "--quiet"])
        .fails(3, &["one: there is only one picture here", "give a folder"]);
    assert!(!here.path("run").exists());
}

#[test]
fn an_empty_class_folder_is_a_warning() {
    let here = Workshop::new();
    fs::create_dir(here.path("photos/triangles")).unwrap();
    let said = here.pretrain("run", &[]).succeeds();
    said.mentions(&["triangles: the folder has no pictures", "3 classes"]);
}

/// Puts one bad file of each kind among the pictures, and returns their names with their reasons.
fn spoil(photos: &Path) -> Vec<(&'static str, &'static str)> {
    let put = |name: &str, bytes: &[u8]| fs::write(photos.join("discs").join(name), bytes).unwrap();
    let png = pictures::png();
    put("bad-empty.png", b"");
    put("bad-cut.png", &png[..png.len() / 2]);
    put("bad-text.jpg", b"This is not a picture, whatever its name says.");
    put("bad-huge.bmp", &pictures::gigantic_bmp());
    vec![
        ("discs/bad-empty.png", "the file is empty"),
        ("discs/bad-cut.png", "truncated"),
        ("discs/bad-text.jpg", "not a picture"),
        ("discs/bad-huge.bmp", "60000×60000 pixels"),
    ]
}

#[test]
fn a_share_of_bad_files_is_skipped_counted_and_listed() {
    let here = Workshop::new();
    let bad = spoil(&here.path("photos"));
    let more = ["--set", "data.max_bad_share=0.5"];
    let said = here.pretrain("run", &more).succeeds();
    assert!(said.stdout.contains("bad files 4 could not be used, see run/bad_files.tsv"), "{said:#?}");
    let listed = here.text("run/bad_files.tsv");
    assert_eq!(listed.lines().count(), 1 + bad.len(), "{listed}");
    for (name, reason) in bad {
        let line = listed.lines().find(|line| line.starts_with(&format!("{name}\t")));
        assert!(line.is_some_and(|line| line.contains(reason)), "{name}: {reason} in\n{listed}");
    }
    let json = [&more[..], &["--json", "--quiet"]].concat();
    assert_eq!(here.pretrain("again", &json).succeeds().result()["bad_files"], 4);
    here.assert_same("run", "again");
    // Evaluations and embeddings leave them out, and say so.
    let result =
        here.run(&["eval", "knn", "run", "--data", "photos", "--json", "--quiet"]).succeeds().result();
    assert_eq!(result["skipped"], 4);
    let result = here.run(&["embed", "run", "--data", "photos", "-o", "e.npy", "--json"]).succeeds().result();
    assert_eq!((&result["instances"], &result["skipped"]), (&24.into(), &4.into()));
}

#[test]
fn too_many_bad_files_end_the_training() {
    let here = Workshop::new();
    spoil(&here.path("photos"));
    let message = [
        "photos: ",
        "of 28 files cannot be used, more than the allowed 5 %",
        "selfsame data check",
        "data.max_bad_share",
    ];
    here.pretrain("run", &["--quiet"]).fails(3, &message);
    assert_eq!(here.json("run/run.json")["status"], "failed");
    assert!(here.text("run/bad_files.tsv").lines().count() > 2);
    assert!(here.text("run/train.log").contains("failed after step"));
    // It would not be the same run with other data, so it ends in the same way.
    here.run(&["resume", "run"]).fails(3, &["more than the allowed 5 %"]);
}

#[test]
fn nothing_but_bad_files_is_an_error() {
    let here = Workshop::empty();
    for name in ["a/1.png", "a/2.png", "b/3.png", "b/4.png"] {
        let path = here.path("bad").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "not a picture").unwrap();
    }
    let words = ["pretrain", "simclr", "--data", "bad", "--out", "run", "--batch-size", "2", "--quiet"];
    here.run(&words).fails(3, &["bad: none of the pictures", "can be read", "selfsame data check"]);
    assert!(!here.path("run").exists(), "nothing takes the place of a run before it is known to work");
    here.run(&["data", "preview", "bad"]).fails(3, &["bad: no picture can be read", "selfsame data check"]);
}

#[test]
fn unusual_pictures_are_used() {
    let here = Workshop::new();
    pictures::write_animation(&here.path("photos/discs/moving.gif"));
    fs::write(here.path("photos/discs/print.tif"), pictures::cmyk_tiff()).unwrap();
    let result = here.pretrain("run", &["--json", "--quiet"]).succeeds().result();
    assert_eq!(result["bad_files"], 0);
    let report = here.run(&["data", "check", "photos", "--json", "--quiet"]).succeeds().result();
    assert_eq!((&report["files"], &report["usable"]), (&26.into(), &26.into()));
    assert_eq!(report["notes"]["animated"][0], "discs/moving.gif");
    assert_eq!(report["notes"]["cmyk"][0], "discs/print.tif");
}

#[test]
fn a_file_that_vanishes_while_training_is_replaced() {
    let here = Workshop::new();
    let more = ["--set", "schedule.epochs=30", "--json", "--quiet"];
    let mut running = Running::start(here.pretraining("run", &more));
    running.until_records(&here.path("run/metrics.jsonl"), 1);
    fs::remove_file(here.path("photos/discs/00.png")).unwrap();
    let said = running.end();
    assert_eq!(said.result()["status"], "finished");
    let listed = here.text("run/bad_files.tsv");
    assert!(listed.contains("discs/00.png\tNo such file"), "{listed}");
}

#[cfg(unix)]
#[test]
fn a_file_that_may_not_be_read_is_a_bad_file() {
    use std::os::unix::fs::PermissionsExt;
    let here = Workshop::new();
    let closed = here.path("photos/discs/00.png");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read(&closed).is_ok() {
        return; // root may read everything
    }
    here.pretrain("run", &["--quiet"]).succeeds();
    let listed = here.text("run/bad_files.tsv");
    assert!(listed.contains("discs/00.png\tPermission denied"), "{listed}");
}
