//! The line that says how far a training is.

use std::time::Duration;

use selfsame_core::train::Live;

use super::number::{duration, significant, thousands};

/// The parts of the line, each with its rank: where there is not enough room the highest ranks are left out first.
fn parts(live: &Live, eta: Option<Duration>) -> Vec<(u8, String)> {
    let mut parts = vec![
        (0, format!("epoch {}/{}", live.epoch, live.epochs)),
        (5, format!("step {}/{}", live.step, live.steps)),
        (6, format!("lr {}", significant(live.lr))),
        (3, format!("{} {}/s", thousands(live.images_per_second), live.instances)),
        (7, format!("data_wait {:.0} %", live.data_wait * 100.0)),
    ];
    // An agent acts for a while before it learns.
    if !live.loss.is_nan() {
        parts.insert(2, (1, format!("loss {}", significant(live.loss))));
    }
    let yardstick = live.yardstick;
    parts
        .extend(live.measured.map(|value| (4, format!("{} {}", yardstick.title, yardstick.shown(value, 1)))));
    parts.extend(eta.map(|eta| (2, format!("ETA {}", duration(eta)))));
    parts
}

/// How far a training is, in at most `width` characters:
/// `epoch 12/100  step 340/1250  loss 5.21  lr 0.30  1 840 images/s  data_wait 3 %  kNN 61.2 %  ETA 1h04`.
pub fn line(live: &Live, eta: Option<Duration>, width: usize) -> String {
    let mut parts = parts(live, eta);
    loop {
        let line = parts.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join("  ");
        let least = parts.iter().enumerate().max_by_key(|(_, (rank, _))| *rank).map(|(at, _)| at);
        match least {
            Some(at) if line.chars().count() > width && parts.len() > 1 => parts.remove(at),
            _ => return line,
        };
    }
}

#[cfg(test)]
mod tests {
    use selfsame_core::train::Yardstick;

    use super::*;

    const LIVE: Live = Live {
        epoch: 12,
        epochs: 100,
        step: 340,
        steps: 1250,
        loss: 5.2136,
        lr: 0.3,
        images_per_second: 1840.4,
        instances: "images",
        data_wait: 0.031,
        yardstick: Yardstick::KNN,
        measured: Some(0.612),
    };

    #[test]
    fn the_line_says_everything() {
        assert_eq!(
            line(&LIVE, Some(Duration::from_secs(3840)), usize::MAX),
            "epoch 12/100  step 340/1250  loss 5.21  lr 0.300  1 840 images/s  data_wait 3 %  kNN 61.2 %  ETA 1h04"
        );
    }

    #[test]
    fn a_narrow_terminal_gets_what_matters_most() {
        let shown = |width| line(&LIVE, Some(Duration::from_secs(45)), width);
        assert_eq!(shown(80), "epoch 12/100  step 340/1250  loss 5.21  1 840 images/s  kNN 61.2 %  ETA 45s");
        assert_eq!(shown(40), "epoch 12/100  loss 5.21  ETA 45s");
        assert_eq!(shown(1), "epoch 12/100");
    }

    #[test]
    fn what_is_not_known_is_not_shown() {
        let early = Live { measured: None, ..LIVE };
        let shown = line(&early, None, usize::MAX);
        assert!(!shown.contains("kNN") && !shown.contains("ETA"), "{shown}");
    }

    #[test]
    fn returns_are_no_shares() {
        let acting = Live {
            loss: f64::NAN,
            instances: "steps",
            images_per_second: 52.0,
            yardstick: Yardstick::RETURN,
            measured: Some(-0.25),
            ..LIVE
        };
        assert_eq!(
            line(&acting, None, usize::MAX),
            "epoch 12/100  step 340/1250  lr 0.300  52 steps/s  data_wait 3 %  return -0.25"
        );
    }

    #[test]
    fn steps_are_counted_over_all_epochs() {
        assert_eq!((LIVE.steps_done(), LIVE.steps_left()), (11 * 1250 + 340, 89 * 1250 - 340));
    }
}
