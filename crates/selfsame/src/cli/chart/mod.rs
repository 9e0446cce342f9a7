//! Small charts as pictures: bars, a curve of shares, and curves of numbers that are not sure.

mod font;
mod lines;

pub use lines::{Point, Series, lines};

use selfsame_image::picture::Picture;

const PAPER: [u8; 3] = [255; 3];
const INK: [u8; 3] = [40, 44, 52];
const GRID: [u8; 3] = [224, 226, 230];
const FILL: [u8; 3] = [62, 110, 184];

/// Pixels of a picture.
const SIZE: [usize; 2] = [760, 420];
/// Pixels around the area in which values are drawn: left, top, right, bottom.
const MARGINS: [usize; 4] = [84, 60, 28, 72];
/// Lines of the grid above the axis.
const LINES: usize = 5;

/// Bars beside each other, each with its name; the axis says percent of `values`, which are shares.
pub fn bars(title: &str, below: &str, bars: &[(String, f64)]) -> Picture {
    let highest = bars.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    let top = round_up(highest);
    let mut chart = Chart::new(title, below, top);
    let width = chart.width() / bars.len().max(1);
    for (place, (name, value)) in bars.iter().enumerate() {
        let height = ((value / top).clamp(0.0, 1.0) * chart.height() as f64).round() as usize;
        let (left, gap) = (MARGINS[0] + place * width, (width / 6).max(1));
        if height > 0 {
            let bar = Picture::filled(width.saturating_sub(2 * gap), height, FILL);
            chart.picture.paste(&bar, left + gap, chart.bottom() - height);
        }
        chart.centred(name, left + width / 2, chart.bottom() + font::HEIGHT * 3 / 4);
    }
    chart.picture
}

/// A curve through points (x, y) that are shares, from 0 to 1 both.
pub fn curve(title: &str, below: &str, points: &[(f64, f64)]) -> Picture {
    let mut chart = Chart::new(title, below, 1.0);
    for line in 0..=LINES {
        let x = MARGINS[0] + chart.width() * line / LINES;
        chart.centred(&percent(line as f64 / LINES as f64), x, chart.bottom() + font::HEIGHT * 3 / 4);
    }
    let place = |(x, y): (f64, f64)| {
        let along = |share: f64, pixels: usize| (share.clamp(0.0, 1.0) * pixels as f64).round() as usize;
        [MARGINS[0] + along(x, chart.width()), chart.bottom() - along(y, chart.height())]
    };
    let places: Vec<_> = points.iter().copied().map(place).collect();
    for ends in places.windows(2) {
        chart.picture.line(ends[0], ends[1], FILL);
    }
    chart.picture
}

/// A title, an axis, and what is written below.
struct Chart {
    picture: Picture,
}

impl Chart {
    fn new(title: &str, below: &str, top: f64) -> Self {
        Self::with_axis(title, below, |share| percent(top * share))
    }

    /// The axis says what `label` makes of shares of its height.
    fn with_axis(title: &str, below: &str, label: impl Fn(f64) -> String) -> Self {
        let mut chart = Self { picture: Picture::filled(SIZE[0], SIZE[1], PAPER) };
        for line in 0..=LINES {
            let y = chart.bottom() - chart.height() * line / LINES;
            let colour = if line == 0 { INK } else { GRID };
            chart.picture.paste(&Picture::filled(chart.width(), 1, colour), MARGINS[0], y);
            let value = label(line as f64 / LINES as f64);
            let left = (MARGINS[0] - 12).saturating_sub(font::width(&value));
            font::write(&mut chart.picture, &value, left, y - font::HEIGHT / 2);
        }
        let middle = MARGINS[0] + chart.width() / 2;
        chart.centred(title, middle, 20);
        chart.centred(below, middle, SIZE[1] - 28);
        chart
    }

    fn width(&self) -> usize {
        SIZE[0] - MARGINS[0] - MARGINS[2]
    }

    fn height(&self) -> usize {
        SIZE[1] - MARGINS[1] - MARGINS[3]
    }

    /// The axis.
    fn bottom(&self) -> usize {
        SIZE[1] - MARGINS[3]
    }

    fn centred(&mut self, text: &str, middle: usize, top: usize) {
        font::write(&mut self.picture, text, middle.saturating_sub(font::width(text) / 2), top);
    }
}

/// The least of 1, 2 and 5 times a power of ten that is not below the value.
fn round_up(value: f64) -> f64 {
    if value <= 0.0 || !value.is_finite() {
        return 1.0;
    }
    let power = 10_f64.powf(value.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .map(|step| step * power)
        .into_iter()
        .find(|top| *top >= value)
        .unwrap_or(10.0 * power)
}

/// As short as it can be said with two digits.
fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    let digits =
        if percent == 0.0 || percent >= 10.0 { 0 } else { (1.0 - percent.log10().floor()).min(4.0) as usize };
    let text = format!("{percent:.digits$}");
    let short = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{short}%")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn colour(picture: &Picture, x: usize, y: usize) -> [u8; 3] {
        picture.pixels[(y * picture.width + x) * 3..][..3].try_into().unwrap()
    }

    #[test]
    fn bars_are_as_high_as_their_values() {
        let bars = bars("recall", "group", &[("1".into(), 0.0), ("2".into(), 0.1), ("3".into(), 0.05)]);
        let width = (SIZE[0] - MARGINS[0] - MARGINS[2]) / 3;
        let height = SIZE[1] - MARGINS[1] - MARGINS[3];
        let filled = |place: usize| {
            let x = MARGINS[0] + place * width + width / 2;
            (0..SIZE[1]).filter(|&y| colour(&bars, x, y) == FILL).count()
        };
        assert_eq!([filled(0), filled(1), filled(2)], [0, height, height / 2]);
    }

    #[test]
    fn curves_go_through_their_points() {
        let picture = curve("popularity", "items", &[(0.0, 0.0), (0.5, 0.8), (1.0, 1.0)]);
        let [left, top, right, bottom] = MARGINS;
        let (width, height) = (SIZE[0] - left - right, SIZE[1] - top - bottom);
        assert_eq!(colour(&picture, left + width / 2, top + height / 5), FILL);
        assert_eq!(colour(&picture, left + width, top), FILL);
    }

    #[test]
    fn axes_end_at_round_numbers_and_say_them_shortly() {
        for (value, top) in [(0.0, 1.0), (0.013, 0.02), (0.2, 0.2), (0.21, 0.5), (0.7, 1.0)] {
            assert!((round_up(value) - top).abs() < 1e-12, "{value}");
        }
        for (share, text) in [(0.0, "0%"), (0.004, "0.4%"), (0.012, "1.2%"), (0.25, "25%"), (1.0, "100%")] {
            assert_eq!(percent(share), text);
        }
    }
}
