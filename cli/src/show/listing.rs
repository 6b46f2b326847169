//! Lists of things: rows of named fields, shown as a table, by a template, or as JSON.

use comfy_table::{ContentArrangement, Row, Table, presets};
use serde_json::{Map, Value};

use super::output;
use super::template::Format;
use crate::error::Result;

/// A kind of list: its fields with the headers of their columns, and which of them a table shows.
pub(crate) struct Listing {
    pub(crate) fields: &'static [(&'static str, &'static str)],
    pub(crate) table: &'static str,
}

/// How a list is to be shown.
#[derive(clap::Args, Default)]
pub(crate) struct Shown {
    /// Show a Go template per row, `table TEMPLATE`, or `json`
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<String>,
    /// Show full ids and commands
    #[arg(long)]
    pub(crate) no_trunc: bool,
    /// Show ids only
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

impl Listing {
    /// Prints `rows`, each an object with this list's fields.
    pub(crate) fn show(&self, rows: &[Value], shown: &Shown) -> Result<()> {
        let format = match &shown.format {
            Some(format) => format.as_str(),
            None if shown.quiet => "{{.ID}}",
            None => self.table,
        };
        if format == "json" {
            return rows.iter().try_for_each(output::line);
        }
        match format.strip_prefix("table ") {
            Some(columns) => output::line(self.table(rows, &Format::new(columns)?)?),
            None => {
                let format = Format::new(format)?;
                rows.iter()
                    .try_for_each(|row| output::line(format.render(row)?))
            }
        }
    }

    fn table(&self, rows: &[Value], format: &Format) -> Result<String> {
        let headers = self
            .fields
            .iter()
            .map(|(field, header)| ((*field).to_owned(), Value::from(*header)));
        let headers = Value::Object(headers.collect::<Map<_, _>>());
        let lines = std::iter::once(&headers).chain(rows);
        let cells =
            lines.map(|row| Ok(format.render(row)?.split('\t').map(str::to_owned).collect()));
        Ok(aligned(cells.collect::<Result<Vec<_>>>()?))
    }
}

/// Columns that line up, three spaces apart, with no borders.
pub(crate) fn aligned(rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    table.add_rows(rows.into_iter().map(Row::from));
    for column in table.column_iter_mut() {
        column.set_padding((0, 3));
    }
    table.trim_fmt()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NETWORKS: Listing = Listing {
        fields: &[("ID", "NETWORK ID"), ("Name", "NAME"), ("Driver", "DRIVER")],
        table: "table {{.ID}}\t{{.Name}}\t{{.Driver}}",
    };

    #[test]
    fn columns_line_up_without_borders() {
        let rows = [
            json!({ "ID": "0123456789ab", "Name": "bridge", "Driver": "bridge" }),
            json!({ "ID": "ba9876543210", "Name": "a-longer-name", "Driver": "null" }),
        ];
        let columns = NETWORKS.table.strip_prefix("table ").unwrap();
        let table = NETWORKS
            .table(&rows, &Format::new(columns).unwrap())
            .unwrap();
        assert_eq!(
            table,
            "NETWORK ID     NAME            DRIVER\n\
             0123456789ab   bridge          bridge\n\
             ba9876543210   a-longer-name   null"
        );
    }

    #[test]
    fn a_table_without_rows_has_its_headers() {
        let table = NETWORKS
            .table(&[], &Format::new("{{.Name}}\t{{.ID}}").unwrap())
            .unwrap();
        assert_eq!(table, "NAME   NETWORK ID");
    }
}
