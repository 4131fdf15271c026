//! A folder with data and a registry, and the binary to run on them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use assert_cmd::cargo::CommandCargoExt;
use serde_json::Value;
use tempfile::TempDir;

/// The binary, without any settings of the environment that the tests run in.
pub(crate) fn trainer() -> Command {
    let mut command = Command::cargo_bin("canopy-trainer").expect("the binary is built");
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CANOPY_")) {
        command.env_remove(name);
    }
    command
}

/// The table of diamonds that comes with the project.
pub(crate) fn diamonds() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/data/diamonds.csv")
}

/// A folder that is removed with this value.
pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn registry(&self) -> PathBuf {
        self.path("models")
    }

    /// Writes a file and gives its path.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).expect("a file in a temporary folder");
        path
    }

    /// `fit` on this file with a forest of five trees; the target is `rent`. Flags may be added: the settings
    /// are variables.
    pub(crate) fn fit(&self, data: &Path) -> Command {
        let mut command = trainer();
        command.arg("fit").env("CANOPY_DATA", data).env("CANOPY_REGISTRY", self.registry());
        command.envs([("CANOPY_TARGET", "rent"), ("CANOPY_MODEL", "rents")]);
        command.envs([("CANOPY_N_ESTIMATORS", "5"), ("CANOPY_LOG", "warn")]);
        command
    }

    /// Publishes a version; without `--promote` only the first becomes the champion.
    pub(crate) fn publish(&self, csv: &str, args: &[&str]) {
        let data = self.file("table.csv", csv);
        let output = self.fit(&data).args(args).output().expect("the binary runs");
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    }

    /// So many equal versions, of which the first is the champion.
    pub(crate) fn publish_equal(&self, n: usize) {
        for _ in 0..n {
            self.publish(&rents(60), &[]);
        }
    }

    /// A champion of five trees, and a version 2 that is worse: one split.
    pub(crate) fn publish_worse() -> Self {
        let place = Self::new();
        place.publish(&rents(60), &[]);
        place.publish(&rents(60), &WORSE);
        place
    }

    /// Standard output of a command that succeeds.
    pub(crate) fn ok(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let (said, error) = (stdout(&output), stderr(&output));
        assert_eq!(output.status.code(), Some(0), "{args:?}: {said}{error}");
        said
    }

    /// Standard output of a command that a gate refuses.
    pub(crate) fn refused(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let (said, error) = (stdout(&output), stderr(&output));
        assert_eq!(output.status.code(), Some(3), "{args:?}: {said}{error}");
        said
    }

    /// Exit code and standard error, from `error:` on, of a command that fails.
    pub(crate) fn fails(&self, args: &[&str]) -> (i32, String) {
        let mut command = trainer();
        command.args(args).arg("--registry").arg(self.registry());
        failure(command)
    }

    /// The document of a command that succeeds.
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        json(&self.run(&[args, &["--output", "json"]].concat()))
    }

    /// The entries of the ledger.
    pub(crate) fn entries(&self) -> Vec<Value> {
        let history = self.json(&["history", "rents"]);
        history["entries"].as_array().expect("entries").clone()
    }

    /// The judgement of one gate in an entry of the ledger, or in what `promote` prints.
    pub(crate) fn gate(judged: &Value, name: &str) -> Value {
        let gates = judged["gates"].as_array().expect("gates");
        gates.iter().find(|gate| gate["gate"] == name).expect("such a gate").clone()
    }

    /// Where one entry of the ledger lies.
    pub(crate) fn entry_file(&self, entry: u64) -> PathBuf {
        self.registry().join(format!("rents/ledger/{entry:08}.json"))
    }

    /// Where an alias lies.
    pub(crate) fn alias_file(&self, alias: &str) -> PathBuf {
        self.registry().join(format!("rents/aliases/{alias}.json"))
    }

    /// Changes one byte in the middle of a file of a version.
    pub(crate) fn damage(&self, version: u64, name: &str) {
        let path = self.version_file(version, name);
        let mut bytes = fs::read(&path).expect("a file of the version");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&path, bytes).expect("a changed file");
    }

    /// Any other command on the registry.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        let mut command = trainer();
        command.args(args).arg("--registry").arg(self.registry());
        command.output().expect("the binary runs")
    }

    /// The versions that `list` shows: model and number.
    pub(crate) fn versions(&self) -> Vec<(String, u64)> {
        if !self.registry().exists() {
            return vec![];
        }
        let listed = json(&self.run(&["list", "--output", "json"]));
        let versions = listed["versions"].as_array().expect("a list").iter();
        let version =
            |line: &Value| (text(&line["model"]), line["version"].as_u64().expect("a number"));
        versions.map(version).collect()
    }

    pub(crate) fn champion(&self) -> Option<u64> {
        let listed = json(&self.run(&["list", "--output", "json"]));
        let versions = listed["versions"].as_array().expect("a list");
        let champion = versions.iter().find(|line| line["is_champion"] == true);
        champion.and_then(|line| line["version"].as_u64())
    }

    /// Where one file of a version lies.
    pub(crate) fn version_file(&self, version: u64, name: &str) -> PathBuf {
        self.registry().join(format!("rents/versions/{version}/{name}"))
    }
}

/// Flags for a model that is worse than the usual one: a single split.
pub(crate) const WORSE: [&str; 4] = ["--n-estimators", "1", "--max-depth", "1"];

/// A small table of every dtype with missing values.
pub(crate) fn rents(n_rows: usize) -> String {
    let mut csv = "size,floor,lift,town,rent\n".to_owned();
    for i in 0..n_rows {
        let size = if i % 7 == 3 { "NA".to_owned() } else { format!("{}.5", 20 + i * 37 % 90) };
        let town = ["Ulm", "Bonn", "Kiel", ""][i * 31 % 4];
        let rent = 300 + i * 37 % 90 * 8 + i * 53 % 70;
        csv.push_str(&format!("{size},{},{},{town},{rent}\n", i % 5, i % 3 == 0));
    }
    csv
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().expect("a string").to_owned()
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

/// The one JSON document on standard output of a command that succeeded.
pub(crate) fn json(output: &Output) -> Value {
    assert_eq!(output.status.code(), Some(0), "{}", stderr(output));
    serde_json::from_slice(&output.stdout).expect("one JSON document")
}

/// The exit code and what standard error says about the failure.
pub(crate) fn failure(mut command: Command) -> (i32, String) {
    let output = command.output().expect("the binary runs");
    assert_eq!(stdout(&output), "", "nothing is printed about a failure");
    let said: Vec<_> = stderr(&output)
        .lines()
        .skip_while(|line| !line.starts_with("error: "))
        .map(str::to_owned)
        .collect();
    (output.status.code().expect("an exit code"), said.join("\n"))
}
