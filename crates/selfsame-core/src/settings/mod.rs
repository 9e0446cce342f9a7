//! Layered settings: defaults < config file < environment < flags < `--set`.
//!
//! The defaults are complete, so they are also the schema: a key that is not among them is an error with a
//! suggestion, and a value must have its default's type. Where the default is `"auto"`, any single value may stand
//! in its place, and the config struct decides (see [`Auto`]). Every value remembers where it came from.

mod auto;
mod file;
mod layers;
mod names;
mod origin;
mod resolved;
mod schema;

pub use auto::Auto;
pub use layers::{Layers, PREFIX};
pub use names::unknown_name;
pub use origin::Origin;
pub use resolved::{Explained, Resolved};
pub use schema::closest;
