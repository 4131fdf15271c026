//! What a person is told of columns that are probably not what they seem: one test for each note.

mod helpers;

use dataset::{ReadOptions, Table};
use helpers::{read_options, read_text, table};
use schema::Dtype;

fn notes(table: &Table) -> Vec<String> {
    table.notes.iter().map(ToString::to_string).collect()
}

/// The notes of a table whose column `a` holds these cells, over and over.
fn notes_of(n_rows: u64, cells: &[&str]) -> Vec<String> {
    let csv = table("a,y", n_rows, |row| format!("{},{row}", cells[row as usize % cells.len()]));
    notes(&read_text(&csv, "y").expect("a table"))
}

#[test]
fn numbers_with_missing_values_in_words() {
    for marker in ["None", "?", "#N/A"] {
        // 17 % of the values.
        let csv = table("a,y", 306, |row| {
            let cell = if row % 6 == 5 { marker.to_owned() } else { (row % 50).to_string() };
            format!("{cell},{row}")
        });
        assert_eq!(
            notes(&read_text(&csv, "y").expect("a table")),
            [format!(
                "the column `a` is read as categories although 83 % of its values are numbers: `{marker}` in line 7 is not; \
                 write missing values as an empty cell or NA, or say `--categorical a`"
            )]
        );
        let options = ReadOptions { categorical: vec!["a".into()], ..ReadOptions::new("y") };
        let told = notes(&read_options(&csv, &options).expect("a table"));
        assert!(told.iter().all(|note| !note.contains("although")), "{told:?}");
    }
    // Few numbers, but all different values are numbers but one.
    let found = notes_of(40, &["low", "low", "low", "1", "2"]);
    assert!(
        found[0].contains("although 40 % of its values are numbers: `low` in line 2"),
        "{found:?}"
    );
    assert!(notes_of(40, &["low", "mid", "low", "1", "2"]).is_empty());
    assert!(notes_of(40, &["low", "high"]).is_empty(), "no numbers at all");
}

#[test]
fn a_category_that_stands_for_a_missing_value() {
    for marker in ["None", "nan", "NaN", "N/A", "n/a", "#N/A", "?", "-", "Null"] {
        assert_eq!(
            notes_of(40, &["red", marker, "green"]),
            [format!(
                "the column `a` has the category `{marker}`: if it stands for a missing value, write an empty cell or NA"
            )]
        );
    }
    // The first text is something else: both are told.
    let found = notes_of(40, &["1", "few", "2", "?"]);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(notes_of(40, &["red", "NA", "", "null", "NULL"]).is_empty());
}

#[test]
fn a_point_that_may_separate_thousands() {
    let message = "the column `a` holds whole numbers beside values such as `1.036` in line 3, which is read as a fraction; \
                   if its point separates thousands, write it without";
    assert_eq!(notes_of(40, &["962", "1.036", "-12.500", "7"]), [message]);
    for cells in [
        &["1.036", "2.500"][..],
        &["962", "1.036", "1.5"],
        &["1", "0.125"],
        &["1", "1234.567"],
        &["1", "1.036e3"],
    ] {
        assert!(notes_of(40, cells).is_empty(), "{cells:?}");
    }
    let csv =
        table("x,y", 20, |row| format!("{row},{}", if row % 2 == 0 { "1.036" } else { "962" }));
    assert_eq!(
        notes(&read_text(&csv, "y").expect("a table")),
        [message.replace("`a`", "`y`").replace("line 3", "line 2")]
    );
}

#[test]
fn a_category_with_almost_as_many_values_as_rows() {
    let day = |row: u64| format!("2024-{:02}-{:02}", row % 160 / 28 + 1, row % 28 + 1);
    let csv = table("when,y", 200, |row| format!("{},{row}", day(row % 160)));
    assert_eq!(
        notes(&read_text(&csv, "y").expect("a table")),
        [
            "the column `when` is read as categories, with 160 different values in 200 rows: is it an identifier, a date, \
             or a number written with `,` `%` or `$`? leave it out with `--ignore when`, write plain numbers, or say \
             `--categorical when`"
        ]
    );
    for n_rows in [20, 400] {
        let csv = table("when,y", n_rows, |row| format!("{},{row}", day(row % 160)));
        assert!(read_text(&csv, "y").expect("a table").notes.is_empty(), "{n_rows} rows");
    }
    let csv = table("when,y", 200, |row| format!("{},{row}", day(row % 160)));
    let options = ReadOptions { categorical: vec!["when".into()], ..ReadOptions::new("y") };
    assert!(read_options(&csv, &options).expect("a table").notes.is_empty(), "told so");
}

#[test]
fn zeros_in_front_of_an_integer() {
    assert_eq!(
        notes_of(40, &["10001", "00501", "00544"]),
        [
            "the column `a` holds `00501` in line 3: an integer does not keep zeros in front; if it is a code, say \
             `--categorical a`"
        ]
    );
    assert!(notes_of(40, &["0", "-0", "10", "100"]).is_empty());
    let csv = table("x,y", 20, |row| format!("{row},0{row}"));
    assert!(read_text(&csv, "y").expect("a table").notes.is_empty(), "a target is no code");
}

#[test]
fn a_target_of_large_integers_is_not_to_be_left_out() {
    let csv = table("x,y", 20, |row| format!("{row},{}", 9_007_199_254_740_990_u64 + row));
    let table = read_text(&csv, "y").expect("a table");
    assert_eq!(table.dataset.signature().target().dtype, Dtype::Number);
    assert_eq!(
        notes(&table),
        [
            "the target `y` holds whole numbers of 2^53 and more, which are read as the nearest 64-bit floats; if the last \
             digits matter, subtract a constant from it"
        ]
    );
}
