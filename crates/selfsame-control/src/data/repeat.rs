//! Actions that are taken several times in a row.

use selfsame_core::Result;

use super::{Action, Actions, Environment, Outcome, Pixels};

/// An environment whose actions are repeated, up to an end, and their rewards added up.
#[derive(Clone, Debug)]
pub struct RepeatActions<E> {
    environment: E,
    repeat: usize,
}

impl<E: Environment> RepeatActions<E> {
    /// Repeats each action so many times, at least once.
    pub fn new(environment: E, repeat: usize) -> Self {
        Self { environment, repeat }
    }
}

impl<E: Environment> Environment for RepeatActions<E> {
    fn name(&self) -> &str {
        self.environment.name()
    }

    fn pixels(&self) -> Pixels {
        self.environment.pixels()
    }

    fn actions(&self) -> Actions {
        self.environment.actions()
    }

    fn reset(&mut self, seed: u64) -> Result<Vec<u8>> {
        self.environment.reset(seed)
    }

    fn step(&mut self, action: &Action) -> Result<Outcome> {
        let mut outcome = self.environment.step(action)?;
        for _ in 1..self.repeat {
            if outcome.terminated || outcome.truncated {
                break;
            }
            let next = self.environment.step(action)?;
            outcome = Outcome {
                reward: outcome.reward + next.reward,
                life_lost: outcome.life_lost || next.life_lost,
                ..next
            };
        }
        Ok(outcome)
    }

    fn state(&self) -> Option<Vec<u8>> {
        self.environment.state()
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        self.environment.restore(state)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::data::pendulum::PendulumPixels;

    #[test]
    fn repeated_actions_are_actions_in_a_row() {
        let action = Action::Continuous(vec![0.7]);
        let mut single = PendulumPixels::new(16).unwrap();
        let mut repeated = RepeatActions::new(single.clone(), 3);
        assert_eq!(single.reset(2).unwrap(), repeated.reset(2).unwrap());
        for _ in 0..66 {
            let steps = [(); 3].map(|()| single.step(&action).unwrap());
            let outcome = repeated.step(&action).unwrap();
            assert_eq!(outcome.frame, steps[2].frame);
            assert_eq!(outcome.reward, steps.iter().map(|step| step.reward).sum::<f32>());
            assert!(!outcome.truncated);
        }
        // Of 200 steps two are left.
        assert!(repeated.step(&action).unwrap().truncated);
    }
}
