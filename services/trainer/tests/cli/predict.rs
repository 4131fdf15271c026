//! `predict`: a file in, the same file with one more column out, or nothing at all.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use registry::Registry;
use schema::{ReadOptions, UnknownFeatures};
use serde_json::Value;

use crate::helpers::{Place, failure, json, rents, stderr, stdout, trainer};

/// A registry with one version that was fitted to `rents`.
fn published() -> Place {
    let place = Place::new();
    place.publish(&rents(60), &[]);
    place
}

/// `predict` by that version; flags may be added.
fn predict(place: &Place, data: &Path, out: &Path) -> Command {
    let mut command = trainer();
    command.args(["predict", "--model", "rents", "--registry"]).arg(place.registry());
    command.arg("--data").arg(data).arg("--out").arg(out).env("CANOPY_LOG", "warn");
    command
}

fn summary(mut predict: Command) -> Value {
    json(&predict.args(["--output", "json"]).output().expect("the binary runs"))
}

/// What the server answers for these rows, each as JSON writes it.
fn answers(place: &Place, csv: &str) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let registry = Registry::open(place.registry().to_str().expect("UTF-8")).expect("a registry");
    let model = "rents".parse().expect("a name");
    let version = runtime.expect("a runtime").block_on(registry.load(&model, 1));
    let version = version.expect("a version");
    let options =
        ReadOptions { unknown_features: UnknownFeatures::Ignore, ..ReadOptions::default() };
    let request = version.manifest.signature.read_csv(csv.as_bytes(), options).expect("rows");
    let predictions = version.pipeline.predict(&request.rows);
    predictions.iter().map(|y| serde_json::to_string(y).expect("a number")).collect()
}

/// All that lies in the folder of an output beside these.
fn leftovers(out: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(out.parent().expect("a folder")).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.filter(|path| path.to_string_lossy().contains(".canopy-predict")).collect()
}

#[test]
fn adds_a_column_and_leaves_every_other_byte_as_it_is() {
    let place = published();
    let rows = [
        ("1,33.5,2,true,Ulm,\"two\nlines, and \"\"quotes\"\"\"", "\r\n"),
        ("2, NA ,0,false,\"Bonn\",", "\n\n\r\n"),
        ("3,,1,TRUE,,é", "\r\n"),
        ("\"4\",1e2,1,False,Kiel,last", ""),
    ];
    let header = "\u{feff}\r\nid,size,floor,\"lift\",town,note";
    let csv: String = rows.iter().map(|(row, end)| format!("{row}{end}")).collect();
    let csv = format!("{header}\n{csv}");
    let predictions = answers(&place, &csv);
    let added = rows.iter().zip(&predictions).map(|((row, end), y)| format!("{row},{y}{end}"));
    let expected = format!("{header},prediction\n{}", added.collect::<String>());
    let (data, out) = (place.file("rows.csv", &csv), place.path("out.csv"));
    let summary = summary(predict(&place, &data, &out));
    assert_eq!(fs::read_to_string(&out).expect("an output"), expected);
    assert_eq!(summary["n_rows"], 4);
    assert_eq!(summary["version"], 1);
    assert_eq!(summary["kept_columns"], serde_json::json!(["id", "note"]));
}

#[test]
fn every_thread_count_and_packing_gives_the_answers_of_the_server() {
    let place = published();
    let csv = rents(40_000); // some chunks
    let data = place.file("rows.csv", &csv);
    let packed = Command::new("gzip").args(["--keep", "--fast"]).arg(&data).status();
    assert!(packed.expect("gzip runs").success());
    let answers = answers(&place, &csv);
    let expected: Vec<_> =
        csv.lines().skip(1).zip(&answers).map(|(line, y)| format!("{line},{y}")).collect();
    for (name, n_threads) in [("rows.csv", "1"), ("rows.csv", "3"), ("rows.csv.gz", "2")] {
        let out = place.path("out.csv");
        let mut run = predict(&place, &place.path(name), &out);
        run.args(["--threads", n_threads]);
        assert_eq!(summary(run)["n_rows"], 40_000);
        let found = fs::read_to_string(&out).expect("an output");
        assert!(found.lines().skip(1).eq(expected.iter()), "{name} on {n_threads} threads");
    }
}

#[test]
fn counts_what_is_unusual_for_each_feature() {
    let place = published();
    let csv =
        "size,floor,lift,town,rent\n9999,1,true,Rom,1\n33.5,99,true,Rom,1\n33.5,1,true,Ulm,1\n";
    let data = place.file("rows.csv", csv);
    let summary = summary(predict(&place, &data, &place.path("out.csv")));
    let expected = serde_json::json!([
        {"feature": "size", "code": "out_of_range", "n_rows": 1},
        {"feature": "floor", "code": "out_of_range", "n_rows": 1},
        {"feature": "town", "code": "unseen_category", "n_rows": 2},
    ]);
    assert_eq!((&summary["warnings"], &summary["n_warnings"]), (&expected, &4.into()));
    let said = predict(&place, &data, &place.path("out.csv")).output().expect("the binary runs");
    let said = stdout(&said);
    assert!(said.contains("Predicted 3 rows of") && said.contains("version 1, verified"), "{said}");
    assert!(said.contains("Kept and not looked at, no features: `rent`"), "{said}");
    assert!(said.contains("town               2  not seen in training"), "{said}");
}

#[test]
fn a_row_that_does_not_fit_leaves_the_output_as_it_was() {
    let place = published();
    let good = rents(30_000);
    let cases = [
        (
            "x,1,true,Ulm,1",
            ", line 30002: feature `size` in row 30000 is `x`; expected a number (seen 20.5 to 1",
        ),
        ("33.5,1,true", "is not CSV: line 30002 has 3 cells where the header has 5"),
        (
            "33.5,,true,Ulm,1",
            ", line 30002: feature `floor` in row 30000 is null; expected an integer",
        ),
        ("33.5,1,true,\"Ulm,1", "is not CSV: a quote is left open in line 30003"),
        (
            "33.5,1,true,\"U\"lm,1",
            "is not CSV: text follows a closing quote; a quote inside a quoted cell is written twice in line 30002",
        ),
    ];
    let out = place.file("out.csv", "what was there before");
    for (row, message) in cases {
        let data = place.file("rows.csv", format!("{good}{row}\n"));
        let (exit_code, error) = failure(predict(&place, &data, &out));
        let error = error.replace("\n  because: ", ": ");
        assert_eq!(exit_code, 1, "{error}");
        assert!(
            error.contains("rows.csv`") && error.contains(message),
            "{message} is not in {error}"
        );
        assert_eq!(fs::read_to_string(&out).expect("a file"), "what was there before");
        assert!(leftovers(&out).is_empty(), "{row}");
    }
}

#[test]
fn refuses_tables_that_cannot_be_meant() {
    let place = published();
    let out = place.path("out.csv");
    let cases = [
        ("", "is empty; expected a header line and rows"),
        ("size,floor,lift,town\n\n", "has a header but no rows"),
        (
            "siez,floor,lift,town\n1,1,true,Ulm\n",
            "feature `size` is missing in the header; expected a number (seen 20.5 to 108.5), or null; is it the column `siez`?",
        ),
        (
            "size,floor,lift,town,prediction\n1,1,true,Ulm,1\n",
            "has a column `prediction` already; choose another name for the new one with --prediction-column NAME",
        ),
        ("size,floor,lift,size,town\n", "feature `size` is given twice in the header"),
        ("PK\u{3}\u{4}", "a zip file or an Excel workbook"),
    ];
    for (csv, message) in cases {
        let data = place.file("rows.csv", csv);
        let (exit_code, error) = failure(predict(&place, &data, &out));
        assert_eq!(exit_code, 1, "{error}");
        assert!(error.contains(message), "{message} is not in {error}");
        assert!(!out.exists() && leftovers(&out).is_empty());
    }
    let data = place.file("rows.csv", "prediction,size,floor,lift,town\n0,33.5,1,true,Ulm\n");
    let mut other = predict(&place, &data, &out);
    other.args(["--prediction-column", "rent expected"]);
    assert_eq!(summary(other)["prediction_column"], "rent expected");
    let found = fs::read_to_string(&out).expect("an output");
    assert!(found.starts_with("prediction,size,floor,lift,town,rent expected\n0,33.5,"), "{found}");

    let (_, error) = failure(predict(&place, &data, &place.registry()));
    assert!(error.contains("is a directory; give the path of a file"), "{error}");
    let (_, error) = failure(predict(&place, &data, &place.path("no/such/out.csv")));
    assert!(error.contains("writing to `") && error.contains("out.csv`"), "{error}");
    let mut comma = predict(&place, &data, &out);
    comma.args(["--prediction-column", "a,b"]);
    assert_eq!(failure(comma).0, 2);
}

#[test]
fn a_damaged_version_predicts_nothing() {
    let place = published();
    place.damage(1, "weights.safetensors");
    let data = place.file("rows.csv", rents(10));
    let (exit_code, error) = failure(predict(&place, &data, &place.path("out.csv")));
    assert_eq!(exit_code, 1);
    assert!(error.contains("weights.safetensors") && !place.path("out.csv").exists(), "{error}");
}

/// A `predict` from standard input.
fn piped(place: &Place, out: &Path) -> Child {
    let mut command = predict(place, Path::new("-"), out);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("it starts")
}

#[test]
fn goes_between_two_pipes() {
    let place = published();
    let csv = rents(3);
    let mut child = piped(&place, Path::new("-"));
    child.stdin.take().expect("a pipe").write_all(csv.as_bytes()).expect("written");
    let output = child.wait_with_output().expect("it ends");
    let added = csv.lines().skip(1).zip(answers(&place, &csv));
    let lines: String = added.map(|(line, y)| format!("{line},{y}\n")).collect();
    assert_eq!(stdout(&output), format!("size,floor,lift,town,rent,prediction\n{lines}"));
    let said = stderr(&output);
    assert!(said.contains("Predicted 3 rows of standard input"), "{said}");
}

#[test]
fn a_signal_leaves_no_output() {
    let place = published();
    for (name, exit_code) in [("-INT", 130), ("-TERM", 143)] {
        let out = place.path("out.csv");
        let mut child = piped(&place, &out);
        // More than a pipe holds: once it is written, the process reads; then it waits for more.
        let mut stdin = child.stdin.take().expect("a pipe");
        stdin.write_all(rents(20_000).as_bytes()).expect("written");
        let id = child.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().expect("kill runs").success());
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(exit_code), "{}", stderr(&output));
        assert!(stderr(&output).ends_with("error: stopped by a signal\n"), "{}", stderr(&output));
        assert!(!out.exists() && leftovers(&out).is_empty());
        drop(stdin);
    }
}

#[test]
fn the_memory_does_not_grow_with_the_file() {
    const N_BYTES: usize = 250 << 20;
    let place = published();
    let mut command = predict(&place, Path::new("-"), Path::new("-"));
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(b"size,floor,lift,town,note\n").expect("written");
    let row = format!("33.5,1,true,Ulm,{}\n", "a note ".repeat(60));
    let block = row.repeat(1_000);
    let n_blocks = N_BYTES / block.len();
    for _ in 0..n_blocks {
        stdin.write_all(block.as_bytes()).expect("written");
    }
    // All but what the pipe holds is read, and the process still there to be asked.
    let peak_bytes = peak(&child);
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let n_rows = format!("Predicted {n_blocks},000 rows");
    assert!(stderr(&output).contains(&n_rows), "{}", stderr(&output));
    assert!(peak_bytes < 100 << 20, "{} MiB", peak_bytes >> 20);
}

/// The most memory that a process has had.
fn peak(child: &Child) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).expect("a process");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    peak.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") << 10
}

#[test]
fn takes_its_settings_from_the_environment() {
    let place = published();
    let mut command = trainer();
    command.arg("predict").env("CANOPY_MODEL", "rents@champion");
    command.env("CANOPY_DATA", place.file("rows.csv", rents(3)));
    command.env("CANOPY_OUT", place.path("out.csv")).env("CANOPY_REGISTRY", place.registry());
    command.envs([("CANOPY_PREDICTION_COLUMN", "y"), ("CANOPY_THREADS", "1")]);
    let summary = json(&command.env("CANOPY_OUTPUT", "json").output().expect("the binary runs"));
    assert_eq!((&summary["prediction_column"], &summary["n_threads"]), (&"y".into(), &1.into()));
}

#[test]
fn help_of_predict_names_every_flag() {
    let mut help = trainer();
    help.args(["predict", "--help"]).env("COLUMNS", "100");
    insta::assert_snapshot!(stdout(&help.output().expect("the binary runs")));
}
