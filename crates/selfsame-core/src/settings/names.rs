//! Names that do not exist.

use super::closest;
use crate::Error;

/// The error for a name that is not among the known ones, with the closest of them. `kind` says what it should name.
pub fn unknown_name(kind: &str, given: &str, known: &[&str]) -> Error {
    let list = known.join(", ");
    let help = match closest(given, known.iter().copied()) {
        Some(nearest) => format!("did you mean `{nearest}`? There are: {list}"),
        None => format!("there are: {list}"),
    };
    Error::config(format!("there is no {kind} `{given}`"), help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_name_is_offered_if_it_is_close() {
        let text = |given: &str| unknown_name("method", given, &["simclr", "byol"]).to_string();
        assert_eq!(
            text("simclt"),
            "there is no method `simclt`\n  help: did you mean `simclr`? There are: simclr, byol"
        );
        assert!(text("wombat").ends_with("help: there are: simclr, byol"));
    }
}
