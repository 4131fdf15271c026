//! How columns are read: inference, options, the schema file, another table, the examples.

mod helpers;

use dataset::{Note, ReadOptions, Schema, Table, read, read_with};
use helpers::{read_options, read_text, refusal_of, table};
use schema::{Dtype, Feature};

fn feature<'t>(table: &'t Table, name: &str) -> &'t Feature {
    let signature = table.dataset.signature();
    &signature.features()[signature.index_of(name, 0).expect(name)]
}

fn notes(table: &Table) -> Vec<String> {
    table.notes.iter().map(ToString::to_string).collect()
}

fn range(feature: &Feature) -> (f64, f64) {
    let range = feature.range.expect("a range");
    (range.minimum, range.maximum)
}

#[test]
fn infers_every_dtype() {
    let csv = table("whole,number,flag,name,mixed,y", 10, |row| {
        let flag = if row % 2 == 0 { "True" } else { "FALSE" };
        format!("-{row},{row}.0, {flag} ,n{row} ,{},{row}", if row < 5 { "1" } else { "true" })
    });
    let table = read_text(&csv, "y").expect("a table");
    let dtypes: Vec<_> = table.dataset.signature().features().iter().map(|f| f.dtype).collect();
    use Dtype::{Boolean, Category, Integer, Number};
    assert_eq!(dtypes, [Integer, Number, Boolean, Category, Category]);
    assert_eq!(range(feature(&table, "whole")), (-9.0, 0.0));
    assert_eq!(feature(&table, "name").categories[3], "n3");
    assert_eq!(table.dataset.rows().row(3), [-3.0, 3.0, 0.0, 3.0, 0.0]);
    assert_eq!(table.dataset.target()[3], 3.0);
    assert_eq!(table.dataset.signature().target().dtype, Integer);
    assert_eq!(
        notes(&table),
        [
            "the column `mixed` is read as categories although 50 % of its values are numbers: `true` in line 7 is not; \
             write missing values as an empty cell or NA, or say `--categorical mixed`",
        ]
    );
}

#[test]
fn reads_quotes_line_ends_and_a_byte_order_mark_as_the_same_table() {
    let plain = read_text(
        &table("name,x,y", 10, |row| format!("\"a, \"\"b\"\"\n{}\",{row},{row}", row % 2)),
        "y",
    )
    .expect("a table");
    assert_eq!(feature(&plain, "name").categories, ["a, \"b\"\n0", "a, \"b\"\n1"]);

    let csv = table("name,x,y", 10, |row| format!("n{row},{row},{row}"));
    let forms = [
        csv.replace('\n', "\r\n"),
        format!("\u{feff}{csv}"),
        csv.trim_end().to_owned(),
        csv.replace(',', " , "),
        csv.replace('\n', "\n\n"),
        csv.replace("name", "\"name\""),
    ];
    let plain = read_text(&csv, "y").expect("a table");
    for form in forms {
        let table = read_text(&form, "y").expect(&form);
        assert_eq!(table.dataset.signature(), plain.dataset.signature(), "{form}");
        assert_eq!(table.dataset.rows().values(), plain.dataset.rows().values(), "{form}");
        assert_ne!(table.source.sha256, plain.source.sha256, "the bytes differ");
    }
}

#[test]
fn missing_values_are_nan_and_rows_without_a_target_are_left_out() {
    let csv = table("x,name,y", 15, |row| match row {
        0 => "NA,null,1".to_owned(),
        1 => ", ,2".to_owned(),
        // The only row with this number and this name does not count.
        2 => "99,other,NA".to_owned(),
        _ => format!("{row},n,{row}"),
    });
    let table = read_text(&csv, "y").expect("a table");
    assert_eq!((table.source.n_rows, table.source.n_rows_without_target), (15, 1));
    assert_eq!(table.dataset.n_rows(), 14);
    assert!(table.dataset.rows().row(1).iter().all(|value| value.is_nan()));
    assert!(feature(&table, "x").nullable && feature(&table, "name").nullable);
    assert_eq!(range(feature(&table, "x")), (3.0, 14.0));
    assert_eq!(feature(&table, "name").categories, ["n"]);
    assert_eq!(notes(&table), ["1 of 15 rows are left out: the target `y` is missing in them"]);
}

#[test]
fn notes_what_is_probably_not_meant() {
    let csv = table("slip,same,big,y", 100, |row| {
        let slip = if row == 40 { "4O".to_owned() } else { row.to_string() };
        format!("{slip},7,{},{row}", 9_007_199_254_740_990_u64 + row)
    });
    let table = read_text(&csv, "y").expect("a table");
    assert_eq!(
        notes(&table),
        [
            "the column `slip` is read as categories although 99 % of its values are numbers: `4O` in line 42 is not; \
             write missing values as an empty cell or NA, or say `--categorical slip`",
            "the column `same` is `7` in every row: no model can learn from it",
            "the column `big` holds whole numbers of 2^53 and more, which are read as the nearest 64-bit floats; \
             if it is an identifier, leave it out with `--ignore big`",
        ]
    );
    assert_eq!(feature(&table, "big").dtype, Dtype::Number);
}

#[test]
fn a_numeric_column_is_a_category_when_told_so() {
    let csv = table("zip,id,y", 12, |row| format!("0{},u{row},{row}", row % 3));
    let options = ReadOptions {
        categorical: vec!["zip".into()],
        ignore: vec!["id".into()],
        ..ReadOptions::new("y")
    };
    let table = read_options(&csv, &options).expect("a table");
    assert_eq!(table.dataset.signature().n_features(), 1);
    assert_eq!(feature(&table, "zip").categories, ["00", "01", "02"]);
}

fn with_schema(features: &str) -> ReadOptions {
    ReadOptions {
        schema: Some(Schema::from_json(&format!("{{\"features\":[{features}]}}")).expect(features)),
        ..ReadOptions::new("y")
    }
}

#[test]
fn a_schema_file_overrides_inference_and_survives_a_split() {
    let csv = table("x,grade,cut,y", 40, |row| format!("{row},{},Good,{row}", row % 4));
    let options = with_schema(
        r#"{"name":"x","dtype":"number","nullable":true,"minimum":-5},
           {"name":"grade","dtype":"category"},
           {"name":"cut","dtype":"category","categories":["Ideal","Fair","Good"]}"#,
    );
    let table = read_options(&csv, &options).expect("a table");
    let x = feature(&table, "x");
    assert_eq!((x.dtype, x.nullable, range(x)), (Dtype::Number, true, (-5.0, 39.0)));
    assert_eq!(feature(&table, "grade").categories, ["0", "1", "2", "3"]);
    // With this seed the greatest value is in a test row.
    let split = table.dataset.split(0.7, 2).expect("a split");
    let features = split.train.signature().features();
    assert_eq!(features[0].range.expect("a range").minimum, -5.0);
    assert!(features[0].range.expect("a range").maximum < 39.0);
    assert_eq!(features[2].categories, ["Fair", "Good", "Ideal"]);
    assert_eq!(split.train.rows().row(0)[2], 1.0);
}

#[test]
fn a_cell_that_does_not_fit_its_declaration_is_an_error() {
    let csv = table("x,cut,y", 12, |row| match row {
        4 => ",Idael,4".to_owned(),
        _ => format!("{row}.5,Ideal,{row}"),
    });
    let cases = [
        (
            r#"{"name":"x","dtype":"integer"}"#,
            "the column `x` holds `0.5` in line 2; expected an integer, or null",
        ),
        (
            r#"{"name":"x","dtype":"number","maximum":9}"#,
            "the column `x` holds `9.5` in line 11; expected a number not above 9, as the schema file declares",
        ),
        (
            r#"{"name":"x","dtype":"number","minimum":20}"#,
            "the column `x` holds `0.5` in line 2; expected a number not below 20, as the schema file declares",
        ),
        (
            r#"{"name":"x","dtype":"number","minimum":20,"maximum":30}"#,
            "the column `x` holds `0.5` in line 2; expected a number from 20 to 30, as the schema file declares",
        ),
        (
            r#"{"name":"x","dtype":"number","nullable":false}"#,
            "the column `x` is missing in line 6, but the schema file says `\"nullable\": false`",
        ),
        (
            r#"{"name":"x","dtype":"boolean"}"#,
            "the column `x` holds `0.5` in line 2; expected true or false, or null",
        ),
        (
            r#"{"name":"cut","dtype":"category","categories":["Fair","Ideal"]}"#,
            "the column `cut` holds `Idael` in line 6; expected a string, one of \"Fair\", \"Ideal\"; did you mean `Ideal`?",
        ),
        (
            r#"{"name":"cut","dtype":"category","categories":["Ideal"]}"#,
            "the column `cut` holds `Idael` in line 6; expected a string, one of \"Ideal\"",
        ),
        (
            r#"{"name":"cat","dtype":"category"}"#,
            "the schema file names the column `cat`, which is not in the table; did you mean `cut`? the columns are `x`, `cut`, `y`",
        ),
        (
            r#"{"name":"y","dtype":"integer"}"#,
            "the column `y` is the target and also declared in the schema file; choose one",
        ),
    ];
    for (features, message) in cases {
        assert_eq!(refusal_of(&csv, &with_schema(features)), message);
    }
}

#[test]
fn a_schema_file_is_read_strictly() {
    let cases = [
        ("{", "EOF while parsing"),
        (r#"{"features":[],"target":"y"}"#, "unknown field `target`, expected `features`"),
        (r#"{"features":[{"name":"x","dtype":"float"}]}"#, "unknown variant `float`"),
        (
            r#"{"features":[{"name":"x","dtype":"number","nulable":true}]}"#,
            "unknown field `nulable`",
        ),
        (
            r#"{"features":[{"name":"x","dtype":"number","categories":["a"]}]}"#,
            "`x` is of dtype number and lists categories; only a category can",
        ),
        (
            r#"{"features":[{"name":"x","dtype":"boolean","minimum":0}]}"#,
            "`x` is a boolean and has a range; only a number or an integer can",
        ),
        (
            r#"{"features":[{"name":"x","dtype":"number","minimum":2,"maximum":1}]}"#,
            "`x` has a minimum of 2 above its maximum of 1",
        ),
        (
            r#"{"features":[{"name":"x","dtype":"category","categories":[]}]}"#,
            "lists no categories",
        ),
        (
            r#"{"features":[{"name":"x","dtype":"category","categories":["a","NA"]}]}"#,
            "`x` lists the category \"NA\", which no cell can hold",
        ),
        (
            r#"{"features":[{"name":"x","dtype":"category","categories":["a","b","a"]}]}"#,
            "`x` lists the category \"a\" twice",
        ),
        (
            r#"{"features":[{"name":"x","dtype":"number"},{"name":"x","dtype":"number"}]}"#,
            "`x` is listed twice",
        ),
    ];
    for (json, message) in cases {
        let error = Schema::from_json(json).expect_err(json).to_string();
        assert!(error.starts_with("the schema file is not valid: "), "{error}");
        assert!(error.contains(message), "{error} should say {message}");
    }
    let error = Schema::read("no/such.json").expect_err("not there").to_string();
    assert_eq!(
        error,
        "the schema file `no/such.json` cannot be read: No such file or directory (os error 2)"
    );
}

#[test]
fn another_table_is_read_in_the_terms_of_a_signature() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("test.csv").display().to_string();
    let train = read_text(&table("x,cut,y", 12, |row| format!("{row},c{},{row}", row % 3)), "y")
        .expect("a table");
    let signature = train.dataset.signature();

    std::fs::write(&path, "y,extra,cut,x\n1.5,?,c2,7\n,,c0,1\n3,,new,\n").expect("a file");
    let test = read_with(&path, signature).expect("a table");
    assert_eq!(test.dataset.signature(), signature);
    assert_eq!(test.dataset.target(), [1.5, 3.0]);
    assert_eq!(test.dataset.rows().row(0), [7.0, 2.0]);
    assert!(test.dataset.rows().row(1).iter().all(|value| value.is_nan()));
    assert_eq!(
        notes(&test),
        [
            "1 of 3 rows are left out: the target `y` is missing in them",
            "the column `x` is missing in 1 rows although training saw no missing values in it; the server refuses such rows",
            "the column `cut` has categories that the training rows do not have; they are read as missing (in 1 of 2 test rows)",
            "scores of 2 test rows say little",
        ]
    );

    let refusals = [
        (
            "y,cut\n1,c0\n",
            "the training table has the column `x`, the test table has not; did you mean `y`? the columns of the test table are `y`, `cut`",
        ),
        (
            "y,cut,x\n1,c0,2.5\n",
            "the column `x` holds `2.5` in line 2; expected an integer (seen 0 to 11)",
        ),
        ("y,cut,x\n", "`test.csv` has a header but no rows"),
        (
            "y,cut,x\n,c0,1\n",
            "the target `y` is missing in every row; choose another column with `--target COL`",
        ),
    ];
    for (csv, message) in refusals {
        std::fs::write(&path, csv).expect("a file");
        let error = read_with(&path, signature).expect_err(csv).to_string();
        assert_eq!(error.replace(&path, "test.csv"), message);
    }
}

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/data");

#[test]
fn the_diamonds_are_what_their_readme_says() {
    let table = read(&format!("{DATA}/diamonds.csv"), &ReadOptions::new("price")).expect("a table");
    assert_eq!(table.dataset.n_rows(), 53_940);
    assert_eq!(
        table.source.sha256,
        "e3e2805d929679b6917ebbb78edbeb9e5ac749756453465fcb73703a040bc2b4"
    );
    assert_eq!(range(feature(&table, "carat")), (0.2, 5.01));
    for (name, n_categories) in [("cut", 5), ("color", 7), ("clarity", 8)] {
        assert_eq!(feature(&table, name).categories.len(), n_categories);
    }
    for name in ["carat", "depth", "table", "x", "y", "z"] {
        assert_eq!(feature(&table, name).dtype, Dtype::Number, "{name}");
    }
    let target = table.dataset.signature().target();
    assert_eq!(target.dtype, Dtype::Integer);
    assert_eq!((target.range.minimum, target.range.maximum), (326.0, 18_823.0));
    assert!(table.notes.is_empty());
}

#[test]
fn the_breast_cancer_table_has_numbers_to_predict_and_a_diagnosis_that_is_none() {
    let location = format!("{DATA}/breast_cancer.csv");
    let error = read(&location, &ReadOptions::new("diagnosis")).expect_err("text");
    assert_eq!(
        error.to_string(),
        "the target `diagnosis` holds text such as `malignant` in line 2; Canopy fits regression models: choose a numeric column"
    );
    let table = read(&location, &ReadOptions::new("mean_area")).expect("a table");
    assert_eq!((table.dataset.n_rows(), table.dataset.signature().n_features()), (569, 30));
    assert_eq!(feature(&table, "diagnosis").categories, ["benign", "malignant"]);
}

#[test]
fn the_synthetic_series_repeats_itself_and_has_genuinely_missing_lags() {
    let read = |location| read(location, &ReadOptions::new("demand")).expect(location);
    let table = read("synthetic:demand?rows=1000&seed=7");
    // Changes when the series does; then every number made from it does too.
    assert_eq!(
        table.source.sha256,
        "a4749b5ff13e4d27313c4e66b4fb34d16ec7871fc4fe2b460ff743b9baf913ff"
    );
    assert_eq!(table.source.sha256, read("synthetic:demand?seed=7&rows=1000").source.sha256);
    assert_ne!(table.source.sha256, read("synthetic:demand?rows=1000&seed=8").source.sha256);
    assert!(table.dataset.target().iter().all(|demand| *demand >= 0.0));
    for (name, n_missing) in [("lag_1", 4), ("lag_7", 28), ("rolling_mean_7", 28), ("price", 0)] {
        let column = table.dataset.signature().index_of(name, 0).expect(name);
        let missing = table.dataset.rows().column(column).filter(|value| value.is_nan());
        assert_eq!(missing.count(), n_missing, "{name}");
        assert_eq!(feature(&table, name).nullable, n_missing > 0, "{name}");
    }
    assert_eq!(feature(&table, "is_weekend").dtype, Dtype::Boolean);
    assert_eq!(feature(&table, "store").categories.len(), 4);
    let small = read("synthetic:demand?rows=100");
    assert!(
        small.notes.contains(&Note::ConstantColumn { column: "month".into(), value: "1".into() })
    );
}
