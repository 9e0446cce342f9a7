//! The kind of machine that measures: ratios of one kind say little about another.

use std::fs;

/// A kind of processor, and how much of it there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// What it calls itself, with family and model where it has them: virtual machines often say only `AMD EPYC`.
    pub processor: String,
    /// The vectors that the kernels use on it.
    pub vectors: &'static str,
    pub cores: usize,
}

impl Machine {
    /// This one.
    pub fn this() -> Self {
        let description = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        Self {
            processor: processor(&description),
            vectors: vectors(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }

    /// For people: `AMD EPYC family 25 model 1, AVX2, 2 cores`.
    pub fn title(&self) -> String {
        format!("{}, {}, {} cores", self.processor, self.vectors, self.cores)
    }

    /// For files: `amd-epyc-family-25-model-1-avx2-2-cores`.
    pub fn name(&self) -> String {
        let title = self.title().to_lowercase().replace("(r)", "").replace("(tm)", "");
        let words =
            title.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        words.collect::<Vec<_>>().join("-")
    }
}

/// The processor's name out of Linux's `/proc/cpuinfo`; elsewhere the architecture's.
fn processor(description: &str) -> String {
    let value = |name: &str| {
        let fields = description.lines().filter_map(|line| line.split_once(':'));
        fields.map(|(field, value)| (field.trim(), value.trim())).find(|(field, _)| *field == name)
    };
    let mut processor = value("model name").map_or(std::env::consts::ARCH, |(_, name)| name).to_owned();
    for (field, word) in [("cpu family", "family"), ("model", "model")] {
        if let Some((_, number)) = value(field) {
            processor += &format!(" {word} {number}");
        }
    }
    processor
}

/// As the kernels choose.
fn vectors() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") {
            return "AVX-512";
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            return "AVX2";
        }
    }
    if cfg!(target_arch = "aarch64") { "NEON" } else { "portable" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_processor_is_known_by_name_family_and_model() {
        let description = "processor\t: 0\ncpu family\t: 6\nmodel\t\t: 106\nmodel name\t: Intel(R) Xeon(R) CPU @ 2.60GHz\n\
            stepping\t: 6\n\nprocessor\t: 1\ncpu family\t: 6\nmodel\t\t: 107\n";
        let processor = processor(description);
        assert_eq!(processor, "Intel(R) Xeon(R) CPU @ 2.60GHz family 6 model 106");
        let machine = Machine { processor, vectors: "AVX-512", cores: 2 };
        assert_eq!(machine.name(), "intel-xeon-cpu-2-60ghz-family-6-model-106-avx-512-2-cores");
        assert_eq!(super::processor(""), std::env::consts::ARCH);
    }
}
