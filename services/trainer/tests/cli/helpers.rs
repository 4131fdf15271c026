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
