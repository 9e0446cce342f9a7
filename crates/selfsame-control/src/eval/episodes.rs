//! The returns of whole episodes.

use selfsame_core::{Error, Random, Result};
use serde::Serialize;

use super::human::human_normalised;
use super::play::Player;
use super::statistics::{Interval, RESAMPLINGS, bootstrap, interquartile_mean, mean, median};
use super::video::Video;

/// What `selfsame eval episodes` tells.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EpisodesResult {
    /// `episodes`.
    pub protocol: &'static str,
    /// Where the agent acted.
    pub environment: String,
    /// How many episodes it played.
    pub episodes: usize,
    /// The mean of their returns, which are sums of rewards, neither clipped nor discounted.
    pub mean_return: f64,
    /// Their median.
    pub median_return: f64,
    /// The mean of their middle half.
    pub iqm: f64,
    /// Where 95 % of resampled episodes have theirs: how sure the number is for this one agent, not for others trained alike.
    pub iqm_interval: Interval,
    /// The standard deviation of the returns (divided by n − 1); none of a single episode.
    pub deviation: Option<f64>,
    /// The least.
    pub least: f64,
    /// The greatest.
    pub greatest: f64,
    /// Steps of an episode, on average.
    pub mean_length: f64,
    /// Episodes that were cut off because they had taken as many steps as one may.
    pub cut_off: usize,
    /// The mean return between random play (0) and a person (1), where the table has the environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub human_normalised: Option<f64>,
}

/// What to play.
pub struct Episodes<'a> {
    /// How many episodes.
    pub count: usize,
    /// What the first of them look like; none to leave that out.
    pub video: Option<&'a mut Video>,
    /// Told how many are over.
    pub progress: &'a dyn Fn(usize),
}

/// Plays episodes.
///
/// # Errors
/// No episodes, and those of [`Player::play`].
pub fn episodes(player: &mut Player<'_>, mut what: Episodes<'_>) -> Result<EpisodesResult> {
    if what.count == 0 {
        return Err(Error::config("no episodes are to be played", "play some: --episodes 10"));
    }
    let pixels = player.environment.pixels();
    let (mut returns, mut steps, mut cut_off) = (Vec::with_capacity(what.count), 0, 0);
    for number in 0..what.count {
        let played = player.play(number as u64, 0, &mut |observation, _, outcome| {
            if let Some(video) = &mut what.video {
                video.push(observation.newest(), pixels);
                if outcome.terminated || outcome.truncated {
                    video.push(&outcome.frame, pixels);
                }
            }
            Ok(())
        })?;
        returns.push(played.total);
        steps += played.length;
        cut_off += usize::from(played.cut_off);
        (what.progress)(number + 1);
    }
    let centre = mean(&returns);
    let deviation = (returns.len() > 1).then(|| {
        let squares: f64 = returns.iter().map(|value| (value - centre).powi(2)).sum();
        (squares / (returns.len() - 1) as f64).sqrt()
    });
    let random = Random::new(0).named("bootstrap");
    Ok(EpisodesResult {
        protocol: "episodes",
        environment: player.environment.name().to_owned(),
        episodes: what.count,
        mean_return: centre,
        median_return: median(&returns),
        iqm: interquartile_mean(&returns),
        iqm_interval: bootstrap(&[&returns], interquartile_mean, RESAMPLINGS, &random),
        deviation,
        least: returns.iter().copied().fold(f64::INFINITY, f64::min),
        greatest: returns.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        mean_length: steps as f64 / what.count as f64,
        cut_off,
        // Of whole episodes: what was cut off says nothing beside a person's score.
        human_normalised: human_normalised(player.environment.name(), centre).filter(|_| cut_off == 0),
    })
}
