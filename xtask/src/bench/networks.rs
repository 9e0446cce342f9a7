//! Convolutions by shape, and steps of whole networks, without data.

use super::{Case, Options, Ratio, Row};
use crate::Failure;

/// Batch, side, channels, outputs, kernel, stride: ResNet-18 of width 0.25 and 1 with the stem for small pictures, then ResNet-50 at 224 pixels.
pub const CONVOLUTIONS: [&str; 21] = [
    "128,32,3,16,3,1",
    "128,32,16,16,3,1",
    "128,16,32,32,3,1",
    "128,8,64,64,3,1",
    "128,4,128,128,3,1",
    "128,32,16,32,3,2",
    "128,32,16,32,1,2",
    "32,32,64,64,3,1",
    "32,16,128,128,3,1",
    "32,8,256,256,3,1",
    "32,4,512,512,3,1",
    "32,32,64,128,3,2",
    "8,224,3,64,7,2",
    "8,56,64,64,3,1",
    "8,28,128,128,3,1",
    "8,14,256,256,3,1",
    "8,7,512,512,3,1",
    "8,56,64,256,1,1",
    "8,28,512,128,1,1",
    "8,14,1024,256,1,1",
    "8,7,512,2048,1,1",
];

/// Batch, frames, side, channels, outputs, frames and side of the kernel, stride along frames and in a frame: R3D-18, then R(2+1)D-18, at 16 frames
/// of 112 pixels.
pub const VIDEO_CONVOLUTIONS: [&str; 21] = [
    "4,16,112,3,64,3,7,1,2",
    "4,16,56,64,64,3,3,1,1",
    "4,16,56,64,128,3,3,2,2",
    "4,16,56,64,128,1,1,2,2",
    "4,8,28,128,128,3,3,1,1",
    "4,8,28,128,256,3,3,2,2",
    "4,4,14,256,256,3,3,1,1",
    "4,4,14,256,512,3,3,2,2",
    "4,2,7,512,512,3,3,1,1",
    "4,16,112,3,45,1,7,1,2",
    "4,16,56,45,64,3,1,1,1",
    "4,16,56,64,144,1,3,1,1",
    "4,16,56,144,64,3,1,1,1",
    "4,16,56,64,230,1,3,1,2",
    "4,16,28,230,128,3,1,2,1",
    "4,8,28,128,288,1,3,1,1",
    "4,8,28,288,128,3,1,1,1",
    "4,4,14,256,576,1,3,1,1",
    "4,4,14,576,256,3,1,1,1",
    "4,2,7,512,1152,1,3,1,1",
    "4,2,7,1152,512,3,1,1,1",
];

/// Depth, stem, width, batch, side.
const STEPS: [[&str; 5]; 4] = [
    ["resnet18", "cifar", "0.25", "128", "32"],
    ["resnet18", "cifar", "1", "32", "32"],
    ["resnet18", "cifar", "1", "128", "32"],
    ["resnet50", "imagenet", "1", "8", "224"],
];

/// Convolutions of pictures forwards, and forwards and backwards.
pub fn convolutions(options: &Options) -> Result<Vec<Ratio>, Failure> {
    by_shape(options, "convolutions (batch, side, channels, outputs, kernel, stride)", &CONVOLUTIONS)
}

/// Convolutions of clips forwards, and forwards and backwards.
pub fn video_convolutions(options: &Options) -> Result<Vec<Ratio>, Failure> {
    let title =
        "convolutions of clips (batch, frames, side, channels, outputs, kernel's frames and side, strides)";
    by_shape(options, title, &VIDEO_CONVOLUTIONS)
}

fn by_shape(options: &Options, title: &str, shapes: &[&str]) -> Result<Vec<Ratio>, Failure> {
    let rows: Vec<Row> = shapes
        .iter()
        .flat_map(|shape| ["forward", "both ways"].map(|direction| Row::rate(format!("{shape} {direction}"))))
        .collect();
    let case = Case { title, unit: "10⁹ operations a second, counted as for a direct sum", rows: &rows };
    options.compare_example("convolution_throughput", "torch_convolutions.py", shapes, case)
}

/// Training steps of ResNets.
pub fn steps(options: &Options) -> Result<Vec<Ratio>, Failure> {
    let mut ratios = Vec::new();
    for arguments in STEPS {
        let step = arguments.join(" ");
        let rows = [Row::rate(&step), Row::cost(format!("{step}: peak memory"))];
        let case = Case {
            title: "training step (depth, stem, width, batch, side)",
            unit: "images a second; peak memory of the process in MB",
            rows: &rows,
        };
        ratios.extend(options.compare_example("step_throughput", "torch_step.py", &arguments, case)?);
    }
    Ok(ratios)
}
