//! Settings that selfsame chooses itself unless the user does.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A setting that is `"auto"` or a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Auto<T> {
    /// selfsame chooses.
    #[default]
    Auto,
    /// The user chose.
    Value(T),
}

impl<T> Auto<T> {
    /// The user's value, or `value` if selfsame chooses.
    pub fn or(self, value: T) -> T {
        match self {
            Self::Auto => value,
            Self::Value(chosen) => chosen,
        }
    }

    /// The user's value.
    pub fn value(self) -> Option<T> {
        match self {
            Self::Auto => None,
            Self::Value(chosen) => Some(chosen),
        }
    }
}

impl<T: Serialize> Serialize for Auto<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str("auto"),
            Self::Value(value) => value.serialize(serializer),
        }
    }
}

// By hand, because a derived untagged enum says only "did not match any variant" for a wrong type.
impl<'de, T: Deserialize<'de>> Deserialize<'de> for Auto<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = toml::Value::deserialize(deserializer)?;
        if value.as_str() == Some("auto") {
            return Ok(Self::Auto);
        }
        T::deserialize(value)
            .map(Self::Value)
            .map_err(|error| D::Error::custom(format!("{} or \"auto\"", error.message())))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[derive(Serialize, Deserialize, Debug, PartialEq)]
    struct Config {
        lr: Auto<f64>,
        name: Auto<String>,
    }

    #[test]
    fn reads_and_writes_the_word_or_the_value() {
        let text = "lr = \"auto\"\nname = \"lars\"\n";
        let config: Config = toml::from_str(text).unwrap();
        assert_eq!(config, Config { lr: Auto::Auto, name: Auto::Value("lars".to_owned()) });
        assert_eq!(toml::to_string(&config).unwrap(), text);
        assert_eq!(toml::from_str::<Config>("lr = 1\nname = \"auto\"").unwrap().lr.or(0.3), 1.0);
        assert_eq!(serde_json::from_str::<Auto<u32>>("\"auto\"").unwrap().or(7), 7);
        assert_eq!(serde_json::from_str::<Auto<u32>>("3").unwrap().value(), Some(3));
    }

    #[test]
    fn a_wrong_type_says_what_is_expected() {
        let error = toml::from_str::<Config>("lr = \"fast\"\nname = \"auto\"").unwrap_err();
        assert_eq!(error.message(), "invalid type: string \"fast\", expected f64 or \"auto\"");
    }
}
