use std::fs::{self, File};
use std::path::Path;

use selfsame_core::Random;

use super::super::{Dataset, OpenOptions};
use super::{names, open, png};

fn write_tar(path: &Path, members: &[(&str, &[u8])]) {
    let mut archive = tar::Builder::new(File::create(path).unwrap());
    for (name, bytes) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, *bytes).unwrap();
    }
    archive.finish().unwrap();
}

#[test]
fn members_with_one_key_belong_together() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b, c) = (png(1), png(2), png(3));
    write_tar(
        &folder.path().join("train-0.tar"),
        &[("x/0001.png", &a), ("x/0001.cls", b"10\n"), ("x/0001.json", b"{}"), ("x/0002.seg.png", &b)],
    );
    write_tar(
        &folder.path().join("train-1.tar"),
        &[("0003.cls", b"9"), ("./0003.png", &c), ("readme.txt", b"hi")],
    );
    let dataset = open(folder.path());
    assert_eq!(
        names(&dataset),
        ["train-0.tar:x/0001.png", "train-0.tar:x/0002.seg.png", "train-1.tar:0003.png"]
    );
    assert_eq!(dataset.classes(), ["9", "10"]);
    assert_eq!((0..3).map(|index| dataset.label(index)).collect::<Vec<_>>(), [Some(1), None, Some(0)]);
    let mut buffer = Vec::new();
    for (index, bytes) in [a, b, c].iter().enumerate() {
        assert_eq!(dataset.read(index, &mut buffer).unwrap(), bytes);
    }
    assert!(dataset.read(3, &mut buffer).is_err());
}

#[test]
fn folders_in_a_tar_are_classes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("all.tar");
    let long = format!("dog/{}.png", "long".repeat(60));
    write_tar(&path, &[("./cat/1.png", &png(1)), (&long, &png(2)), ("dog/._3.png", &png(3))]);
    let dataset = open(&path);
    assert_eq!(dataset.classes(), ["cat", "dog"]);
    assert_eq!(names(&dataset)[1], format!("all.tar:{long}"));
    assert_eq!(dataset.len(), 2);
}

#[test]
fn what_stands_before_the_damage_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.tar");
    write_tar(&path, &[("1.png", &png(1)), ("2.png", &png(2))]);
    let bytes = fs::read(&path).unwrap();
    let second = bytes.windows(5).position(|name| name == b"2.png").unwrap();
    fs::write(&path, &bytes[..second + 600]).unwrap();
    let dataset = open(folder.path());
    assert_eq!(names(&dataset), ["cut.tar:1.png"]);
    assert!(
        dataset.warnings()[0].contains("cut.tar: the shard is damaged after 1 pictures"),
        "{:?}",
        dataset.warnings()
    );
}

#[test]
fn a_tar_without_pictures_is_told() {
    let folder = tempfile::tempdir().unwrap();
    write_tar(&folder.path().join("a.tar"), &[("1.txt", b"text")]);
    let error = Dataset::open(folder.path(), &OpenOptions { cache: None, shuffle_buffer: 1 }).err().unwrap();
    assert!(error.to_string().contains("no pictures"));
    fs::write(folder.path().join("a.tar"), vec![7; 2000]).unwrap();
    assert!(Dataset::open(folder.path(), &OpenOptions { cache: None, shuffle_buffer: 1 }).is_err());
}

#[test]
fn a_changed_shard_is_scanned_again() {
    let cache = tempfile::tempdir().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    let options = OpenOptions { cache: Some(cache.path().to_owned()), shuffle_buffer: 1 };
    let listed = || names(&Dataset::open(folder.path(), &options).unwrap());
    let age = |seconds| {
        let time = std::time::SystemTime::now() - std::time::Duration::from_secs(seconds);
        File::options().append(true).open(&path).unwrap().set_modified(time).unwrap();
    };
    write_tar(&path, &[("1.png", &png(1))]);
    age(3600);
    assert_eq!(listed(), ["a.tar:1.png"]);
    let index = fs::read_dir(cache.path()).unwrap().next().unwrap().unwrap().path();
    let text = fs::read_to_string(&index).unwrap();
    fs::write(&index, text.replace("1.png", "marked.png")).unwrap();
    assert_eq!(listed(), ["a.tar:marked.png"]);
    age(1800);
    assert_eq!(listed(), ["a.tar:1.png"]);
}

#[test]
fn the_order_is_shuffled_yet_almost_sequential() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = png(1);
    for shard in 0..6 {
        let members: Vec<String> = (0..20).map(|number| format!("{number:03}.png")).collect();
        let members: Vec<(&str, &[u8])> =
            members.iter().map(|name| (name.as_str(), bytes.as_slice())).collect();
        write_tar(&folder.path().join(format!("{shard}.tar")), &members);
    }
    let order_with = |shuffle_buffer, epoch| {
        let dataset = Dataset::open(folder.path(), &OpenOptions { cache: None, shuffle_buffer }).unwrap();
        dataset.order(epoch, &Random::new(1))
    };
    let order = order_with(8, 0);
    assert_eq!(order, order_with(8, 0));
    assert_ne!(order, order_with(8, 1));
    let mut sorted = order.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, (0..120).collect::<Vec<_>>());
    // Nothing leaves the buffer before it came in: at step s at most s + 8 pictures of the stream have been seen.
    let shards: Vec<u32> = order_with(1, 0).iter().map(|index| index / 20).collect();
    let mut stream_of_shards = shards;
    stream_of_shards.dedup();
    assert_eq!(stream_of_shards.len(), 6);
    assert_ne!(stream_of_shards, [0, 1, 2, 3, 4, 5]);
    for (step, &index) in order.iter().enumerate() {
        let place = stream_of_shards.iter().position(|&shard| shard == index / 20).unwrap() as u32;
        assert!(place * 20 + index % 20 <= step as u32 + 8);
    }
    assert_ne!(order_with(0, 0).len(), 0);
}
