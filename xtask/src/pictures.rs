//! `cargo xtask pictures`: the book's pictures of formulas, which need no measurement.

use std::fmt::Write;

use crate::{Failure, svg};

/// Temperatures with the colours of their curves, which also the colour-blind tell apart (Okabe and Ito 2008).
const TEMPERATURES: [(f64, &str); 4] =
    [(0.1, "#0072b2"), (0.2, "#d55e00"), (0.5, "#009e73"), (1.0, "#cc79a7")];

/// Pixels of the picture and of the area in which curves are drawn: left, top, width, height.
const SIZE: [usize; 2] = [640, 340];
const AREA: [f64; 4] = [56.0, 24.0, 560.0, 260.0];

/// Steps of a curve.
const STEPS: u32 = 400;

/// The task.
pub fn run(arguments: &[String]) -> Result<(), Failure> {
    if !arguments.is_empty() {
        return Err(format!("pictures takes nothing, not `{}`", arguments.join(" ")));
    }
    svg::keep("hard-negatives.svg", &hard_negatives())
}

/// How much a negative with the cosine s pulls at what it is compared with, up to a factor: √(2 (1 − s²)) · exp(s / τ) (SGL, section 3.4).
fn weight(cosine: f64, temperature: f64) -> f64 {
    (2.0 * (1.0 - cosine * cosine)).max(0.0).sqrt() * (cosine / temperature).exp()
}

/// Its cosine where that is the most: the positive root of s² + τ s − 1 = 0.
fn hardest(temperature: f64) -> f64 {
    ((temperature * temperature + 4.0).sqrt() - temperature) / 2.0
}

/// The weights over the cosine, each curve by its highest point.
fn hard_negatives() -> String {
    let ([width, height], [left, top, across, up]) = (SIZE, AREA);
    let place = |cosine: f64, share: f64| (left + across * (cosine + 1.0) / 2.0, top + up * (1.0 - share));
    let mut svg = svg::begin(width, height);
    let mut text = |x: f64, y: f64, anchor: &str, words: &str| {
        // Writing into a string cannot fail.
        let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{words}</text>");
    };
    for step in 0..=4 {
        let cosine = f64::from(step) / 2.0 - 1.0;
        text(place(cosine, 0.0).0, top + up + 20.0, "middle", &cosine.to_string());
        let share = f64::from(step) / 4.0;
        text(left - 8.0, place(0.0, share).1 + 4.0, "end", &share.to_string());
    }
    text(left + across / 2.0, height as f64 - 14.0, "middle", "cosine of a negative");
    for (line, (temperature, _)) in TEMPERATURES.iter().enumerate() {
        text(left + 46.0, top + 14.0 + 20.0 * line as f64, "start", &format!("τ = {temperature}"));
    }
    for (line, (temperature, colour)) in TEMPERATURES.iter().enumerate() {
        let greatest = weight(hardest(*temperature), *temperature);
        let point = |step: u32| {
            let cosine = 2.0 * f64::from(step) / f64::from(STEPS) - 1.0;
            let (x, y) = place(cosine, weight(cosine, *temperature) / greatest);
            format!("{x:.1},{y:.1}")
        };
        let points: Vec<String> = (0..=STEPS).map(point).collect();
        let key = top + 9.0 + 20.0 * line as f64;
        let style = format!("fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"");
        let _ = writeln!(svg, "<polyline {style} points=\"{}\"/>", points.join(" "));
        let _ = writeln!(svg, "<path {style} d=\"M{:.1} {key:.1}h28\"/>", left + 10.0);
    }
    let _ = writeln!(svg, "<path fill=\"none\" stroke=\"#222\" d=\"M{left} {top}v{up}h{across}\"/>");
    svg + "</svg>\n"
}

#[cfg(test)]
mod tests {
    use super::{TEMPERATURES, hardest, weight};

    #[test]
    fn no_negative_weighs_more_than_the_hardest() {
        for (temperature, _) in TEMPERATURES {
            let hardest = hardest(temperature);
            for other in [hardest - 1e-3, hardest + 1e-3, -0.5, 0.0] {
                assert!(
                    weight(hardest, temperature) > weight(other, temperature),
                    "{other} at {temperature}"
                );
            }
        }
        assert_eq!((weight(1.0, 0.1), weight(-1.0, 0.1)), (0.0, 0.0));
    }
}
