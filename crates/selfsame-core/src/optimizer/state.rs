//! Optimiser state as named tensors.

use std::collections::BTreeMap;

use burn::tensor::Tensor;

use crate::{Error, Result};

/// State of one kind, by the names of the parameters.
pub(super) type ByParameter = BTreeMap<String, Tensor<1>>;

/// `<kind>.<parameter>` for every parameter.
pub(super) fn named(kind: &str, tensors: &ByParameter) -> Vec<(String, Tensor<1>)> {
    tensors.iter().map(|(parameter, tensor)| (format!("{kind}.{parameter}"), tensor.clone())).collect()
}

/// The state of an optimiser that keeps one kind.
pub(super) fn single(kind: &str, state: ByParameter) -> Result<ByParameter> {
    let [tensors] = split([kind], state)?;
    Ok(tensors)
}

/// Sorts `<kind>.<parameter>` into kinds; every parameter must have all of them.
pub(super) fn split<const N: usize>(kinds: [&str; N], state: ByParameter) -> Result<[ByParameter; N]> {
    let mut sorted: [ByParameter; N] = std::array::from_fn(|_| BTreeMap::new());
    for (name, tensor) in state {
        let found = kinds.iter().zip(&mut sorted).find_map(|(kind, tensors)| {
            let parameter = name.strip_prefix(kind)?.strip_prefix('.')?;
            Some((parameter, tensors))
        });
        let Some((parameter, tensors)) = found else {
            return Err(foreign(format!("it holds `{name}`, which this optimiser does not have")));
        };
        tensors.insert(parameter.to_owned(), tensor);
    }
    for tensors in &sorted {
        for parameter in tensors.keys() {
            if let Some((kind, _)) = kinds.iter().zip(&sorted).find(|(_, t)| !t.contains_key(parameter)) {
                return Err(foreign(format!("it has no `{kind}.{parameter}`")));
            }
        }
    }
    Ok(sorted)
}

fn foreign(why: String) -> Error {
    Error::config(
        format!("the saved optimiser state does not fit the optimiser: {why}"),
        "resume with the optimizer.name that the checkpoint was trained with",
    )
}
