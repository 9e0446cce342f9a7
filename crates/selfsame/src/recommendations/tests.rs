use std::fs;

use selfsame_graph::data::{Columns, IdKind, ReadOptions, read_table};

use super::*;

const LISTS: [List<'static>; 2] =
    [List { user: "a,b", items: &[("x", 1.5), ("y\"z", -0.25)] }, List { user: "7", items: &[("x", 0.125)] }];

fn write(path: &Path, overwrite: bool) -> Result<PathBuf> {
    let mut writer = ListWriter::create(path, overwrite)?;
    for list in LISTS {
        writer.push(&[list])?;
    }
    writer.finish()
}

#[test]
fn text_has_a_line_for_each_item_or_for_each_user() {
    let folder = tempfile::tempdir().unwrap();
    let csv = write(&folder.path().join("new/a.csv"), false).unwrap();
    assert_eq!(
        fs::read_to_string(csv).unwrap(),
        "user,rank,item,score\n\"a,b\",1,x,1.5\n\"a,b\",2,\"y\"\"z\",-0.25\n7,1,x,0.125\n"
    );
    let jsonl = write(&folder.path().join("a.jsonl"), false).unwrap();
    assert_eq!(
        fs::read_to_string(jsonl).unwrap().lines().last().unwrap(),
        r#"{"user":"7","items":[{"item":"x","score":0.125}]}"#
    );
}

#[test]
fn parquet_reads_back_as_interactions() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(&folder.path().join("a.parquet"), false).unwrap();
    let columns = Columns { time: Some("rank".into()), rating: Some("score".into()), ..Columns::default() };
    let options = ReadOptions { columns, ids: IdKind::Text, ..ReadOptions::default() };
    let table = read_table(&path, &options).unwrap();
    assert_eq!(table.users.names().collect::<Vec<_>>(), ["a,b", "7"]);
    assert_eq!(table.items.names().collect::<Vec<_>>(), ["x", "y\"z"]);
    assert_eq!(table.rows.iter().map(|row| row.time).collect::<Vec<_>>(), [1.0, 2.0, 1.0]);
}

#[test]
fn nothing_is_replaced_unless_asked_and_nothing_half_written_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    fs::write(&path, "mine").unwrap();
    assert_eq!(write(&path, false).unwrap_err().exit_code(), 2);
    drop(ListWriter::create(&path, true).unwrap());
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    write(&path, true).unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    for name in ["a", "a.txt", "a.xlsx"] {
        assert_eq!(Format::of(Path::new(name)).unwrap_err().exit_code(), 2);
    }
}
