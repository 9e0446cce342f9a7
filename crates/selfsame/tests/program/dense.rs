//! `selfsame eval segmentation`

use std::fs;

use crate::pictures;
use crate::workshop::Workshop;

/// Width and height of a picture.
fn size(path: &std::path::Path) -> (u32, u32) {
    let picture = image::open(path).unwrap();
    (picture.width(), picture.height())
}

#[test]
fn pixels_are_classified_and_the_result_is_kept() {
    let here = Workshop::new();
    here.pretrain("run", &["--quiet"]).succeeds();
    pictures::scenes(&here.path("scenes/train"), 6);
    pictures::scenes(&here.path("scenes/test"), 3);
    let words = ["eval", "segmentation", "run", "--data", "scenes", "--void", "11", "--image-size", "64"];
    let json = [&words[..], &["--json", "--quiet"]].concat();
    let said = here.run(&json).succeeds();
    assert_eq!(said.stderr, "");
    let result = said.result();
    assert_eq!((&result["protocol"], &result["classes"]), (&"segmentation".into(), &3.into()));
    assert_eq!((&result["train_images"], &result["test_images"]), (&6.into(), &3.into()));
    assert_eq!(result["iou"].as_array().unwrap().len(), 3);
    // Even a hardly trained network tells bright from dark.
    assert!(result["miou"].as_f64() > Some(0.4), "{result}");
    assert_eq!(result["pictures"], "run/pictures/segmentation.png");
    assert!(size(&here.path("run/pictures/segmentation.png")).0 > 900);
    // The same question has the same answer.
    assert_eq!(result, here.run(&json).result());
    let kept = here.json("run/run.json")["results"].clone();
    assert_eq!(
        (&kept["segmentation_miou"], &kept["segmentation"]["miou"]),
        (&result["miou"], &result["miou"])
    );

    let text = here.run(&words).succeeds().stdout;
    assert!(text.contains("segmentation  mean IoU ") && text.contains("train_images: 6"), "{text}");

    let untrained = here.run(&[&json[..], &["--untrained", "--pictures", "0"]].concat()).succeeds().result();
    assert_eq!(untrained["checkpoint"], "untrained");
    assert!(untrained["miou"] != result["miou"]);
    assert_eq!(kept, here.json("run/run.json")["results"]);
    assert!(!here.path("run/pictures/segmentation-untrained.png").exists());
}

#[test]
fn labels_of_pixels_that_do_not_fit_are_errors() {
    let here = Workshop::trained();
    let scenes = tempfile::tempdir().unwrap();
    let path = |name: &str| scenes.path().join(name);
    pictures::scenes(&path("train"), 3);
    pictures::scenes(&path("test"), 2);
    let data = scenes.path().display().to_string();
    let eval = |more: &[&str]| {
        let words = ["eval", "segmentation", "run", "--quiet"];
        here.run(&[&words[..], more].concat())
    };
    eval(&[]).fails(2, &["no labelled pixels", "--data"]);
    eval(&["--data", "photos"]).fails(3, &["train/ and test/"]);
    eval(&["--data", &data, "--void", "11", "--image-size", "9"]).fails(2, &["one cell", "--image-size 16"]);
    eval(&["--data", &data, "--void", "11", "--classes", "2"])
        .fails(3, &["train/labels/00.png", "class 2 at column", "--classes"]);
    image::GrayImage::new(20, 20).save(path("test/labels/01.png")).unwrap();
    eval(&["--data", &data, "--void", "11"]).fails(3, &["test/labels/01.png", "20×20", "of 48×32", "scale"]);
    image::RgbImage::new(48, 32).save(path("test/labels/01.png")).unwrap();
    eval(&["--data", &data, "--void", "11"]).fails(3, &["test/labels/01.png", "RGB", "palette"]);
    fs::remove_file(path("test/labels/01.png")).unwrap();
    eval(&["--data", &data, "--void", "11"]).fails(3, &["test: 1 pictures have no labels", "01.png"]);
}
