//! Catch: a ball falls, a paddle below has to be where it lands (Osband et al. 2020, bsuite). Pixels and discrete actions, nothing else needed.

use selfsame_core::{Error, Random, Result};

use super::environment::{discrete, state_error};
use super::{Action, Actions, Environment, Outcome, Pixels};

/// Rows of the board; the ball is in the last one after as many steps less one.
const ROWS: usize = 10;
const COLUMNS: usize = 5;

/// A board of 10 rows and 5 columns, drawn as a square of grey pixels. Actions: 0 goes left, 1 stays, 2 goes right. The reward, 1 or -1, comes
/// with the last of the 9 steps of an episode.
#[derive(Clone, Debug, PartialEq)]
pub struct Catch {
    size: usize,
    ball: (usize, usize),
    paddle: usize,
}

impl Catch {
    /// As typed on the command line.
    pub const NAME: &str = "catch";

    /// The side of its frames unless another is asked for.
    pub const SIZE: usize = 40;

    /// Frames of `size` by `size` pixels.
    ///
    /// # Errors
    /// `Error::Config` when a cell of the board would have no pixel.
    pub fn new(size: usize) -> Result<Self> {
        if size < ROWS {
            return Err(Error::config(
                format!("catch cannot be drawn in {size} by {size} pixels"),
                format!("give it frames of {ROWS} pixels or more"),
            ));
        }
        Ok(Self { size, ball: (0, 0), paddle: COLUMNS / 2 })
    }

    fn frame(&self) -> Vec<u8> {
        let mut frame = vec![0; self.size * self.size];
        for (row, column) in [self.ball, (ROWS - 1, self.paddle)] {
            let edges = |cell: usize, cells: usize| cell * self.size / cells..(cell + 1) * self.size / cells;
            for y in edges(row, ROWS) {
                frame[y * self.size..][edges(column, COLUMNS)].fill(255);
            }
        }
        frame
    }
}

impl Environment for Catch {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn pixels(&self) -> Pixels {
        Pixels { channels: 1, height: self.size, width: self.size }
    }

    fn actions(&self) -> Actions {
        Actions::Discrete(3)
    }

    fn reset(&mut self, seed: u64) -> Result<Vec<u8>> {
        self.ball = (0, Random::new(seed).named(Self::NAME).below(COLUMNS));
        self.paddle = COLUMNS / 2;
        Ok(self.frame())
    }

    fn step(&mut self, action: &Action) -> Result<Outcome> {
        let action = discrete(action, self.actions())?;
        self.paddle = (self.paddle + action).saturating_sub(1).min(COLUMNS - 1);
        self.ball.0 = (self.ball.0 + 1).min(ROWS - 1);
        let terminated = self.ball.0 == ROWS - 1;
        let reward = match (terminated, self.ball.1 == self.paddle) {
            (false, _) => 0.0,
            (true, true) => 1.0,
            (true, false) => -1.0,
        };
        Ok(Outcome { frame: self.frame(), reward, terminated, truncated: false, life_lost: false })
    }

    fn state(&self) -> Option<Vec<u8>> {
        Some([self.ball.0, self.ball.1, self.paddle].map(|place| place as u8).to_vec())
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        let &[row, column, paddle] = state else { return Err(state_error(Self::NAME)) };
        let [row, column, paddle] = [row, column, paddle].map(usize::from);
        if row >= ROWS || column >= COLUMNS || paddle >= COLUMNS {
            return Err(state_error(Self::NAME));
        }
        (self.ball, self.paddle) = ((row, column), paddle);
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// The reward of an episode whose paddle follows `policy`, a function of ball and paddle.
    fn episode(seed: u64, policy: impl Fn(usize, usize) -> usize) -> f32 {
        let mut catch = Catch::new(20).unwrap();
        catch.reset(seed).unwrap();
        for step in 1.. {
            let outcome = catch.step(&Action::Discrete(policy(catch.ball.1, catch.paddle))).unwrap();
            if outcome.terminated {
                assert_eq!(step, 9);
                return outcome.reward;
            }
            assert_eq!(outcome.reward, 0.0);
        }
        unreachable!()
    }

    #[test]
    fn who_follows_the_ball_catches_it() {
        for seed in 0..20 {
            let toward = |ball: usize, paddle: usize| (ball + 1).saturating_sub(paddle).min(2);
            assert_eq!(episode(seed, toward), 1.0);
        }
        let total: f32 = (0..500).map(|seed| episode(seed, |_, _| 1)).sum();
        // One column of five is the middle one: a fifth of the balls is caught.
        assert!((total / 500.0 + 0.6).abs() < 0.1, "{total}");
    }

    #[test]
    fn frames_show_ball_and_paddle() {
        let mut catch = Catch::new(10).unwrap();
        catch.reset(1).unwrap();
        catch.ball = (3, 4);
        catch.paddle = 0;
        let frame = catch.frame();
        let lit: Vec<usize> = (0..100).filter(|&pixel| frame[pixel] == 255).collect();
        assert_eq!(lit, [38, 39, 90, 91]);
        assert!(frame.iter().all(|&pixel| pixel == 0 || pixel == 255));
    }

    #[test]
    fn what_it_cannot_do_is_refused() {
        let mut catch = Catch::new(10).unwrap();
        assert!(catch.step(&Action::Discrete(3)).is_err());
        assert!(catch.step(&Action::Continuous(vec![0.0])).is_err());
        for state in [&[0, 0][..], &[10, 0, 0], &[0, 5, 0], &[0, 0, 5]] {
            assert_eq!(catch.restore(state).unwrap_err().exit_code(), 3);
        }
        assert_eq!(Catch::new(9).unwrap_err().exit_code(), 2);
    }
}
