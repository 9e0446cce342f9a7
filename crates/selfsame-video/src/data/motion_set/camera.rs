//! How a camera wanders while it films, as one does that is held by hand.

use std::f32::consts::TAU;

use selfsame_core::Random;

/// A camera with the speeds and beginnings of its wandering, across and up and down.
#[derive(Clone, Debug)]
pub struct Camera {
    /// How far it comes from its place at most, in units of the frame's height; 0 for one that stands still.
    reach: f32,
    /// In a video.
    rounds: [f32; 2],
    /// In rounds.
    phase: [f32; 2],
}

impl Camera {
    /// A random one with this reach.
    pub fn draw(reach: f32, random: &Random) -> Self {
        let mut drawn = random.named("camera");
        let rounds = std::array::from_fn(|_| drawn.range(0.7, 1.6));
        Self { reach, rounds, phase: std::array::from_fn(|_| drawn.unit()) }
    }

    /// Whether it never moves.
    pub fn stands_still(&self) -> bool {
        self.reach == 0.0
    }

    /// By how much everything is displaced in frame `frame` of `frames`, to the right and down, in units of the frame's height.
    pub fn displacement(&self, frame: usize, frames: usize) -> [f32; 2] {
        let time = frame as f32 / frames.max(1) as f32;
        std::array::from_fn(|axis| self.reach * ((self.phase[axis] + self.rounds[axis] * time) * TAU).sin())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_wanders_within_its_reach() {
        for seed in 0..20 {
            let camera = Camera::draw(0.1, &Random::new(seed));
            let places: Vec<[f32; 2]> = (0..64).map(|frame| camera.displacement(frame, 64)).collect();
            for axis in 0..2 {
                let most = places.iter().map(|place| place[axis].abs()).fold(0.0, f32::max);
                assert!((0.05..=0.1).contains(&most), "{seed}: {most}");
                // Slowly: by less than a pixel and a half of 96 from frame to frame.
                assert!(places.windows(2).all(|pair| (pair[0][axis] - pair[1][axis]).abs() < 1.6 / 96.0));
            }
        }
        let still = Camera::draw(0.0, &Random::new(0));
        assert!(still.stands_still() && still.displacement(17, 64) == [0.0; 2]);
    }
}
