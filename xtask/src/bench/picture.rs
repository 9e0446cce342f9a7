//! Numbers as a picture: a row for each category, a column of bars for each case.

use crate::svg;

/// Pixels of the names, of a column, of the longest bar in it, of a row and of the space above the rows.
const NAMES: usize = 250;
const COLUMN: usize = 210;
const LONGEST: f64 = 140.0;
const ROW: usize = 22;
const TOP: usize = 44;

/// An SVG of `values[case][category]`, none below 0, each with its `label` behind its bar.
pub fn draw(
    cases: &[&str],
    categories: &[&str],
    values: &[Vec<f64>],
    label: impl Fn(f64) -> String,
) -> String {
    let (width, height) = (NAMES + COLUMN * cases.len() + 12, TOP + ROW * categories.len() + 12);
    let largest = values.iter().flatten().copied().fold(0.01, f64::max);
    let mut svg = svg::begin(width, height);
    let text = |x: usize, y: usize, style: &str, words: &str| {
        let words = words.replace('&', "&amp;").replace('<', "&lt;");
        format!("<text x=\"{x}\" y=\"{y}\"{style}>{words}</text>\n")
    };
    for (at, case) in cases.iter().enumerate() {
        svg += &text(NAMES + COLUMN * at, 26, " font-weight=\"bold\"", case);
    }
    for (row, category) in categories.iter().enumerate() {
        let y = TOP + ROW * row;
        svg += &text(NAMES - 10, y + 14, " text-anchor=\"end\"", category);
        for (at, values) in values.iter().enumerate() {
            let value = values.get(row).copied().unwrap_or(0.0).max(0.0);
            let (x, length) = (NAMES + COLUMN * at, LONGEST * value / largest);
            let bar = format!("x=\"{x}\" y=\"{}\" width=\"{length:.1}\" height=\"14\"", y + 3);
            svg += &format!("<rect {bar} fill=\"#3b74b8\"/>\n");
            svg += &text(x + length as usize + 6, y + 14, "", &label(value));
        }
    }
    svg + "</svg>\n"
}

/// The label of a share.
pub fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

#[cfg(test)]
mod tests {
    use super::{draw, percent};

    #[test]
    fn the_longest_bar_is_the_largest_value() {
        let shares = [vec![0.25, 0.5], vec![0.125, 0.0]];
        let svg = draw(&["small", "a < b"], &["forward", "backward"], &shares, percent);
        assert!(svg.contains("a &lt; b") && svg.contains(">12.5 %<"));
        let lengths: Vec<&str> =
            svg.split(" width=\"").skip(2).filter_map(|it| it.split('"').next()).collect();
        assert_eq!(lengths, ["70.0", "35.0", "140.0", "0.0"]);
    }
}
