//! `selfsame embed` and `selfsame export`

use std::fs;

use safetensors::SafeTensors;

use crate::workshop::Workshop;

#[test]
fn embeddings_come_in_every_format() {
    let here = Workshop::trained();
    let out = tempfile::tempdir().unwrap();
    for (name, files) in [
        ("e.parquet", &["e.parquet"][..]),
        ("e.npy", &["e.json", "e.names.csv", "e.npy"]),
        ("e.csv", &["e.csv", "e.json"]),
        ("e.safetensors", &["e.safetensors"]),
        (
            "projector/",
            &["config.json", "metadata.tsv", "projector_config.pbtxt", "sprite.png", "tensors.tsv"],
        ),
    ] {
        let folder = out.path().join(name.trim_matches('/'));
        let path = folder.join(name);
        let path = path.to_str().unwrap();
        let words = ["embed", "run", "--data", "photos", "-o", path, "--json", "--quiet"];
        let result = here.run(&words).succeeds().result();
        assert_eq!((&result["instances"], &result["skipped"]), (&24.into(), &0.into()));
        let written: Vec<&str> =
            result["files"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
        assert_eq!(written.len(), files.len(), "{written:?}");
        for (written, file) in written.iter().zip(written.iter().map(|path| path.rsplit('/').next().unwrap()))
        {
            assert!(files.contains(&file) && fs::metadata(written).unwrap().len() > 0, "{written}");
        }
        let before: Vec<Vec<u8>> = written.iter().map(|file| fs::read(file).unwrap()).collect();
        here.run(&words[..6]).fails(2, &["exists", "--overwrite"]);
        here.run(&[&words[..], &["--overwrite"]].concat()).succeeds();
        let after: Vec<Vec<u8>> = written.iter().map(|file| fs::read(file).unwrap()).collect();
        assert!(before == after, "{name} is the same each time");
    }
}

#[test]
fn embeddings_have_one_row_a_picture_whatever_the_layer() {
    let here = Workshop::trained();
    let out = tempfile::tempdir().unwrap();
    // 512 and 128 channels: a sixteenth of the backbone's, all of the projector's.
    for (layer, dimension) in [("backbone", 32), ("projector", 128)] {
        let path = out.path().join(format!("{layer}.out"));
        let path = path.to_str().unwrap();
        let words = ["embed", "run", "--data", "photos", "-o", path, "--format", "csv", "--layer", layer];
        here.run(&words).succeeds();
        let text = fs::read_to_string(path).unwrap();
        let mut lines = text.lines();
        assert_eq!(lines.next().unwrap().split(',').count(), dimension + 2);
        assert_eq!(lines.clone().count(), 24);
        assert!(lines.next().unwrap().starts_with("discs/00.png,"));
    }
}

#[test]
fn names_that_say_no_format_are_errors() {
    let here = Workshop::trained();
    let embed =
        |more: &[&str]| here.run(&[&["embed", "run", "--data", "photos", "--quiet", "-o"], more].concat());
    embed(&["e.pickle"]).fails(2, &["e.pickle", ".parquet", "--format"]);
    embed(&["e.npy", "--format", "tsv"]).fails(2, &["no format `tsv`", "parquet, npy"]);
    embed(&["photos", "--format", "npy"]).fails(2, &["photos is a folder"]);
    here.run(&["embed", "run", "--data", "nowhere", "-o", "e.npy"]).fails(3, &["nowhere"]);
    here.run(&["embed", "run", "-o", "e.npy"]).fails(2, &["no pictures to embed", "--data"]);
    here.run(&["embed", "nowhere", "--data", "photos", "-o", "e.npy"])
        .fails(3, &["nowhere: there is no such run"]);
    here.run(&["export", "run", "-o", "weights.pth"]).fails(2, &["weights.pth", ".safetensors"]);
    here.run(&["export", "photos"]).fails(3, &["photos: not a run"]);
    assert!(!here.path("e.npy").exists());
}

#[test]
fn exports_have_the_published_names() {
    let here = Workshop::trained();
    let out = tempfile::tempdir().unwrap();
    for (to, counters) in [("torchvision", true), ("timm", true), ("safetensors", false)] {
        let path = out.path().join(to).join("weights.safetensors");
        let words = ["export", "run", "--to", to, "-o", path.to_str().unwrap(), "--json"];
        let result = here.run(&words).succeeds().result();
        assert_eq!((&result["format"], &result["files"][0]), (&to.into(), &path.to_str().unwrap().into()));
        assert!(result["note"].as_str().unwrap().contains("0.0625"));
        let bytes = fs::read(&path).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        assert_eq!(tensors.tensor("layer2.0.downsample.0.weight").unwrap().shape(), [8, 4, 1, 1]);
        assert_eq!(tensors.tensor("bn1.num_batches_tracked").is_ok(), counters);
        assert!(path.with_file_name("preprocess.json").is_file());
        here.run(&words[..6]).fails(2, &["exists", "--overwrite"]);
        assert!(bytes == fs::read(&path).unwrap());
    }
}

#[test]
fn an_export_lies_in_the_run_unless_said_otherwise() {
    let here = Workshop::new();
    here.pretrain("run", &["--quiet"]).succeeds();
    let said = here.run(&["export", "run"]).succeeds();
    assert!(said.stdout.starts_with("run/export/backbone.safetensors\n"), "{said:#?}");
    assert_eq!(here.names("run/export"), ["backbone.safetensors", "preprocess.json"]);
    here.run(&["export", "run"]).fails(2, &["run/export/backbone.safetensors exists"]);
    // A run that is trained anew takes its exports' place only, not themselves.
    here.pretrain("run", &["--quiet", "--overwrite"]).succeeds();
    assert_eq!(here.names("run/export").len(), 2);
    // How pictures are prepared is told beside the weights, and once for a folder.
    here.run(&["export", "run", "-o", "run/export/again.safetensors"])
        .fails(2, &["run/export/preprocess.json exists", "--overwrite"]);
}
