use super::*;

fn folder_of(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    folder
}

#[test]
fn interactions_are_told_from_pictures() {
    for (files, expected) in [
        (&["train.txt", "test.txt"][..], true),
        (&["x.inter", "README.md", ".cache"], true),
        (&["ratings.csv"], true),
        (&["labels.csv", "cats/1.png"], false),
        (&["a.jpg", "names.txt"], false),
        (&["0000.tar", "0000.txt"], false),
        (&["README.md"], false),
        (&[], false),
    ] {
        let files: Vec<_> = files.iter().map(|&name| (name, "1 2")).collect();
        assert_eq!(holds_interactions(folder_of(&files).path()), expected, "{files:?}");
    }
    let folder = folder_of(&[("x.TSV", "1\t2\n")]);
    assert!(holds_interactions(&folder.path().join("x.TSV")));
    assert!(!holds_interactions(&folder.path().join("photos.pack")));
}

#[test]
fn a_check_counts_what_is_there_and_holds_nothing_out() {
    let folder = folder_of(&[("train.txt", "0 0 1 2 3 4 5\n1 0 0\n2\n"), ("test.txt", "0 9\n1 1\n")]);
    let check = check_interactions(folder.path(), &OpenOptions::default()).unwrap();
    // User 2 has a line without items, item 9 is in the test only.
    assert_eq!((check.statistics.users, check.statistics.items, check.statistics.interactions), (3, 7, 7));
    assert_eq!((check.cold_users, check.cold_items), (1, 6));
    assert_eq!((check.report.users_without_items, check.report.duplicates), (1, 1));
    assert_eq!((check.report.test.unknown_items, check.report.test.interactions), (1, 2));
    assert!(check.warnings.iter().any(|warning| warning.contains("repeated")), "{:?}", check.warnings);
    let one = check_interactions(&folder.path().join("train.txt"), &OpenOptions::default()).unwrap();
    assert_eq!((one.statistics.interactions, one.report.test), (7, Overlap::default()));
}

#[test]
fn folders_say_which_file_is_missing_or_meant() {
    let open = |files: &[(&str, &str)]| {
        let folder = folder_of(files);
        InteractionData::open(folder.path(), &OpenOptions::default()).unwrap_err()
    };
    for (files, words) in [
        (&[][..], "no files of interactions"),
        (&[("test.txt", "1 2 3")], "not clear which file is for training: test.txt"),
        (&[("a.txt", "1 2 3"), ("b.txt", "1 2 3")], "a.txt, b.txt"),
        (&[("train.txt", "1 2 3"), ("x.train.csv", "1,2")], "could be the file of one part"),
        (&[("train.txt", "1 2 3"), ("test.txt", "")], "no interactions"),
    ] {
        let error = open(files);
        assert_eq!(error.exit_code(), 3, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[test]
fn test_interactions_from_elsewhere_get_the_numbers_of_the_run() {
    let folder = folder_of(&[
        ("train.csv", "user,item\na,x\na,y\nb,z\n"),
        ("later.csv", "user,item\nb,x\na,x\nc,x\nb,new\nb,new\n"),
    ]);
    let path = folder.path().join("train.csv");
    let all = OpenOptions { test: None, ..OpenOptions::default() };
    let data = InteractionData::open(&path, &all).unwrap();
    let read = |name: &str| {
        let ids = [&data.users, &data.items];
        read_held_out(&folder.path().join(name), &ReadOptions::default(), ids, &data.train)
    };
    let (held, overlap) = read("later.csv").unwrap();
    assert_eq!(held.pairs().collect::<Vec<_>>(), [(0, 0), (1, 0)]);
    let expected =
        Overlap { interactions: 4, unknown_users: 1, unknown_items: 1, with_unknown: 2, in_training: 1 };
    assert_eq!(overlap, expected);
    std::fs::write(folder.path().join("strangers.csv"), "user,item\nq,x\n").unwrap();
    let error = read("strangers.csv").unwrap_err();
    assert!(
        error.exit_code() == 3 && error.to_string().contains("ids that the run was trained with"),
        "{error}"
    );
    // A folder with several files and no test.
    assert!(read("").unwrap_err().to_string().contains("to measure on"));
}

#[test]
fn compressed_parquet_files_are_read() {
    use parquet::basic::{Compression, ZstdLevel};
    use parquet::file::properties::WriterProperties;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.parquet");
    for compression in [Compression::SNAPPY, Compression::ZSTD(ZstdLevel::default())] {
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values((0..1000).map(|number| number / 10)));
        let batch = RecordBatch::try_from_iter([("user", numbers.clone()), ("item", numbers)]).unwrap();
        let properties = WriterProperties::builder().set_compression(compression).build();
        let file = std::fs::File::create(&path).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        assert_eq!(read_table(&path, &ReadOptions::default()).unwrap().rows.len(), 1000);
    }
}

#[test]
fn the_sample_is_what_its_readme_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/interactions");
    let data = InteractionData::open(std::path::Path::new(path), &OpenOptions::default()).unwrap();
    let law = PowerLaw { users: 800, items: 500, interactions: 20_000, ..PowerLaw::default() };
    let both = data.train.pairs().chain(data.test.pairs());
    assert_eq!(Interactions::from_pairs(800, 500, both), (power_law(&law, 1).unwrap(), 0));
    assert_eq!((data.train.len(), data.test.len()), (16_239, 3637));
    assert!(data.report.warnings().is_empty(), "{:?}", data.report.warnings());
}
