//! `selfsame list methods|backbones|recipes`.

use serde_json::{Map, Value};

use super::table::{Align, Table};
use super::terminal::Terminal;

/// Things of one kind with what there is to say about each.
#[derive(Clone, Debug)]
pub struct Listing {
    /// Names of the columns, the thing's own name first; also the keys in JSON.
    pub columns: &'static [&'static str],
    /// One row a thing, a cell a column.
    pub rows: Vec<Vec<String>>,
}

impl Listing {
    /// The listing as a table.
    pub fn table(&self, terminal: Terminal) -> String {
        let mut table = Table::new(self.columns.iter().map(|&name| (name, Align::Left)));
        for row in &self.rows {
            table.row(row);
        }
        table.render(terminal)
    }

    /// The listing as a JSON array of objects.
    pub fn json(&self) -> Value {
        let object = |row: &Vec<String>| {
            let pairs = self.columns.iter().zip(row);
            Value::Object(
                pairs.map(|(name, cell)| (name.to_string(), cell.as_str().into())).collect::<Map<_, _>>(),
            )
        };
        self.rows.iter().map(object).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_listing_is_a_table_or_json() {
        let listing = Listing {
            columns: &["method", "paper"],
            rows: vec![
                vec!["simclr".into(), "Chen et al. 2020".into()],
                vec!["byol".into(), "Grill et al. 2020".into()],
            ],
        };
        assert_eq!(
            listing.table(Terminal::PLAIN),
            "method  paper\nsimclr  Chen et al. 2020\nbyol    Grill et al. 2020\n"
        );
        assert_eq!(
            listing.json(),
            json!([{"method": "simclr", "paper": "Chen et al. 2020"}, {"method": "byol", "paper": "Grill et al. 2020"}])
        );
    }
}
