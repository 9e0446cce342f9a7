//! What random play and people reach in the 26 Atari games of the field's benchmark of 100,000 steps.

use crate::data::game;

/// Game, score of random play, score of a person: as the field quotes them from Wang et al. 2016 (arXiv 1511.06581) and Kaiser et al. 2020 (arXiv
/// 1903.00374).
const SCORES: [(&str, f64, f64); 26] = [
    ("Alien", 227.8, 7127.7),
    ("Amidar", 5.8, 1719.5),
    ("Assault", 222.4, 742.0),
    ("Asterix", 210.0, 8503.3),
    ("BankHeist", 14.2, 753.1),
    ("BattleZone", 2360.0, 37187.5),
    ("Boxing", 0.1, 12.1),
    ("Breakout", 1.7, 30.5),
    ("ChopperCommand", 811.0, 7387.8),
    ("CrazyClimber", 10780.5, 35829.4),
    ("DemonAttack", 152.1, 1971.0),
    ("Freeway", 0.0, 29.6),
    ("Frostbite", 65.2, 4334.7),
    ("Gopher", 257.6, 2412.5),
    ("Hero", 1027.0, 30826.4),
    ("Jamesbond", 29.0, 302.8),
    ("Kangaroo", 52.0, 3035.0),
    ("Krull", 1598.0, 2665.5),
    ("KungFuMaster", 258.5, 22736.3),
    ("MsPacman", 307.3, 6951.6),
    ("Pong", -20.7, 14.6),
    ("PrivateEye", 24.9, 69571.3),
    ("Qbert", 163.9, 13455.0),
    ("RoadRunner", 11.5, 7845.0),
    ("Seaquest", 68.4, 42054.7),
    ("UpNDown", 533.4, 11693.2),
];

/// A score as a share of the way from random play (0) to a person (1); none for what is not in the table. `environment` is Gymnasium's name, such as
/// `ALE/Pong-v5` or `PongNoFrameskip-v4`.
pub fn human_normalised(environment: &str, score: f64) -> Option<f64> {
    let game = game(environment)?;
    let (_, random, human) = SCORES.iter().find(|(known, ..)| *known == game)?;
    Some((score - random) / (human - random))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_play_is_0_and_a_person_1() {
        assert_eq!(human_normalised("ALE/Pong-v5", -20.7), Some(0.0));
        assert_eq!(human_normalised("ALE/Qbert-v5", 13455.0), Some(1.0));
        let halfway = human_normalised("FreewayNoFrameskip-v4", 14.8);
        assert!(halfway.is_some_and(|share| (share - 0.5).abs() < 1e-12));
        for other in ["catch", "ALE/Tetris-v5", "dm_control/cartpole-swingup-v0", "Pong", ""] {
            assert_eq!(human_normalised(other, 1.0), None, "{other}");
        }
    }
}
