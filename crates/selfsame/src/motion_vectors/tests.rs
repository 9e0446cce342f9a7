use std::fs;

use ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use ::safetensors::{Dtype, SafeTensors};
use arrow_array::Int16Array;
use selfsame_video::data::{FrameType, MotionVector};

use super::*;

fn vector(x: i16) -> MotionVector {
    MotionVector {
        source: -1,
        block_width: 16,
        block_height: 8,
        source_x: x - 1,
        source_y: 4,
        x,
        y: 4,
        motion_x: -4,
        motion_y: 100_000,
        motion_scale: 4,
    }
}

fn frames() -> [FrameVectors; 3] {
    let frame = |frame, kind, vectors| FrameVectors { frame, kind, vectors };
    [
        frame(0, FrameType::I, vec![]),
        frame(1, FrameType::P, vec![vector(8), vector(24)]),
        frame(2, FrameType::B, vec![vector(40)]),
    ]
}

fn write(path: &Path, overwrite: bool) -> Result<PathBuf> {
    let mut writer = VectorWriter::create(path, overwrite)?;
    for frame in frames() {
        writer.push(&frame)?;
    }
    assert_eq!(writer.counts(), (3, 3));
    writer.finish()
}

const ROW: [i16; 10] = [-1, 16, 8, 7, 4, 8, 4, -4, i16::MAX, 4];

#[test]
fn safetensors_have_a_tensor_for_each_frame() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(&folder.path().join("new/a.safetensors"), false).unwrap();
    let bytes = fs::read(path).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(tensors.len(), 4);
    let shapes = ["frame_0", "frame_1", "frame_2"].map(|name| {
        let tensor = tensors.tensor(name).unwrap();
        assert_eq!(tensor.dtype(), Dtype::I16);
        tensor.shape().to_vec()
    });
    assert_eq!(shapes, [[0, 10], [2, 10], [1, 10]]);
    let data = tensors.tensor("frame_1").unwrap().data().to_vec();
    let numbers: Vec<i16> = data.chunks(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
    assert_eq!(numbers[..10], ROW);
    let types = tensors.tensor("frame_types").unwrap();
    assert_eq!((types.dtype(), types.data()), (Dtype::U8, &[0, 1, 2][..]));
}

#[test]
fn parquet_has_a_row_for_each_vector() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(&folder.path().join("a.parquet"), false).unwrap();
    let builder = ParquetRecordBatchReaderBuilder::try_new(fs::File::open(path).unwrap()).unwrap();
    let pairs = builder.metadata().file_metadata().key_value_metadata().unwrap().clone();
    assert!(pairs.iter().any(|pair| pair.key == "frame_types" && pair.value.as_deref() == Some("IPB")));
    let batch = builder.build().unwrap().next().unwrap().unwrap();
    assert_eq!((batch.num_rows(), batch.num_columns()), (3, 11));
    for (column, expected) in ROW.iter().enumerate() {
        let column = batch.column(column + 1).as_any().downcast_ref::<Int16Array>().unwrap();
        assert_eq!(column.value(0), *expected);
    }
}

#[test]
fn nothing_is_replaced_unless_asked_and_other_endings_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    fs::write(&path, "mine").unwrap();
    assert_eq!(write(&path, false).unwrap_err().exit_code(), 2);
    drop(VectorWriter::create(&path, true).unwrap());
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    write(&path, true).unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    for name in ["a", "a.txt", "a.npy"] {
        assert_eq!(Format::of(Path::new(name)).unwrap_err().exit_code(), 2);
    }
}
