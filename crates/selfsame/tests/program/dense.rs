//! `selfsame eval segmentation|correspondence|retrieval`, `selfsame eval knn --dense`

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

#[test]
fn places_are_found_in_other_views() {
    let here = Workshop::new();
    here.pretrain("run", &["--quiet"]).succeeds();
    let words = ["eval", "correspondence", "run", "--data", "photos", "--quiet"];
    let eval = |more: &[&str]| here.run(&[&words[..], more].concat());
    let result = eval(&["--json", "--image-size", "40"]).succeeds().result();
    assert_eq!((&result["protocol"], &result["images"]), (&"correspondence".into(), &24.into()));
    assert_eq!((&result["map_side"], &result["recipe"]), (&5.into(), &"moco-v2".into()));
    let share = |name: &str| result[name].as_f64().unwrap();
    assert!(share("exact") <= share("accuracy") && share("accuracy") <= 1.0);
    assert!((4.0 / 25.0..=9.0 / 25.0).contains(&share("chance")));
    assert_eq!(size(&here.path("run/pictures/correspondence.png")).0, 2 * 256 + 3 * 8);
    assert_eq!(result, eval(&["--json", "--image-size", "40", "--workers", "1"]).result());
    assert_eq!(here.json("run/run.json")["results"]["correspondence_accuracy"], result["accuracy"]);
    let other = eval(&["--json", "--seed", "1", "--images", "5"]).succeeds().result();
    assert_eq!((&other["images"], &other["image_size"]), (&5.into(), &16.into()));
    let text = eval(&[]).succeeds().stdout;
    assert!(text.contains("correspondence  accuracy ") && text.contains("by chance "), "{text}");

    eval(&["--image-size", "8"]).fails(2, &["one cell", "--image-size 16", "`cifar` stem"]);
    eval(&["--recipe", "mocov2"]).fails(2, &["did you mean `moco-v2`?"]);
    eval(&["--images", "0"]).fails(2, &["0 pictures", "--images"]);
    here.run(&["eval", "correspondence", "run", "--data", "nowhere"]).fails(3, &["nowhere"]);
}

#[test]
fn pictures_of_a_class_are_retrieved() {
    let here = Workshop::new();
    here.pretrain("run", &["--quiet"]).succeeds();
    let words = ["eval", "retrieval", "run", "--data", "photos", "--quiet"];
    let eval = |more: &[&str]| here.run(&[&words[..], more].concat());
    let result = eval(&["--json"]).succeeds().result();
    assert_eq!((&result["protocol"], &result["test_images"]), (&"retrieval".into(), &3.into()));
    let share = |name: &str| result[name].as_f64().unwrap();
    assert!(share("r@1") <= share("r@5") && share("r@5") <= share("r@10") && share("r@10") <= 1.0);
    assert!(share("map") > 0.2 && share("map") <= 1.0);
    assert_eq!(size(&here.path("run/pictures/retrieval.png")), (904, 304));
    let kept = here.json("run/run.json")["results"].clone();
    assert_eq!((&kept["retrieval_map"], &kept["retrieval_r@1"]), (&result["map"], &result["r@1"]));
    let text = eval(&["--layer", "projector"]).succeeds().stdout;
    assert!(text.contains("retrieval  R@1 ") && text.contains("  mAP "), "{text}");
    let untrained = eval(&["--random", "--json"]).succeeds().result();
    assert_eq!(untrained["pictures"], "run/pictures/retrieval-untrained.png");

    // They stand beside each other.
    let table = here.run(&["compare", "run"]).succeeds().stdout;
    assert!(table.contains("mAP") && !table.contains("mIoU"), "{table}");
}

#[test]
fn neighbours_may_be_compared_region_by_region() {
    let here = Workshop::new();
    here.pretrain("run", &["--quiet", "--set", "view.image_size=16"]).succeeds();
    let words = ["eval", "knn", "run", "--data", "photos", "--quiet"];
    let eval = |more: &[&str]| here.run(&[&words[..], more].concat());
    let result = eval(&["--dense", "--json"]).succeeds().result();
    assert_eq!((&result["protocol"], &result["regions"]), (&"knn-dense".into(), &2.into()));
    assert_eq!(here.json("run/run.json")["results"]["knn-dense_top1"], result["top1"]);
    // One region is the pooled representation.
    let one = eval(&["--dense=1", "--json"]).succeeds().result();
    assert_eq!(one["top1"], eval(&["--json"]).succeeds().result()["top1"]);
    eval(&["--dense=3"]).fails(2, &["2×2 cells has no 3×3 regions", "--dense=2"]);
    eval(&["--dense=0"]).fails(2, &["0×0 regions"]);
}
