//! What a person reads when a table is wrong: one test for each way it can be.

mod helpers;

use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};

use dataset::{DatasetError, Input, MAX_RECORD_BYTES, MemoryInput, ReadOptions, read, read_input};
use helpers::{read_text, refusal, refusal_of, table};

#[test]
fn an_empty_file_and_a_lone_header_are_told_apart() {
    assert_eq!(refusal("", "y"), "`data.csv` is empty; expected a header line and rows");
    assert_eq!(refusal("\n\r\n\n", "y"), refusal("", "y"));
    assert_eq!(refusal("\u{feff}", "y"), refusal("", "y"));
    assert_eq!(refusal("x,y\n", "y"), "`data.csv` has a header but no rows");
}

#[test]
fn too_few_rows_are_counted() {
    assert_eq!(refusal("x,y\n1,2\n", "y"), "only 1 row has a target; at least 10 are needed");
    let nine = table("x,y", 9, |row| format!("{row},{row}"));
    assert_eq!(refusal(&nine, "y"), "only 9 rows have a target; at least 10 are needed");
}

#[test]
fn a_ragged_row_is_named_by_its_line_whatever_ends_lines() {
    let message = "line 4 has 1 cell where the header has 2";
    assert_eq!(refusal("x,y\n1,2\n3,4\n5\n6,7\n", "y"), message);
    assert_eq!(refusal("x,y\r\n1,2\r\n3,4\r\n5\r\n6,7\r\n", "y"), message);
    assert_eq!(refusal("x,y\r1,2\r3,4\r5\r6,7\r", "y"), message);
    assert_eq!(refusal("x,y\n1,2\n\n5,6,7\n", "y"), "line 4 has 3 cells where the header has 2");
    assert_eq!(
        refusal("x,y\n\"1\n\",2\n1,2,3\n", "y"),
        "line 4 has 3 cells where the header has 2"
    );
    assert_eq!(
        refusal("x,y\n\"1,2\n3,4\"\n", "y"),
        "line 2 has 1 cell where the header has 2 and runs on to line 3; is a quote left open?"
    );
}

#[test]
fn a_quote_left_open_does_not_swallow_the_rest_of_the_file() {
    let mut csv = table("y,x", 20, |row| format!("{row},{row}"));
    csv.push_str("21,\"oops\n22,a\n23,b\n");
    assert_eq!(
        refusal(&csv, "y"),
        "a quote opened in the row of line 22 is never closed; the file ends inside it"
    );
}

#[test]
fn the_header_has_names_and_each_of_them_once() {
    assert_eq!(
        refusal("x,y, x \n1,2,3\n", "y"),
        "the header names `x` twice, as column 1 and column 3; rename one of them"
    );
    assert_eq!(
        refusal(",y\n1,2\n", "y"),
        "column 1 of the header has no name; name it, or leave it out (pandas: `to_csv(…, index=False)`)"
    );
}

#[test]
fn another_separator_is_recognised() {
    for (separator, said) in [(";", "`;`"), ("\t", "tabs"), ("|", "`|`")] {
        let csv = table(&format!("x{separator}y"), 12, |row| format!("{row}{separator}{row}"));
        assert_eq!(
            refusal(&csv, "y"),
            format!(
                "the table seems to be separated by {said}; Canopy reads commas: save it with `,` between cells and `.` in numbers"
            )
        );
    }
    let csv = table("x;,y", 12, |row| format!("{row},{row}"));
    assert!(read_text(&csv, "y").is_ok(), "a name may hold one");
}

#[test]
fn a_space_before_a_quoted_cell_is_refused() {
    let message = |line| {
        format!(
            "the row of line {line} has a space before a quoted cell, so that its quotes would be part of the value; \
             remove the spaces behind the commas (pandas: `read_csv(…, skipinitialspace=True)` before `to_csv`)"
        )
    };
    let with = |cell: &str| {
        table("x,y", 12, |row| match row {
            3 => format!("3,{cell}"),
            _ => format!("{row},{row}"),
        })
    };
    assert_eq!(refusal(&with(" \"3\""), "y"), message(5));
    assert_eq!(refusal(&with(" \t\"3\" "), "y"), message(5));
    assert_eq!(refusal(&with(" \"3, 4\""), "y"), message(5));
    assert_eq!(refusal(&table("x, \"y\"", 12, |row| format!("{row},{row}")), "y"), message(1));
    assert!(refusal("\n\nx, \"y\"\n1,2\n", "y").starts_with("the row of line 3 has a space"));
    assert_eq!(refusal(&table(" \"x\",y", 12, |row| format!("{row},{row}")), "y"), message(1));
    // Quoted as a whole, and no quotes around the cell: these say what they mean.
    let fine = table("x,y", 12, |row| {
        let cells = [
            "\" \"\"a\"\" \"",
            " 6\" pipe",
            " \"a\" b",
            "\"b\"",
            "\"\"\"c\"\"\"",
            "\"x\n, \"\"y\"\"\"",
        ];
        format!("{},{row}", cells[row as usize % 6])
    });
    let fine = read_text(&fine, "y").expect("a table").dataset;
    let expected = ["\"a\"", "\"a\" b", "\"c\"", "6\" pipe", "b", "x\n, \"y\""];
    assert_eq!(fine.signature().features()[0].categories, expected);
}

#[test]
fn a_list_of_columns_is_told_to_repeat_the_flag() {
    let csv = table("carat,cut,price", 12, |row| format!("{row},{row},{row}"));
    let options = ReadOptions { ignore: vec!["carat, cut".into()], ..ReadOptions::new("price") };
    assert_eq!(
        refusal_of(&csv, &options),
        "`--ignore` names the column `carat, cut`, which is not in the table; repeat the flag for each column: \
         `--ignore carat --ignore cut`; the columns are `carat`, `cut`, `price`"
    );
    let options =
        ReadOptions { categorical: vec!["carat,cup".into()], ..ReadOptions::new("price") };
    assert!(!refusal_of(&csv, &options).contains("repeat the flag"));
}

#[test]
fn the_only_column_there_is_is_not_guessed() {
    let csv = table("price", 12, |row| row.to_string());
    assert_eq!(
        refusal(&csv, "prise"),
        "`--target` names the column `prise`, which is not in the table; the columns are `price`"
    );
}

#[test]
fn a_misspelt_column_is_guessed() {
    let csv = table("carat,price", 12, |row| format!("{row},{row}"));
    assert_eq!(
        refusal(&csv, "prise"),
        "`--target` names the column `prise`, which is not in the table; did you mean `price`? the columns are `carat`, `price`"
    );
    let options = |ignore: &str, categorical: &str| ReadOptions {
        ignore: (!ignore.is_empty()).then(|| ignore.to_owned()).into_iter().collect(),
        categorical: (!categorical.is_empty())
            .then(|| categorical.to_owned())
            .into_iter()
            .collect(),
        ..ReadOptions::new("price")
    };
    assert_eq!(
        refusal_of(&csv, &options("karat", "")),
        "`--ignore` names the column `karat`, which is not in the table; did you mean `carat`? the columns are `carat`, `price`"
    );
    assert_eq!(
        refusal_of(&csv, &options("", "weight")),
        "`--categorical` names the column `weight`, which is not in the table; the columns are `carat`, `price`"
    );
    assert_eq!(
        refusal_of(&csv, &options("carat", "carat")),
        "the column `carat` is ignored (`--ignore`) and also a category (`--categorical`); choose one"
    );
    assert_eq!(
        refusal_of(&csv, &options("price", "")),
        "the column `price` is the target and also ignored (`--ignore`); choose one"
    );
    assert_eq!(
        refusal_of(&csv, &options("carat", "")),
        "no feature columns are left beside the target `price`; a model needs at least one"
    );
}

#[test]
fn a_target_is_a_number_that_varies() {
    let text = table("x,y", 12, |row| format!("{row},malignant"));
    assert_eq!(
        refusal(&text, "y"),
        "the target `y` holds text such as `malignant` in line 2; Canopy fits regression models: choose a numeric column"
    );
    let boolean = table("x,y", 12, |row| format!("{row},{}", row % 2 == 0));
    assert!(
        refusal(&boolean, "y").starts_with("the target `y` holds text such as `true` in line 2")
    );
    let constant = table("x,y", 12, |row| format!("{row},5"));
    assert_eq!(
        refusal(&constant, "y"),
        "the target `y` is 5 in every row: there is nothing to learn"
    );
    let missing = table("x,y", 12, |row| format!("{row},NA"));
    assert_eq!(
        refusal(&missing, "y"),
        "the target `y` is missing in every row; choose another column with `--target COL`"
    );
    let infinite =
        table("x,y", 12, |row| format!("{row},{}", if row == 3 { "1e999" } else { "1" }));
    assert_eq!(
        refusal(&infinite, "y"),
        "the column `y` holds `1e999` in line 5, which is not a finite number; write an empty cell or NA for a missing value"
    );
}

#[test]
fn a_column_without_a_value_or_with_an_infinite_one_is_refused() {
    let empty = table("x,z,y", 12, |row| format!("{row},null,{row}"));
    assert_eq!(
        refusal(&empty, "y"),
        "the column `z` is missing in every row; leave it out with `--ignore z`"
    );
    for cell in ["NaN", "inf", "-Infinity", "1e999"] {
        let csv = table("x,y", 12, |row| match row {
            7 => format!("{cell},7"),
            _ => format!("{row},{row}"),
        });
        assert_eq!(
            refusal(&csv, "y"),
            format!(
                "the column `x` holds `{cell}` in line 9, which is not a finite number; write an empty cell or NA for a missing value"
            )
        );
    }
}

#[test]
fn an_identifier_is_no_category() {
    let csv = table("id,y", 10_000, |row| format!("user-{row},{row}"));
    assert_eq!(
        refusal(&csv, "y"),
        "the column `id` has more than 1000 different values, so it looks like an identifier; leave it out with `--ignore id`, or raise `--max-categories`"
    );
    let options = ReadOptions { max_categories: 10_000, ..ReadOptions::new("y") };
    let table_of_all = read_input(&MemoryInput::new("data.csv", csv), &options).expect("raised");
    let feature = &table_of_all.dataset.signature().features()[0];
    assert_eq!(feature.categories.len(), 10_000);

    let slips = table("a,y", 3000, |row| {
        format!("{},{row}", if row % 6 == 5 { "None".to_owned() } else { row.to_string() })
    });
    assert_eq!(
        refusal(&slips, "y"),
        "the column `a` has more than 1000 different values, and 83 % of its values are numbers: `None` in line 7 is not; \
         write missing values as an empty cell or NA"
    );
    let options = ReadOptions { categorical: vec!["a".into()], ..ReadOptions::new("y") };
    assert!(refusal_of(&slips, &options).contains("raise `--max-categories`"));

    let free_text = table("text,y", 12, |row| format!("{},{row}", "lorem ".repeat(300)));
    assert_eq!(
        refusal(&free_text, "y"),
        "the column `text` holds a text of 1799 bytes in line 2, too long for a category (at most 1024); leave it out with `--ignore text`"
    );
}

#[test]
fn bytes_that_are_not_utf8_are_found() {
    let latin1 = b"x,y\nok,1\ncaf\xe9,2\n";
    let error =
        read_input(&MemoryInput::new("data.csv", latin1.as_slice()), &ReadOptions::new("y"))
            .expect_err("not UTF-8");
    assert_eq!(
        error.to_string(),
        "line 3 is not UTF-8 (byte 12 of the file); save the table as UTF-8: in Excel as \"CSV UTF-8\", or with `iconv -f WINDOWS-1252 -t UTF-8`"
    );
    let refused = |bytes: &[u8]| {
        let input = MemoryInput::new("data.csv", bytes);
        read_input(&input, &ReadOptions::new("y")).expect_err("no text").to_string()
    };
    let utf16 = "the table is UTF-16 text, not CSV in UTF-8; save it as UTF-8: in Excel as \"CSV UTF-8\", or with `iconv -f UTF-16 -t UTF-8`";
    assert_eq!(refused(b"\xff\xfex\0,\0y\0\n\0"), utf16);
    assert_eq!(refused(b"\xfe\xff\0x\0,\0y\0\n"), utf16);
    assert_eq!(
        refused(b"PK\x03\x04\x14\0\x08\n"),
        "the table is a zip file or an Excel workbook, not CSV in UTF-8; unpack it (`unzip`), or save it in Excel as \"CSV UTF-8\""
    );
    assert!(refused(b"PK,y\n1,2\n").starts_with("only 1 row has"), "a name may be PK");
}

#[test]
fn places_that_cannot_be_read_are_told_apart() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("file"), "x,y\n").expect("a file");
    let message = |location: &str| {
        read(location, &ReadOptions::new("y"))
            .expect_err(location)
            .to_string()
            .replace(&path(""), "…/")
    };
    assert_eq!(message(&path("none.csv")), "`…/none.csv` does not exist; check the path");
    assert_eq!(
        message(&folder.path().display().to_string())
            .split_once("` ")
            .map(|(_, rest)| rest.to_owned()),
        Some(
            "is a directory; give the path of a CSV file (it is read twice, so a pipe will not do)"
                .to_owned()
        )
    );
    assert_eq!(
        message(&path("file/data.csv")),
        "`…/file/data.csv` cannot be read: Not a directory (os error 20)"
    );
    assert_eq!(
        message("s3://bucket/data.csv"),
        "`s3://bucket/data.csv` is not a place to read from: `s3://` is not supported; expected a path or `synthetic:demand`"
    );
}

/// A gigabyte made while it is read; counts what was taken of it.
struct Gigabyte {
    start: &'static str,
    n_taken: AtomicU64,
}

struct Taking<'a, R>(R, &'a AtomicU64);

impl<R: Read> Read for Taking<'_, R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = self.0.read(out)?;
        self.1.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

impl Input for Gigabyte {
    fn location(&self) -> &str {
        "gigabyte.csv"
    }

    fn open(&self) -> Result<Box<dyn Read + '_>, DatasetError> {
        let bytes = self.start.as_bytes().chain(io::repeat(b'x').take(1 << 30));
        Ok(Box::new(Taking(bytes, &self.n_taken)))
    }
}

#[test]
fn a_line_of_a_gigabyte_fails_after_sixteen_mebibytes() {
    for (start, line) in [("", 1), ("x,y\n1,2\n3,\"", 3), ("x,y\n\n\n1,2\n", 5)] {
        let input = Gigabyte { start, n_taken: AtomicU64::new(0) };
        let error = read_input(&input, &ReadOptions::new("y")).expect_err("endless");
        assert_eq!(
            error.to_string(),
            format!("line {line} is longer than 16 MiB; is a quote left open?")
        );
        let n_taken = input.n_taken.into_inner();
        assert!(n_taken < MAX_RECORD_BYTES as u64 + (1 << 20), "{n_taken} bytes taken");
    }
}

/// Gives other bytes when it is opened again.
struct Changing(AtomicU64, fn(u64) -> String);

impl Input for Changing {
    fn location(&self) -> &str {
        "log.csv"
    }

    fn open(&self) -> Result<Box<dyn Read + '_>, DatasetError> {
        let time = self.0.fetch_add(1, Ordering::Relaxed);
        Ok(Box::new(io::Cursor::new((self.1)(time))))
    }
}

#[test]
fn a_file_that_changes_between_the_passes_is_refused() {
    let changes: [fn(u64) -> String; 4] = [
        |time| table("x,y", 12 + time, |row| format!("{row},{row}")),
        |time| table("x,y", 12 - time, |row| format!("{row},{row}")),
        |time| table("x,y", 12, |row| format!("{},{row}", row + time)),
        // Would be a category that the first pass has not seen.
        |time| table("x,y", 12, |row| format!("c{time},{row}")),
    ];
    for change in changes {
        let error = read_input(&Changing(AtomicU64::new(0), change), &ReadOptions::new("y"));
        assert_eq!(
            error.expect_err("another table").to_string(),
            "`log.csv` changed while it was being read; try again once it is complete"
        );
    }
}

#[test]
fn a_synthetic_series_says_which_parameters_it_has() {
    let message = |location: &str| {
        let error = read(location, &ReadOptions::new("demand")).expect_err(location);
        error.to_string().replace(&format!("`{location}` is not a place to read from: "), "")
    };
    let cases = [
        ("synthetic:sales", "there is no synthetic series `sales`; expected `synthetic:demand`"),
        ("synthetic:demand?row=100", "there is no parameter `row`; expected `rows` or `seed`"),
        ("synthetic:demand?rows=many", "`rows` is `many`; expected a whole number"),
        ("synthetic:demand?rows=99", "`rows` is 99; expected 100 to 5000000"),
        ("synthetic:demand?rows=5000001", "`rows` is 5000001; expected 100 to 5000000"),
        ("synthetic:demand?seed", "`seed` is ``; expected a whole number"),
    ];
    for (location, expected) in cases {
        assert_eq!(message(location), expected);
    }
    assert!(read_text("x,y\n", "y").is_err());
}
