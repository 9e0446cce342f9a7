//! The classes of the motion set: how an object moves.

use std::f32::consts::{PI, TAU};

use selfsame_core::Random;

/// How an object moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Motion {
    /// To and fro along a circle's edge, round and round.
    Circle,
    /// Thrown up again whenever it meets the floor, while it drifts to and fro.
    Bounce,
    /// To and fro from corner to corner.
    Diagonal,
    /// To and fro across.
    LeftRight,
    /// In place, in small jerks.
    Shake,
    /// Round its own middle.
    Spin,
    /// Not at all.
    Still,
    /// Up and down.
    UpDown,
    /// Across in a sharp wave.
    ZigZag,
    /// Nearer and farther.
    Zoom,
}

impl Motion {
    /// All motions, in the order of their names.
    pub const ALL: [Self; 10] = [
        Self::Bounce,
        Self::Circle,
        Self::Diagonal,
        Self::LeftRight,
        Self::Shake,
        Self::Spin,
        Self::Still,
        Self::UpDown,
        Self::ZigZag,
        Self::Zoom,
    ];

    /// The name of the class.
    pub fn name(self) -> &'static str {
        match self {
            Self::Circle => "circle",
            Self::Bounce => "bounce",
            Self::Diagonal => "diagonal",
            Self::LeftRight => "left-right",
            Self::Shake => "shake",
            Self::Spin => "spin",
            Self::Still => "still",
            Self::UpDown => "up-down",
            Self::ZigZag => "zig-zag",
            Self::Zoom => "zoom",
        }
    }
}

/// Where an object is: displacement in units of the frame's height, scale, and angle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pose {
    /// To the right of its place.
    pub x: f32,
    /// Below its place.
    pub y: f32,
    /// Against its size.
    pub scale: f32,
    /// Clockwise, in radians, against its own.
    pub angle: f32,
}

/// A motion with its speed, reach and beginning.
#[derive(Clone, Debug)]
pub struct Course {
    motion: Motion,
    /// Rounds in a video.
    rounds: f32,
    /// In units of the frame's height.
    reach: f32,
    /// In rounds.
    phase: f32,
    /// 1 or −1: which way round, or which diagonal.
    sense: f32,
    jerks: Random,
}

impl Course {
    /// A random course of a motion.
    pub fn draw(motion: Motion, random: &Random) -> Self {
        let mut drawn = random.named("course");
        Self {
            motion,
            rounds: drawn.range(2.0, 3.5),
            reach: drawn.range(0.18, 0.26),
            phase: drawn.unit(),
            sense: if drawn.chance(0.5) { 1.0 } else { -1.0 },
            jerks: random.named("jerks"),
        }
    }

    /// The pose in frame `frame` of `frames`.
    pub fn pose(&self, frame: usize, frames: usize) -> Pose {
        let rounds = self.phase + self.rounds * frame as f32 / frames.max(1) as f32;
        let (sine, cosine) = (rounds * TAU).sin_cos();
        let still = Pose { x: 0.0, y: 0.0, scale: 1.0, angle: 0.0 };
        let at = |x: f32, y: f32| Pose { x: self.reach * x, y: self.reach * y, ..still };
        match self.motion {
            Motion::Still => still,
            Motion::LeftRight => at(1.3 * sine, 0.0),
            Motion::UpDown => at(0.0, 1.3 * sine),
            Motion::Diagonal => at(sine, self.sense * sine),
            Motion::Circle => at(cosine, self.sense * sine),
            Motion::Spin => Pose { angle: self.sense * rounds * PI, ..still },
            Motion::Zoom => Pose { scale: (0.55 * sine).exp2(), ..still },
            // A parabola between two meetings with the floor.
            Motion::Bounce => at(triangle(0.3 * rounds), 1.0 - 2.0 * (1.0 - triangle(rounds).powi(2))),
            Motion::ZigZag => at(1.5 * triangle(0.4 * rounds), 0.8 * triangle(1.6 * rounds)),
            Motion::Shake => {
                let mut jerk = self.jerks.at(frame as u64);
                at(jerk.range(-0.3, 0.3), jerk.range(-0.3, 0.3))
            }
        }
    }
}

/// To and fro between −1 and 1 at constant speed, once a round.
fn triangle(rounds: f32) -> f32 {
    4.0 * (rounds.rem_euclid(1.0) - 0.5).abs() - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poses(motion: Motion) -> Vec<Pose> {
        let course = Course::draw(motion, &Random::new(3).at(motion as u64));
        (0..64).map(|frame| course.pose(frame, 64)).collect()
    }

    /// Whether a value changes by more than a hundredth of the frame.
    fn varies(poses: &[Pose], value: impl Fn(&Pose) -> f32) -> bool {
        let values: Vec<f32> = poses.iter().map(value).collect();
        let most = values.iter().copied().fold(f32::MIN, f32::max);
        let least = values.iter().copied().fold(f32::MAX, f32::min);
        most - least > 0.01
    }

    #[test]
    fn each_motion_moves_what_its_name_says() {
        for (motion, expected) in [
            (Motion::LeftRight, [true, false, false, false]),
            (Motion::UpDown, [false, true, false, false]),
            (Motion::Diagonal, [true, true, false, false]),
            (Motion::Circle, [true, true, false, false]),
            (Motion::Bounce, [true, true, false, false]),
            (Motion::ZigZag, [true, true, false, false]),
            (Motion::Shake, [true, true, false, false]),
            (Motion::Spin, [false, false, false, true]),
            (Motion::Zoom, [false, false, true, false]),
            (Motion::Still, [false, false, false, false]),
        ] {
            let poses = poses(motion);
            let found = [
                varies(&poses, |pose| pose.x),
                varies(&poses, |pose| pose.y),
                varies(&poses, |pose| pose.scale),
                varies(&poses, |pose| pose.angle),
            ];
            assert_eq!(found, expected, "{motion:?}");
            assert!(poses.iter().all(|pose| pose.x.abs() < 0.45 && pose.y.abs() < 0.45), "{motion:?}");
        }
    }

    #[test]
    fn names_are_sorted_and_differ() {
        let names = Motion::ALL.map(Motion::name);
        assert!(names.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
