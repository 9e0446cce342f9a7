use super::*;

/// Written by TensorBoard 2's `RecordWriter` and `event_pb2` from the same four events.
const GOLDEN: &[u8] = include_bytes!("../../../tests/golden/scalars.tfevents");

#[test]
fn bytes_equal_those_of_tensorboard() {
    let long_tag = format!("knn/top1 {}", "x".repeat(150));
    let not_a_number = f32::from_bits(0x7FC0_0000);
    let events = [
        Event { wall_time: 1_700_000_000.25, step: 0, what: What::FileVersion },
        Event { wall_time: 1_700_000_000.5, step: 301, what: What::SessionStart },
        Event {
            wall_time: 1_700_000_001.0,
            step: 301,
            what: What::Scalars(&[("train/loss", 4.75), ("lr", 0.3)]),
        },
        Event {
            wall_time: 1_700_000_002.0,
            step: 5_000_000_000,
            what: What::Scalars(&[(&long_tag, not_a_number)]),
        },
    ];
    let bytes: Vec<u8> = events.iter().flat_map(|event| record(&event.encode())).collect();
    assert_eq!(bytes, GOLDEN);
}

/// The data of the records in a file. Their checksums are covered by the golden file.
fn payloads(path: &Path) -> Vec<Vec<u8>> {
    let bytes = std::fs::read(path).unwrap();
    let mut rest = bytes.as_slice();
    let mut payloads = Vec::new();
    while !rest.is_empty() {
        let length = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
        payloads.push(rest[12..12 + length].to_vec());
        rest = &rest[16 + length..];
    }
    payloads
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn resuming_begins_a_later_file_that_replaces_later_steps() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = EventWriter::create(folder.path()).unwrap();
    writer.scalars(10, &[("loss", 1.5)]).unwrap();
    let first = files(folder.path());
    let mut writer = EventWriter::resume(folder.path(), 300).unwrap();
    writer.scalars(301, &[("loss", 1.25)]).unwrap();

    let both = files(folder.path());
    assert_eq!((first.len(), both.len()), (1, 2));
    assert_eq!(both[0], first[0]);
    assert!(both[1].file_name().unwrap().to_str().unwrap().starts_with("events.out.tfevents."));
    assert_eq!(payloads(&both[0]).len(), 2);
    let resumed = payloads(&both[1]);
    assert_eq!(resumed.len(), 3);
    // Past the 9 bytes of the time: step (field 2) 301 as a varint, then the session log (field 7).
    assert_eq!(resumed[1][9..], [0x10, 0xAD, 0x02, 0x3A, 0x02, 0x08, 0x01]);
}

#[test]
fn a_missing_folder_is_an_error_with_the_path() {
    let error = EventWriter::create("nowhere").unwrap_err();
    assert!(error.to_string().contains("nowhere"), "{error}");
}
