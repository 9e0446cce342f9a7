//! Devices by the names that are typed: `cpu`, `cuda:0`, `wgpu:0`.

use burn::tensor::Device;

use crate::{Error, Result};

/// The kinds of device that selfsame can be built for, with the cargo feature of each (none: always in).
pub const KINDS: &[(&str, Option<&str>)] = &[
    ("cpu", None),
    ("cuda", Some("cuda")),
    ("rocm", Some("rocm")),
    ("metal", Some("metal")),
    ("vulkan", Some("vulkan")),
    ("wgpu", Some("wgpu")),
];

/// Whether devices of this kind are compiled in.
pub fn is_compiled_in(kind: &str) -> bool {
    match kind {
        "cpu" => true,
        "cuda" => cfg!(feature = "cuda"),
        "rocm" => cfg!(feature = "rocm"),
        "metal" => cfg!(feature = "metal"),
        "vulkan" => cfg!(feature = "vulkan"),
        "wgpu" => cfg!(feature = "wgpu"),
        _ => false,
    }
}

/// Whether a device of this name computes on the CPU.
pub fn is_cpu(name: &str) -> bool {
    name == "cpu"
}

/// The device of this name, without autodiff.
///
/// # Errors
/// Unknown names, and kinds that this program was built without.
pub fn by_name(name: &str) -> Result<Device> {
    let (kind, index) = match name.split_once(':') {
        None => (name, 0),
        Some((kind, index)) => match index.parse::<usize>() {
            Ok(index) => (kind, index),
            Err(_) => {
                return Err(Error::config(format!("run.device = \"{name}\""), "write cpu, cuda:0, wgpu:0 …"));
            }
        },
    };
    match KINDS.iter().find(|(known, _)| *known == kind) {
        None => {
            let kinds: Vec<&str> = KINDS.iter().map(|(kind, _)| *kind).collect();
            Err(Error::config(
                format!("run.device = \"{name}\": there is no such kind of device"),
                format!("known kinds: {}", kinds.join(", ")),
            ))
        }
        Some((_, Some(feature))) if !is_compiled_in(kind) => Err(Error::config(
            format!("run.device = \"{name}\": this program was built without {kind}"),
            format!("build it with: cargo build --release --features {feature}"),
        )),
        Some(_) => Ok(compiled_in(kind, index)),
    }
}

#[allow(unused_variables, reason = "the index is of use with a GPU feature only")]
fn compiled_in(kind: &str, index: usize) -> Device {
    match kind {
        #[cfg(feature = "cuda")]
        "cuda" => Device::cuda(index),
        #[cfg(feature = "rocm")]
        "rocm" => Device::rocm(index),
        #[cfg(feature = "metal")]
        "metal" => Device::metal(graphics(index)),
        #[cfg(feature = "vulkan")]
        "vulkan" => Device::vulkan(graphics(index)),
        #[cfg(feature = "wgpu")]
        "wgpu" => Device::wgpu(graphics(index)),
        _ => Device::flex(),
    }
}

/// The first device is the best one of the graphics interface; further ones are discrete GPUs by number.
#[cfg(any(feature = "metal", feature = "vulkan", feature = "wgpu"))]
fn graphics(index: usize) -> burn::tensor::DeviceKind {
    match index {
        0 => burn::tensor::DeviceKind::DefaultDevice,
        index => burn::tensor::DeviceKind::DiscreteGpu(index),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_is_always_there() {
        assert!(by_name("cpu").is_ok() && is_cpu("cpu") && !is_cpu("cuda:0"));
    }

    #[test]
    fn names_that_cannot_be_used_say_what_to_do() {
        let text = |name: &str| by_name(name).unwrap_err().to_string();
        assert!(text("gpu").contains("known kinds: cpu, cuda"));
        assert!(text("cuda:first").contains("cuda:0"));
        if !is_compiled_in("rocm") {
            assert!(text("rocm:0").contains("--features rocm"));
            assert_eq!(by_name("rocm").unwrap_err().exit_code(), 2);
        }
    }
}
