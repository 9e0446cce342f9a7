//! What an agent is worth: the returns of its episodes, and what its representation tells of them.

mod episodes;
mod human;
mod play;
mod probe;
mod ridge;
pub mod statistics;
mod video;

pub use episodes::{Episodes, EpisodesResult, episodes};
pub use human::human_normalised;
pub use play::{Played, Player};
pub use probe::{ProbeConfig, ProbeResult, probe};
pub use video::Video;
