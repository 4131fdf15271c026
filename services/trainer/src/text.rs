//! Tables, bars and numbers as a person reads them.

use schema::steers_display;

/// A number to about five digits, thousands set apart by commas, without zeros at its end.
pub(crate) fn number(value: f64) -> String {
    let text = fixed(value);
    if !text.contains('.') || text.contains('e') {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The same with as many decimals as its neighbours in a column.
pub(crate) fn fixed(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-4..1e15).contains(&size) {
        return format!("{value:.3e}");
    }
    let n_decimals = match size {
        1000.0.. => 1,
        100.0.. => 2,
        1.0.. => 3,
        0.01.. => 4,
        0.0 => 0,
        _ => 6,
    };
    decimal(value, n_decimals)
}

/// A number with this many decimals, thousands set apart by commas; never −0.
fn decimal(value: f64, n_decimals: usize) -> String {
    let text = format!("{value:.n_decimals$}");
    let is_zero = text.bytes().all(|c| matches!(c, b'-' | b'0' | b'.'));
    let text = text.trim_start_matches(if is_zero { "-" } else { "" });
    match text.split_once('.') {
        Some((whole, decimals)) => format!("{}.{decimals}", grouped(whole)),
        None => grouped(text),
    }
}

/// A share of 1, such as R².
pub(crate) fn share(value: f64) -> String {
    decimal(value, 4)
}

/// A count, thousands set apart by commas.
pub(crate) fn count(n: u64) -> String {
    grouped(&n.to_string())
}

/// A ratio as a percentage.
pub(crate) fn percent(ratio: f64) -> String {
    format!("{} %", decimal(ratio * 100.0, 1))
}

/// A count and its noun: `1 row`, `2 rows`.
pub(crate) fn counted(n: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(n), if n == 1 { "" } else { "s" })
}

fn grouped(digits: &str) -> String {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |digits| ("-", digits));
    let mut text = sign.to_owned();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A bar of up to `width` characters for a share from 0 to 1.
pub(crate) fn bar(share: f64, width: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let n = (share.clamp(0.0, 1.0) * (width * 8) as f64).round() as usize;
    "█".repeat(n / 8) + EIGHTHS[n % 8]
}

/// Rows whose columns stand below each other, cleaned; the columns in `right` are aligned to the right.
pub(crate) fn table(rows: &[Vec<String>], right: &[usize]) -> String {
    let rows: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|cell| clean(cell)).collect()).collect();
    let n_columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..n_columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
            let padding = " ".repeat(width - cell.chars().count());
            if right.contains(&column) { padding + cell } else { cell.clone() + &padding }
        });
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// Text on one line that steers nothing.
pub(crate) fn clean(text: &str) -> String {
    text.chars().map(|c| if steers_display(c) { '�' } else { c }).collect()
}

/// A name from a table on one line, not too long, without what would steer a terminal.
pub(crate) fn name(text: &str) -> String {
    const SHOWN: usize = 40;
    let mut shown: String = clean(text).chars().take(SHOWN).collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_numbers_for_people() {
        let cases = [
            (0.0, "0"),
            (-0.25, "-0.25"),
            (3932.799, "3,932.8"),
            (1_234_567.0, "1,234,567"),
            (555.3161, "555.32"),
            (0.981_437, "0.9814"),
            (1e-7, "1.000e-7"),
            (-2e20, "-2.000e20"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
        assert_eq!(count(53_940), "53,940");
        assert_eq!(percent(0.0813), "8.1 %");
        assert_eq!(percent(-12.5), "-1,250.0 %");
        assert_eq!(share(-2.8e-5), "0.0000");
        assert_eq!(fixed(641.0), "641.00");
    }

    #[test]
    fn aligns_columns() {
        let rows = [vec!["a".into(), "1".into()], vec!["bé".into(), "10".into()]];
        assert_eq!(table(&rows, &[1]), "a    1\nbé  10\n");
    }

    #[test]
    fn draws_bars_in_eighths() {
        assert_eq!(bar(0.5, 4), "██");
        assert_eq!(bar(0.1, 4), "▍");
        assert_eq!(bar(-1.0, 4), "");
        assert_eq!(bar(f64::NAN, 4), "");
    }

    #[test]
    fn disarms_names() {
        assert_eq!(name("a\u{1b}[31m\nb"), "a�[31m�b");
        assert_eq!(clean("a\u{202e}b\u{2066}c\u{9b}d é"), "a�b�c�d é");
        assert_eq!(table(&[vec!["a\nb\u{2069}".into(), "c".into()]], &[]), "a�b�  c\n");
        assert_eq!(name(&"x".repeat(50)), "x".repeat(40) + "…");
    }
}
