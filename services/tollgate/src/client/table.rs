//! Tables and times, as the commands print them.

use chrono::{DateTime, Utc};
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};

/// Longest text in a column that may hold any.
const TEXT_MAX: usize = 60;

/// Rows under a header, without lines. `right`: columns of numbers.
pub(crate) fn table(header: &[&str], rows: Vec<Vec<String>>, right: &[usize]) -> String {
    let mut table = Table::new();
    table.load_preset(NOTHING);
    table.set_header(header);
    for row in rows {
        table.add_row(row);
    }
    for column in right {
        if let Some(column) = table.column_mut(*column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    // Every cell has a space before it.
    let lines = table.lines().map(|line| {
        let line = line.trim_end();
        line.strip_prefix(' ').unwrap_or(line).to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// `1 dead letter`, `2 dead letters`: a count of what is called `thing`.
pub(super) fn counted(count: u64, thing: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {thing}{s}")
}

/// `2026-11-23 10:31:22`, in UTC as the header says.
pub(super) fn time(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S").to_string()
}

/// As [`time`]; a dash for none.
pub(super) fn time_or_dash(at: Option<DateTime<Utc>>) -> String {
    at.map_or_else(|| "-".to_owned(), time)
}

/// The beginning of a text, on one line; a dash for none.
pub(super) fn brief(text: Option<&str>) -> String {
    let Some(text) = text else {
        return "-".to_owned();
    };
    let line: Vec<&str> = text.split_whitespace().collect();
    let line = line.join(" ");
    if line.chars().count() <= TEXT_MAX {
        return line;
    }
    let kept: String = line.chars().take(TEXT_MAX - 1).collect();
    format!("{kept}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_to_a_line() {
        assert_eq!(brief(None), "-");
        assert_eq!(brief(Some("one\n  two")), "one two");
        let long = "é".repeat(61);
        assert_eq!(brief(Some(&long)), format!("{}…", "é".repeat(59)));
    }

    #[test]
    fn one_is_not_many() {
        let texts = [0, 1, 2].map(|count| counted(count, "event"));
        assert_eq!(texts, ["0 events", "1 event", "2 events"]);
    }

    #[test]
    fn numbers_stand_to_the_right() {
        let rows = vec![
            vec!["a".to_owned(), "1".to_owned(), "x".to_owned()],
            vec!["longer".to_owned(), "100".to_owned(), "y".to_owned()],
        ];
        assert_eq!(
            table(&["NAME", "N", "T"], rows, &[1]),
            "NAME      N  T\na         1  x\nlonger  100  y"
        );
    }
}
