//! A pendulum to swing up, seen in pixels and driven by a torque. Nothing else needed.

use std::f64::consts::{PI, TAU};

use selfsame_core::{Error, Random, Result};

use super::environment::{continuous, state_error};
use super::{Action, Actions, Environment, Outcome, Pixels};

/// Metres for each second, each second.
const GRAVITY: f64 = 10.0;
/// Metres.
const LENGTH: f64 = 1.0;
/// Kilograms.
const MASS: f64 = 1.0;
/// Newton metres.
const LARGEST_TORQUE: f64 = 2.0;
/// Radians a second.
const LARGEST_SPEED: f64 = 8.0;
/// Seconds of a step.
const STEP: f64 = 0.05;
const STEPS: u32 = 200;

/// The rod and its thickness, in halves of the frame's side.
const ROD: f64 = 0.8;
const HALF_WIDTH: f64 = 0.1;
/// Side of the frame's smallest size, in which the rod is still two pixels wide.
const SMALLEST: usize = 16;

/// Physics, beginnings and reward of Gymnasium's `Pendulum-v1`: returns can be compared (about -1200 at random, -150 when solved). The angle is
/// 0 upright; the action, in `-1..=1`, is a torque of up to 2 Nm; an episode is cut off after 200 steps. Frames are grey, with edges drawn as
/// smooth as pixels allow, so that small movements show.
#[derive(Clone, Debug, PartialEq)]
pub struct PendulumPixels {
    size: usize,
    angle: f64,
    speed: f64,
    steps: u32,
}

impl PendulumPixels {
    /// As typed on the command line.
    pub const NAME: &str = "pendulum-pixels";

    /// The side of its frames unless another is asked for.
    pub const SIZE: usize = 48;

    /// Frames of `size` by `size` pixels.
    ///
    /// # Errors
    /// `Error::Config` when the rod would not be seen.
    pub fn new(size: usize) -> Result<Self> {
        if size < SMALLEST {
            return Err(Error::config(
                format!("pendulum-pixels cannot be drawn in {size} by {size} pixels"),
                format!("give it frames of {SMALLEST} pixels or more"),
            ));
        }
        Ok(Self { size, angle: PI, speed: 0.0, steps: 0 })
    }

    fn frame(&self) -> Vec<u8> {
        let half = self.size as f64 / 2.0;
        let (sine, cosine) = self.angle.sin_cos();
        let mut frame = Vec::with_capacity(self.size * self.size);
        for row in 0..self.size {
            for column in 0..self.size {
                // The pixel's middle, from the pivot in the middle of the frame, y upwards.
                let (x, y) = ((column as f64 + 0.5) / half - 1.0, 1.0 - (row as f64 + 0.5) / half);
                // The rod goes from the pivot to (-sin, cos): angles are counted against the clock.
                let along = (y * cosine - x * sine).clamp(0.0, ROD);
                let distance = (x + along * sine).hypot(y - along * cosine);
                // How much of the pixel the rod covers, to first order.
                let covered = ((HALF_WIDTH - distance) * half + 0.5).clamp(0.0, 1.0);
                frame.push((covered * 255.0).round() as u8);
            }
        }
        frame
    }
}

impl Environment for PendulumPixels {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn pixels(&self) -> Pixels {
        Pixels { channels: 1, height: self.size, width: self.size }
    }

    fn actions(&self) -> Actions {
        Actions::Continuous(1)
    }

    fn reset(&mut self, seed: u64) -> Result<Vec<u8>> {
        let mut random = Random::new(seed).named(Self::NAME);
        self.angle = f64::from(random.range(-1.0, 1.0)) * PI;
        self.speed = f64::from(random.range(-1.0, 1.0));
        self.steps = 0;
        Ok(self.frame())
    }

    fn step(&mut self, action: &Action) -> Result<Outcome> {
        let torque = LARGEST_TORQUE * f64::from(continuous(action, self.actions())?[0]).clamp(-1.0, 1.0);
        let from_upright = (self.angle + PI).rem_euclid(TAU) - PI;
        let cost = from_upright.powi(2) + 0.1 * self.speed.powi(2) + 0.001 * torque.powi(2);
        let acceleration =
            3.0 * GRAVITY / (2.0 * LENGTH) * self.angle.sin() + 3.0 / (MASS * LENGTH.powi(2)) * torque;
        self.speed = (self.speed + acceleration * STEP).clamp(-LARGEST_SPEED, LARGEST_SPEED);
        self.angle += self.speed * STEP;
        self.steps += 1;
        Ok(Outcome {
            frame: self.frame(),
            reward: -cost as f32,
            terminated: false,
            truncated: self.steps >= STEPS,
            life_lost: false,
        })
    }

    fn state(&self) -> Option<Vec<u8>> {
        let numbers = [self.angle.to_le_bytes(), self.speed.to_le_bytes()].concat();
        Some([&numbers[..], &self.steps.to_le_bytes()].concat())
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        let number = |at: usize| -> Option<f64> {
            let number = f64::from_le_bytes(state.get(at..at + 8)?.try_into().ok()?);
            number.is_finite().then_some(number)
        };
        let steps = state.get(16..).and_then(|rest| Some(u32::from_le_bytes(rest.try_into().ok()?)));
        let (Some(angle), Some(speed), Some(steps)) = (number(0), number(8), steps) else {
            return Err(state_error(Self::NAME));
        };
        (self.angle, self.speed, self.steps) = (angle, speed, steps);
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn at(angle: f64, speed: f64) -> PendulumPixels {
        PendulumPixels { angle, speed, ..PendulumPixels::new(32).unwrap() }
    }

    #[test]
    fn it_moves_as_gymnasiums_does() {
        // Computed with Pendulum-v1 from angle 2.5, speed -1, under torques 1, -2 and 0.5.
        let mut pendulum = at(2.5, -1.0);
        let rewards =
            [0.5, -1.0, 0.25].map(|action| pendulum.step(&Action::Continuous(vec![action])).unwrap().reward);
        let expected = [-6.351, -6.170207624746598, -6.096685348935366];
        for (reward, expected) in rewards.iter().zip(expected) {
            assert!((f64::from(*reward) - expected).abs() < 1e-6, "{rewards:?}");
        }
        let (angle, speed) = (2.48305416464791, 0.30256047949335474);
        assert!(
            (pendulum.angle - angle).abs() < 1e-9 && (pendulum.speed - speed).abs() < 1e-9,
            "{pendulum:?}"
        );
    }

    #[test]
    fn without_torque_energy_stays_within_the_error_of_the_steps() {
        let energy = |p: &PendulumPixels| p.speed.powi(2) / 6.0 + 5.0 * p.angle.cos();
        let mut pendulum = at(2.0, 0.0);
        let start = energy(&pendulum);
        for _ in 0..STEPS {
            pendulum.step(&Action::Continuous(vec![0.0])).unwrap();
            assert!((energy(&pendulum) - start).abs() < 0.7, "{}", energy(&pendulum) - start);
        }
    }

    #[test]
    fn frames_show_where_the_rod_points() {
        // Upright, to the left (angles are counted against the clock), hanging.
        for (angle, lit, dark) in
            [(0.0, (6, 16), (26, 16)), (PI / 2.0, (16, 6), (16, 26)), (PI, (26, 16), (6, 16))]
        {
            let frame = at(angle, 0.0).frame();
            assert_eq!((frame[lit.0 * 32 + lit.1], frame[dark.0 * 32 + dark.1]), (255, 0), "{angle}");
        }
    }

    #[test]
    fn what_the_frame_covers_is_the_area_of_the_rod() {
        // A capsule: a rectangle and two half circles.
        let area = (2.0 * HALF_WIDTH * ROD + PI * HALF_WIDTH.powi(2)) * 24.0f64.powi(2);
        for angle in 0..50 {
            let pendulum =
                PendulumPixels { angle: f64::from(angle) * 0.13, ..PendulumPixels::new(48).unwrap() };
            let covered: f64 = pendulum.frame().iter().map(|&pixel| f64::from(pixel) / 255.0).sum();
            assert!((covered / area - 1.0).abs() < 0.03, "{angle}: {covered} of {area}");
        }
    }

    #[test]
    fn an_episode_is_cut_off_after_its_steps() {
        let mut pendulum = PendulumPixels::new(16).unwrap();
        pendulum.reset(1).unwrap();
        let ends = (0..STEPS).map(|_| pendulum.step(&Action::Continuous(vec![0.1])).unwrap());
        let ends: Vec<_> = ends.map(|outcome| (outcome.terminated, outcome.truncated)).collect();
        assert!(ends[..199].iter().all(|end| *end == (false, false)));
        assert_eq!(ends[199], (false, true));
    }

    #[test]
    fn what_it_cannot_do_is_refused() {
        let mut pendulum = PendulumPixels::new(16).unwrap();
        assert!(pendulum.step(&Action::Discrete(0)).is_err());
        assert!(pendulum.step(&Action::Continuous(vec![0.0, 0.0])).is_err());
        assert_eq!(pendulum.step(&Action::Continuous(vec![f32::NAN])).unwrap_err().exit_code(), 5);
        assert_eq!(pendulum.restore(&[0; 19]).unwrap_err().exit_code(), 3);
        assert_eq!(pendulum.restore(&[0xFF; 20]).unwrap_err().exit_code(), 3);
        assert_eq!(PendulumPixels::new(4).unwrap_err().exit_code(), 2);
    }
}
