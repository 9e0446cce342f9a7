//! Curves of numbers, each in a band that says how sure it is.

use selfsame_image::picture::Picture;

use super::{Chart, LINES, MARGINS, font, round_up};

/// Colours of curves, which also the colour-blind tell apart (Okabe and Ito 2008).
const COLOURS: [[u8; 3]; 7] =
    [[0, 114, 178], [213, 94, 0], [0, 158, 115], [204, 121, 167], [230, 159, 0], [86, 180, 233], [0, 0, 0]];

/// A place on a curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Along the axis below, from 0 on.
    pub x: f64,
    /// Its value.
    pub y: f64,
    /// The band's lower and upper end.
    pub band: [f64; 2],
}

/// A curve with its name.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// What it is called.
    pub name: String,
    /// Its points, from left to right.
    pub points: Vec<Point>,
}

/// Draws curves through points, over their bands.
pub fn lines(title: &str, below: &str, series: &[Series]) -> Picture {
    let points = || series.iter().flat_map(|series| &series.points);
    let extreme = |start: f64, pick: fn(f64, f64) -> f64| {
        points().flat_map(|point| [point.y, point.band[0], point.band[1]]).fold(start, pick)
    };
    let [low, high] = bounds(extreme(f64::INFINITY, f64::min), extreme(f64::NEG_INFINITY, f64::max));
    let right = round_up(points().map(|point| point.x).fold(0.0, f64::max));
    let mut chart = Chart::with_axis(title, below, |share| number(low + (high - low) * share));
    for line in 0..=LINES {
        let x = MARGINS[0] + chart.width() * line / LINES;
        chart.centred(&number(right * line as f64 / LINES as f64), x, chart.bottom() + font::HEIGHT * 3 / 4);
    }
    let (width, height, bottom) = (chart.width(), chart.height(), chart.bottom());
    let along = |x: f64| MARGINS[0] + ((x / right).clamp(0.0, 1.0) * width as f64).round() as usize;
    let up = |y: f64| bottom - (((y - low) / (high - low)).clamp(0.0, 1.0) * height as f64).round() as usize;
    for (curve, colour) in series.iter().zip(COLOURS.iter().cycle()) {
        for ends in curve.points.windows(2) {
            let [from, to] = [along(ends[0].x), along(ends[1].x)];
            for x in from..to.max(from + 1) {
                let share = (x - from) as f64 / (to - from).max(1) as f64;
                let [low, high] =
                    [0, 1].map(|end| ends[0].band[end] + (ends[1].band[end] - ends[0].band[end]) * share);
                tint(&mut chart.picture, x, [up(high), up(low)], *colour);
            }
        }
    }
    for (number, (curve, colour)) in series.iter().zip(COLOURS.iter().cycle()).enumerate() {
        let place = |point: &Point| [along(point.x), up(point.y)];
        for ends in curve.points.windows(2) {
            chart.picture.line(place(&ends[0]), place(&ends[1]), *colour);
        }
        if let [only] = &curve.points[..] {
            chart.picture.line(place(only), place(only), *colour);
        }
        let (left, top) = (MARGINS[0] + 12, MARGINS[1] - 12 + number * (font::HEIGHT + 5));
        chart.picture.paste(&Picture::filled(font::HEIGHT, font::HEIGHT, *colour), left, top);
        font::write(&mut chart.picture, &curve.name, left + font::HEIGHT + 6, top);
    }
    chart.picture
}

/// Mixes a column of pixels, from the first row to the second, with a colour.
fn tint(picture: &mut Picture, x: usize, [top, bottom]: [usize; 2], colour: [u8; 3]) {
    for y in top..=bottom {
        let pixel = &mut picture.pixels[(y * picture.width + x) * 3..][..3];
        for (value, colour) in pixel.iter_mut().zip(colour) {
            *value = ((3 * u16::from(*value) + u16::from(colour)) / 4) as u8;
        }
    }
}

/// Ends of an axis whose lines stand at round numbers, around all values.
fn bounds(least: f64, greatest: f64) -> [f64; 2] {
    if !(least.is_finite() && greatest.is_finite()) {
        return [0.0, 1.0];
    }
    let mut step = round_up((greatest - least) / LINES as f64);
    loop {
        let low = (least / step).floor() * step;
        let high = low + step * LINES as f64;
        if high >= greatest {
            return [low, high];
        }
        step = round_up(step * 1.01);
    }
}

/// As short as it can be said with three digits.
fn number(value: f64) -> String {
    let (value, unit) = match value.abs() {
        1e6.. => (value / 1e6, "M"),
        1e4.. => (value / 1e3, "K"),
        _ => (value, ""),
    };
    let digits = if value == 0.0 { 0 } else { (2.0 - value.abs().log10().floor()).clamp(0.0, 4.0) as usize };
    let text = format!("{value:.digits$}");
    let short = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{short}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::chart::SIZE;

    #[test]
    fn curves_lie_in_their_bands() {
        let point = |x: f64, y: f64| Point { x, y, band: [y - 1.0, y + 1.0] };
        let series = [Series {
            name: "a".into(),
            points: vec![point(0.0, -1.0), point(500.0, -1.0), point(1000.0, 4.0)],
        }];
        let picture = lines("return", "steps", &series);
        let pixel = |x: usize, y: usize| &picture.pixels[(y * picture.width + x) * 3..][..3];
        let [left, top, right, bottom] = MARGINS;
        let (width, height) = (SIZE[0] - left - right, SIZE[1] - top - bottom);
        // From -2 to 8, a line each 2.
        let row = |y: f64| top + height - ((y + 2.0) / 10.0 * height as f64).round() as usize;
        assert_eq!(pixel(left + width / 4, row(-1.0)), COLOURS[0]);
        let tinted = pixel(left + width / 4, row(-1.5));
        assert!(tinted[0] < 200 && tinted[2] > 200, "{tinted:?}");
        assert_eq!(pixel(left + width / 4, row(0.5)), super::super::PAPER);
        assert_eq!(pixel(left + width, row(4.0)), COLOURS[0]);
    }

    #[test]
    fn axes_hold_all_values_between_round_numbers() {
        assert_eq!(bounds(-1.0, 1.0), [-1.0, 1.5]);
        assert_eq!(bounds(-20.7, 14.6), [-30.0, 20.0]);
        assert_eq!(bounds(f64::INFINITY, f64::NEG_INFINITY), [0.0, 1.0]);
        let [low, high] = bounds(3.0, 3.0);
        assert!(low <= 3.0 && high > 3.0);
        for (value, text) in
            [(0.0, "0"), (-0.5, "-0.5"), (12_000.0, "12K"), (2.5e6, "2.5M"), (4000.0, "4000")]
        {
            assert_eq!(number(value), text);
        }
    }
}
