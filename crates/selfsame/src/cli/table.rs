//! Aligned tables.

use super::terminal::Terminal;

/// Where a column's cells stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// A table with a head.
#[derive(Clone, Debug)]
pub struct Table {
    columns: Vec<(String, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table with the names of its columns.
    pub fn new<'a>(columns: impl IntoIterator<Item = (&'a str, Align)>) -> Self {
        Self {
            columns: columns.into_iter().map(|(name, align)| (name.to_owned(), align)).collect(),
            rows: vec![],
        }
    }

    /// Adds a row; cells that it lacks are empty.
    pub fn row(&mut self, cells: impl IntoIterator<Item = impl Into<String>>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// The table as lines, two spaces between columns, columns without any content left out.
    pub fn render(&self, terminal: Terminal) -> String {
        let widths: Vec<usize> = (0..self.columns.len()).map(|column| self.width(column)).collect();
        let head = self.line(&widths, |column| &self.columns[column].0);
        let mut text = terminal.bold(&head) + "\n";
        for row in &self.rows {
            text += &self.line(&widths, |column| row.get(column).map_or("", String::as_str));
            text.push('\n');
        }
        text
    }

    /// The width of a column in characters; 0 when all its cells are empty.
    fn width(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(column));
        match cells.map(|cell| cell.chars().count()).max().unwrap_or(0) {
            0 => 0,
            width => width.max(self.columns[column].0.chars().count()),
        }
    }

    fn line<'a>(&'a self, widths: &[usize], cell: impl Fn(usize) -> &'a str) -> String {
        let shown = widths.iter().enumerate().filter(|(_, width)| **width > 0);
        let cells: Vec<_> = shown
            .map(|(column, &width)| match self.columns[column].1 {
                Align::Left => format!("{:<width$}", cell(column)),
                Align::Right => format!("{:>width$}", cell(column)),
            })
            .collect();
        cells.join("  ").trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_empty_ones_left_out() {
        let mut table = Table::new([("name", Align::Left), ("empty", Align::Left), ("kNN", Align::Right)]);
        table.row(["é", "", "7"]);
        table.row(["longer name", "", "12.5"]);
        table.row(["short"]);
        assert_eq!(
            table.render(Terminal::PLAIN),
            "name          kNN\né               7\nlonger name  12.5\nshort\n"
        );
    }

    #[test]
    fn the_head_is_bold_where_possible() {
        let mut table = Table::new([("a", Align::Left)]);
        table.row(["1"]);
        assert_eq!(table.render(Terminal { live: true, colour: true }), "\x1b[1ma\x1b[0m\n1\n");
    }
}
