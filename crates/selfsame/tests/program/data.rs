//! `selfsame data check|preview|index|pack`

use std::fs;

use crate::pictures;
use crate::workshop::{Running, Workshop};

#[test]
fn check_lists_what_is_wrong_with_reasons() {
    let here = Workshop::new();
    fs::write(here.path("photos/discs/empty.png"), "").unwrap();
    fs::write(here.path("photos/discs/text.jpg"), "text").unwrap();
    fs::copy(here.path("photos/discs/00.png"), here.path("photos/discs/copy.png")).unwrap();
    pictures::picture(1, 1).save(here.path("photos/discs/a square.png")).unwrap();
    image::RgbImage::new(3, 3).save(here.path("photos/discs/tiny.png")).unwrap();

    let report = here.run(&["data", "check", "photos", "--json"]).succeeds().result();
    assert_eq!((&report["files"], &report["usable"]), (&29.into(), &27.into()));
    let found = |problem: &str| {
        let findings = report["findings"].as_array().unwrap().iter();
        findings
            .filter(|it| it["problem"] == problem)
            .map(|it| it["name"].as_str().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(found("empty"), ["discs/empty.png"]);
    assert_eq!(found("not-an-image"), ["discs/text.jpg"]);
    assert_eq!(found("duplicate"), ["discs/copy.png", "squares/01.png"]);
    assert_eq!(found("tiny"), ["discs/tiny.png"]);

    let said = here.run(&["data", "check", "photos"]).succeeds();
    for words in [
        "29 files, 27 usable",
        "formats: 27 png",
        "of 16 to 31 pixels",
        "1 not-an-image",
        "2 duplicate",
        "discs/empty.png",
        "squares",
    ] {
        assert!(said.stdout.contains(words), "{words} in {said:#?}");
    }
    assert!(here.run(&["data", "check", "photos/stripes"]).succeeds().stdout.contains("nothing is wrong"));
}

#[test]
fn preview_draws_a_sheet() {
    let here = Workshop::new();
    let words =
        ["data", "preview", "photos", "-o", "sheet.png", "--instances", "3", "--views", "2", "--json"];
    let result = here.run(&words).succeeds().result();
    assert_eq!(
        (&result["file"], &result["instances"], &result["views"]),
        (&"sheet.png".into(), &3.into(), &2.into())
    );
    let sheet = image::open(here.path("sheet.png")).unwrap();
    assert!(sheet.width() >= 3 * 96 && sheet.height() >= 3 * 96);
    let bytes = fs::read(here.path("sheet.png")).unwrap();
    here.run(&words[..words.len() - 1]).fails(2, &["sheet.png exists", "--overwrite"]);
    here.run(&[&words[..], &["--overwrite"]].concat()).succeeds();
    assert!(bytes == fs::read(here.path("sheet.png")).unwrap(), "the seed decides");
    here.run(&["data", "preview", "photos", "-o", "x.png", "--recipe", "simclrr"])
        .fails(2, &["did you mean `simclr`?"]);
    here.run(&["data", "preview", "photos", "-o", "x.png", "--method", "simclr"]).fails(2, &["--recipe"]);
    here.run(&["data", "preview", "photos", "-o", "new/folder/x.png"]).succeeds();
    assert_eq!(here.names("new/folder"), ["x.png"]);
    here.run(&["data", "preview", "photos", "-o", "sheet.png/x.png"]).fails(2, &["sheet.png is a file"]);
    here.run(&["data", "preview", "photos", "-o", "x.jpg"]).fails(2, &["x.jpg", "PNG"]);
    let none = ["data", "preview", "photos", "-o", "x.png", "--instances", "0"];
    assert_eq!(here.run(&none).code, Some(2));
}

#[test]
fn index_counts_and_remembers() {
    let here = Workshop::new();
    let result = here.run(&["data", "index", "photos", "--json"]).succeeds().result();
    assert_eq!((&result["instances"], &result["classes"][2]), (&24.into(), &"stripes".into()));
    assert_eq!(here.names("cache/selfsame").len(), 1);
    fs::write(here.path("photos/discs/new.png"), pictures::png()).unwrap();
    let said = here.run(&["data", "index", "photos"]).succeeds();
    assert!(said.stdout.contains("25 pictures in 3 classes"), "{said:#?}");
}

#[test]
fn a_pack_trains_like_its_folder() {
    let here = Workshop::new();
    let words = ["data", "pack", "photos", "-o", "photos.pack", "--json"];
    let result = here.run(&words).succeeds().result();
    assert_eq!((&result["written"], &result["skipped"]), (&24.into(), &serde_json::json!([])));
    here.run(&words[..5]).fails(2, &["photos.pack", "--overwrite"]);
    here.pretrain("folder", &["--quiet"]).succeeds();
    here.pretrain("pack", &["--quiet", "--set", "data.path=photos.pack"]).succeeds();
    here.assert_same("folder", "pack");

    let bytes = fs::read(here.path("photos.pack")).unwrap();
    fs::write(here.path("cut.pack"), &bytes[..bytes.len() / 2]).unwrap();
    fs::write(here.path("text.pack"), "not a pack").unwrap();
    here.run(&["data", "pack", "photos", "-o", "photos.bin"]).fails(2, &["photos.bin", "ends in .pack"]);
    fs::create_dir_all(here.path("bad")).unwrap();
    fs::write(here.path("bad/a.jpg"), "not a picture").unwrap();
    here.run(&["data", "pack", "bad", "-o", "bad.pack"]).fails(3, &["no picture can be used", "a.jpg"]);
    assert!(!here.path("bad.pack").exists());
    here.run(&["data", "index", "cut.pack"]).fails(3, &["cut.pack"]);
    here.run(&["data", "index", "text.pack"]).fails(3, &["text.pack"]);
}

#[test]
fn shards_train_and_resume() {
    let here = Workshop::empty();
    pictures::write_shards(&here.path("photos"));
    let result = here.run(&["data", "index", "photos", "--json"]).succeeds().result();
    assert_eq!((&result["instances"], &result["classes"]), (&24.into(), &serde_json::json!(["0", "1", "2"])));
    here.pretrain("whole", &["--quiet"]).succeeds();
    let mut running = Running::start(here.pretraining("run", &["--set", "run.checkpoint_steps=1"]));
    running.until_records(&here.path("run/metrics.jsonl"), 2);
    running.kill();
    here.run(&["resume", "run", "--workers", "1"]).succeeds();
    assert!(here.state("whole", "last") == here.state("run", "last"));
    here.run(&["eval", "knn", "run", "--data", "photos", "--quiet"]).succeeds();

    let shard = here.path("photos/0001.tar");
    let bytes = fs::read(&shard).unwrap();
    fs::write(&shard, &bytes[..bytes.len() / 2]).unwrap();
    let said = here.run(&["data", "check", "photos", "--json"]).succeeds();
    said.mentions(&["0001.tar"]);
    fs::write(here.path("photos/0000.tar"), "not a tar file").unwrap();
    fs::write(&shard, "").unwrap();
    here.run(&["data", "index", "photos"]).fails(3, &["photos"]);
}
