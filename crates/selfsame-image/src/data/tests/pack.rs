use std::fs;
use std::sync::Mutex;

use super::super::{Dataset, Format, OpenOptions, PackOptions, decode, probe, write_pack};
use super::{drawing, jpeg, names, open, png, write};

/// Two classes, one picture without, one file that is no picture.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "cat/1.png", &png(1));
    write(folder.path(), "cat/broken.png", b"text");
    write(folder.path(), "dog/2.jpg", &jpeg(&drawing(100, 60, 2)));
    write(folder.path(), "grün.png", &png(3));
    folder
}

#[test]
fn original_files_come_back_with_names_and_classes() {
    let folder = folder();
    let target = tempfile::tempdir().unwrap();
    let path = target.path().join("all.pack");
    let seen = Mutex::new(Vec::new());
    let summary = write_pack(&open(folder.path()), &path, &PackOptions::default(), &|done| {
        seen.lock().unwrap().push(done);
    })
    .unwrap();
    assert_eq!((summary.written, summary.bytes), (3, fs::metadata(&path).unwrap().len()));
    assert_eq!(summary.skipped[0].name, "cat/broken.png");
    assert_eq!(*seen.lock().unwrap(), [4]);
    assert_eq!(fs::read_dir(target.path()).unwrap().count(), 1);

    let pack = open(&path);
    assert_eq!(names(&pack), ["grün.png", "cat/1.png", "dog/2.jpg"]);
    assert_eq!(pack.classes(), ["cat", "dog"]);
    assert_eq!((0..3).map(|index| pack.label(index)).collect::<Vec<_>>(), [None, Some(0), Some(1)]);
    assert_eq!(pack.read(1, &mut Vec::new()).unwrap(), png(1));
    assert_eq!(pack.order(0, &selfsame_core::Random::new(1)).len(), 3);
}

#[test]
fn raw_pictures_are_decoded_and_shrunk() {
    let folder = folder();
    let target = tempfile::tempdir().unwrap();
    let path = target.path().join("all.pack");
    let options = PackOptions { raw: true, max_side: Some(30), overwrite: false };
    write_pack(&open(folder.path()), &path, &options, &|_| ()).unwrap();
    let pack = open(&path);
    let mut buffer = Vec::new();
    // 20×16 is left alone, 100×60 becomes 50×30.
    let small = pack.read(1, &mut buffer).unwrap();
    assert_eq!(decode(small, 1).unwrap().pixels, *drawing(20, 16, 1).as_raw());
    let shrunk = pack.read(2, &mut buffer).unwrap();
    let header = probe(shrunk).unwrap();
    assert_eq!((header.format, header.width, header.height), (Format::Raw, 50, 30));
    let shrunk = decode(shrunk, 1).unwrap();
    let expected = drawing(50, 30, 2);
    let difference: u32 =
        shrunk.pixels.iter().zip(expected.as_raw()).map(|(a, b)| u32::from(a.abs_diff(*b))).sum();
    assert!(difference < 4 * 50 * 30 * 3, "{difference}");
}

#[test]
fn a_pack_of_a_pack_is_the_same_pack() {
    let folder = folder();
    let (first, second) = (folder.path().join("1.pack"), folder.path().join("2.pack"));
    write_pack(&open(folder.path()), &first, &PackOptions::default(), &|_| ()).unwrap();
    write_pack(&open(&first), &second, &PackOptions::default(), &|_| ()).unwrap();
    assert_eq!(fs::read(first).unwrap(), fs::read(second).unwrap());
}

#[test]
fn options_that_make_no_sense_and_existing_files_are_refused() {
    let folder = folder();
    let dataset = open(folder.path());
    let path = folder.path().join("all.pack");
    let pack = |options| write_pack(&dataset, &path, &options, &|_| ());
    let error = pack(PackOptions { max_side: Some(30), ..Default::default() }).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert_eq!(
        pack(PackOptions { raw: true, max_side: Some(0), ..Default::default() }).unwrap_err().exit_code(),
        2
    );
    fs::write(&path, "mine").unwrap();
    assert!(pack(PackOptions::default()).unwrap_err().to_string().contains("--overwrite"));
    assert_eq!(fs::read(&path).unwrap(), b"mine");
    pack(PackOptions { overwrite: true, ..Default::default() }).unwrap();
    assert_eq!(open(&path).len(), 3);
}

#[test]
fn damage_is_noticed() {
    let folder = folder();
    let path = folder.path().join("all.pack");
    write_pack(&open(folder.path()), &path, &PackOptions::default(), &|_| ()).unwrap();
    let good = fs::read(&path).unwrap();
    let opened = |bytes: &[u8]| {
        // A new file each time: the old one may still be mapped.
        fs::remove_file(&path).unwrap();
        fs::write(&path, bytes).unwrap();
        Dataset::open(&path, &OpenOptions { cache: None, shuffle_buffer: 1 })
    };
    for (length, word) in
        [(0, "not a pack"), (10, "version"), (40, "truncated"), (good.len() - 1, "truncated")]
    {
        let error = opened(&good[..length]).err().unwrap();
        assert_eq!(error.exit_code(), 3);
        assert!(
            error.to_string().contains(word) && error.to_string().contains("selfsame data pack"),
            "{error}"
        );
    }
    let changed = |place: usize| {
        let mut bytes = good.clone();
        bytes[place] ^= 1;
        opened(&bytes)
    };
    assert!(changed(8).err().unwrap().to_string().contains("version 0"));
    assert!(changed(16).err().unwrap().to_string().contains("header is damaged"));
    assert!(changed(good.len() - 1).err().unwrap().to_string().contains("index is damaged"));
    let dataset = changed(100).unwrap();
    assert!(dataset.read(0, &mut Vec::new()).unwrap_err().to_string().contains("checksum"));
    assert!(dataset.read(1, &mut Vec::new()).is_ok());
}
