//! Every format is read back by something that shares no code with its writer.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use ::safetensors::{Dtype, SafeTensors};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Int32Type};
use arrow_array::{Array, RecordBatch};
use image::Rgb;
use tempfile::TempDir;

use super::*;

/// Names with everything that has a meaning in one of the formats.
const NAMES: [&str; 5] =
    ["cat/a.jpg", "dog/b, the \"best\".jpg", "dog/été 猫.png", "line\nbreak\t.jpg", " space "];
const LABELS: [Option<usize>; 5] = [Some(0), Some(1), Some(1), None, Some(0)];
const VALUES: [f32; 15] = [
    1.0,
    -0.5,
    1e-30,
    0.1,
    f32::MAX,
    f32::MIN_POSITIVE,
    3.0,
    1.0 / 3.0,
    -0.0,
    7.0,
    8.0,
    9.0,
    10.0,
    11.5,
    1e20,
];

fn schema(classes: &[&str]) -> Schema {
    Schema {
        dimension: 3,
        classes: classes.iter().map(ToString::to_string).collect(),
        metadata: vec![("run".into(), "runs/é \"a\"".into()), ("method".into(), "simclr".into())],
    }
}

/// Writes the five instances in two blocks of three and two.
fn write(path: &Path, schema: Schema, overwrite: bool, pictures: Option<&[RgbImage]>) -> Result<Written> {
    let names = NAMES.map(String::from);
    let labels = if schema.classes.is_empty() { [None; 5] } else { LABELS };
    let mut writer = EmbeddingWriter::create(path, Format::of(path)?, schema, overwrite)?;
    for (from, to) in [(0, 3), (3, 5)] {
        writer.push(&Block {
            names: &names[from..to],
            labels: &labels[from..to],
            values: &VALUES[from * 3..to * 3],
            thumbnails: pictures.map(|pictures| &pictures[from..to]),
        })?;
    }
    writer.finish()
}

fn files(folder: &TempDir) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Fields of comma-separated text, by a state machine over its characters.
fn read_csv(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut field, mut quoted) = (vec![], vec![], String::new(), false);
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '"' if quoted && characters.peek() == Some(&'"') => field.push(characters.next().unwrap()),
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut field)),
            '\n' if !quoted => {
                row.push(std::mem::take(&mut field));
                rows.push(std::mem::take(&mut row));
            }
            _ => field.push(c),
        }
    }
    assert!(row.is_empty() && field.is_empty(), "the last line has an end");
    rows
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

fn read_parquet(path: &Path) -> (HashMap<String, String>, Vec<RecordBatch>) {
    let reader = ParquetRecordBatchReaderBuilder::try_new(fs::File::open(path).unwrap()).unwrap();
    let pairs = reader.metadata().file_metadata().key_value_metadata().unwrap().iter();
    let metadata = pairs.map(|pair| (pair.key.clone(), pair.value.clone().unwrap_or_default())).collect();
    (metadata, reader.build().unwrap().map(|batch| batch.unwrap()).collect())
}

#[test]
fn parquet_reads_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/embeddings.parquet");
    let written = write(&path, schema(&["cat", "dog"]), false, None).unwrap();
    assert_eq!(written, Written { files: vec![path.clone()], instances: 5 });

    let (metadata, batches) = read_parquet(&path);
    assert_eq!(metadata["run"], "runs/é \"a\"");
    assert_eq!(metadata["classes"], r#"["cat","dog"]"#);
    let batch = &batches[0];
    let columns: Vec<_> = batch.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(columns, ["name", "label", "label_id", "embedding"]);
    let names: Vec<_> = batch.column(0).as_string::<i32>().iter().flatten().collect();
    assert_eq!(names, NAMES);
    let labels: Vec<_> = batch.column(1).as_string::<i32>().iter().collect();
    assert_eq!(labels, [Some("cat"), Some("dog"), Some("dog"), None, Some("cat")]);
    let numbers: Vec<_> = batch.column(2).as_primitive::<Int32Type>().iter().collect();
    assert_eq!(numbers, [Some(0), Some(1), Some(1), None, Some(0)]);
    let embeddings = batch.column(3).as_fixed_size_list();
    assert_eq!(embeddings.value_length(), 3);
    assert_eq!(bits(embeddings.values().as_primitive::<Float32Type>().values()), bits(&VALUES));
}

#[test]
fn parquet_without_labels_has_the_same_columns() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    write(&path, schema(&[]), false, None).unwrap();
    let batch = &read_parquet(&path).1[0];
    assert_eq!((batch.num_columns(), batch.column(1).null_count(), batch.column(2).null_count()), (4, 5, 5));
}

#[test]
fn npy_reads_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("photos.v2.npy");
    let written = write(&path, schema(&["cat", "dog, big"]), false, None).unwrap();
    assert_eq!(written.files[0], path);
    assert_eq!(files(&folder), ["photos.v2.json", "photos.v2.names.csv", "photos.v2.npy"]);

    let bytes = fs::read(&path).unwrap();
    assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00");
    let length = u16::from_le_bytes([bytes[8], bytes[9]]) as usize;
    assert_eq!((10 + length) % 64, 0);
    let header = std::str::from_utf8(&bytes[10..10 + length]).unwrap();
    assert!(header.ends_with('\n'));
    assert_eq!(header.trim_end(), "{'descr': '<f4', 'fortran_order': False, 'shape': (5, 3), }");
    let data = bytes[10 + length..].chunks_exact(4);
    let values: Vec<f32> = data.map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect();
    assert_eq!(bits(&values), bits(&VALUES));

    let names = read_csv(&fs::read_to_string(&written.files[1]).unwrap());
    assert_eq!(names[0], ["name", "label", "label_id"]);
    assert_eq!(names[2], [NAMES[1], "dog, big", "1"]);
    assert_eq!(names[4], [NAMES[3], "", ""]);
    let description: Value = serde_json::from_str(&fs::read_to_string(&written.files[2]).unwrap()).unwrap();
    assert_eq!(
        description,
        json!({"instances": 5, "dimension": 3, "classes": ["cat", "dog, big"],
               "metadata": {"run": "runs/é \"a\"", "method": "simclr"}})
    );
}

#[test]
fn csv_reads_back_with_the_columns_of_lightly() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("embeddings.csv");
    write(&path, schema(&["cat", "dog"]), false, None).unwrap();
    let rows = read_csv(&fs::read_to_string(&path).unwrap());
    assert_eq!(rows[0], ["filenames", "embedding_0", "embedding_1", "embedding_2", "labels"]);
    for (i, row) in rows[1..].iter().enumerate() {
        assert_eq!(row[0], NAMES[i]);
        let values: Vec<f32> = row[1..4].iter().map(|value| value.parse().unwrap()).collect();
        assert_eq!(bits(&values), bits(&VALUES[i * 3..][..3]));
        assert_eq!(row[4], LABELS[i].map_or("-1".to_owned(), |label| label.to_string()));
    }
    assert_eq!(rows.len(), 6);
}

#[test]
fn safetensors_reads_back() {
    for classes in [&["cat", "dog"][..], &[]] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("embeddings.safetensors");
        write(&path, schema(classes), false, None).unwrap();
        let bytes = fs::read(&path).unwrap();
        let (length, header) = SafeTensors::read_metadata(&bytes).unwrap();
        assert_eq!((8 + length) % 8, 0);
        let metadata = header.metadata().as_ref().unwrap();
        assert_eq!(metadata["method"], "simclr");
        assert_eq!(metadata["classes"], serde_json::to_string(classes).unwrap());

        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let embeddings = tensors.tensor("embeddings").unwrap();
        assert_eq!((embeddings.dtype(), embeddings.shape()), (Dtype::F32, &[5, 3][..]));
        let data = embeddings.data().chunks_exact(4);
        let values: Vec<f32> = data.map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect();
        assert_eq!(bits(&values), bits(&VALUES));
        let names: Vec<String> = serde_json::from_slice(tensors.tensor("names").unwrap().data()).unwrap();
        assert_eq!(names, NAMES);
        let Ok(labels) = tensors.tensor("labels") else {
            assert!(classes.is_empty());
            continue;
        };
        assert_eq!((labels.dtype(), labels.shape()), (Dtype::I64, &[5][..]));
        let data = labels.data().chunks_exact(8);
        let labels: Vec<i64> = data.map(|eight| i64::from_le_bytes(eight.try_into().unwrap())).collect();
        assert_eq!(labels, [0, 1, 1, -1, 0]);
    }
}

#[test]
fn projector_has_a_line_and_a_picture_for_every_instance() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("projector");
    let pictures = [1u8, 2, 3, 4, 5].map(|shade| RgbImage::from_pixel(40, 32, Rgb([shade * 50; 3])));
    write(&path, schema(&["cat", "dog"]), false, Some(&pictures)).unwrap();

    let read = |name: &str| fs::read_to_string(path.join(name)).unwrap();
    let tensors: Vec<f32> =
        read("tensors.tsv").split_whitespace().map(|value| value.parse().unwrap()).collect();
    assert_eq!(bits(&tensors), bits(&VALUES));
    assert!(read("tensors.tsv").lines().all(|line| line.split('\t').count() == 3));
    let metadata = read("metadata.tsv");
    let lines: Vec<_> = metadata.lines().collect();
    assert_eq!((lines.len(), lines[0], lines[4]), (6, "name\tlabel", "line break .jpg\t"));

    let sprite = image::open(path.join("sprite.png")).unwrap().to_rgb8();
    assert_eq!((sprite.width(), sprite.height()), (3 * 32, 3 * 32));
    assert_eq!(sprite.get_pixel(2 * 32 + 5, 5), &Rgb([150; 3]));
    let config: Value = serde_json::from_str(&read("config.json")).unwrap();
    let embedding = &config["embeddings"][0];
    assert_eq!(embedding["tensorShape"], json!([5, 3]));
    assert_eq!(embedding["sprite"], json!({"imagePath": "sprite.png", "singleImageDim": [32, 32]}));
    for name in ["tensorPath", "metadataPath"] {
        assert!(path.join(embedding[name].as_str().unwrap()).is_file(), "{name}");
    }
    let plugin = read("projector_config.pbtxt");
    for line in [
        "tensor_path: \"tensors.tsv\"",
        "tensor_shape: 5",
        "image_path: \"sprite.png\"",
        "single_image_dim: 32",
    ] {
        assert!(plugin.contains(line), "{plugin}");
    }
}

#[test]
fn projector_without_classes_or_pictures_has_neither_head_nor_sprite() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("projector");
    let pictures = [(); 5].map(|()| RgbImage::new(8, 8));
    write(&path, schema(&["cat", "dog"]), false, Some(&pictures)).unwrap();
    write(&path, schema(&[]), true, None).unwrap();
    assert_eq!(fs::read_to_string(path.join("metadata.tsv")).unwrap().lines().count(), 5);
    assert!(!path.join("sprite.png").exists(), "the earlier sheet is gone");
    assert!(!fs::read_to_string(path.join("config.json")).unwrap().contains("sprite"));
    assert!(!fs::read_to_string(path.join("projector_config.pbtxt")).unwrap().contains("sprite"));
}

#[test]
fn existing_files_are_only_replaced_when_told() {
    for name in ["a.parquet", "a.npy", "a.csv", "a.safetensors", "a.projector"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        write(&path, schema(&[]), false, None).unwrap();
        let before = files(&folder);
        let error = write(&path, schema(&["cat", "dog"]), false, None).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{error}");
        assert!(error.to_string().contains("--overwrite"), "{error}");
        write(&path, schema(&["cat", "dog"]), true, None).unwrap();
        assert_eq!(files(&folder), before, "nothing temporary is left");
    }
}

#[test]
fn files_beside_the_main_one_are_protected_too() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.json"), "precious").unwrap();
    let error = write(&folder.path().join("a.npy"), schema(&[]), false, None).unwrap_err();
    assert!(error.to_string().contains("a.json"), "{error}");
    assert_eq!(files(&folder), ["a.json"]);
}

#[test]
fn an_unfinished_writer_leaves_nothing() {
    for format in [Format::Parquet, Format::Npy, Format::Csv, Format::Safetensors] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.b");
        let mut writer = EmbeddingWriter::create(&path, format, schema(&[]), false).unwrap();
        let names = ["a".to_owned()];
        writer
            .push(&Block { names: &names, labels: &[None], values: &[1., 2., 3.], thumbnails: None })
            .unwrap();
        drop(writer);
        assert!(files(&folder).is_empty(), "{format:?}");
    }
}

#[test]
fn blocks_that_do_not_fit_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer =
        EmbeddingWriter::create(&folder.path().join("a.csv"), Format::Csv, schema(&["cat"]), false).unwrap();
    let names = ["a".to_owned()];
    let block = Block { names: &names, labels: &[Some(0)], values: &[1., 2., 3.], thumbnails: None };
    assert!(writer.push(&Block { values: &[1., 2.], ..block }).is_err());
    assert!(writer.push(&Block { labels: &[], ..block }).is_err());
    assert!(writer.push(&Block { labels: &[Some(1)], ..block }).is_err());
    assert!(writer.push(&Block { thumbnails: Some(&[]), ..block }).is_err());
    assert!(writer.push(&block).is_ok());
}

#[test]
fn no_instances_make_valid_files() {
    for name in ["a.parquet", "a.npy", "a.csv", "a.safetensors", "a.projector"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        let writer = EmbeddingWriter::create(&path, Format::of(&path).unwrap(), schema(&[]), false).unwrap();
        assert_eq!(writer.finish().unwrap().instances, 0);
        match name {
            "a.parquet" => assert!(read_parquet(&path).1.is_empty()),
            "a.safetensors" => {
                let bytes = fs::read(&path).unwrap();
                let tensors = SafeTensors::deserialize(&bytes).unwrap();
                assert_eq!(tensors.tensor("embeddings").unwrap().shape(), [0, 3]);
            }
            _ => {}
        }
    }
}

#[test]
fn what_the_system_refuses_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let error = write(&folder.path().join("file/a.csv"), schema(&[]), false, None).unwrap_err();
    assert!(matches!(error, Error::Io { .. }) && error.to_string().contains("file"), "{error}");
    let error = write(&folder.path().join("file/"), schema(&[]), false, None).unwrap_err();
    assert_eq!(error.exit_code(), 2, "{error}");
    fs::create_dir(folder.path().join("b.csv")).unwrap();
    let error = write(&folder.path().join("b.csv"), schema(&[]), true, None).unwrap_err();
    assert!(error.to_string().contains("is a folder"), "{error}");
}
