//! Ends at the wrong moment: signals that ask, and SIGKILL, which does not.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::helpers::{Place, rents, stderr, trainer};

fn signal(child: &Child, name: &str) {
    let id = child.id().to_string();
    assert!(Command::new("kill").args([name, &id]).status().expect("kill runs").success());
}

/// The names of what lies directly in a folder.
fn entries(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return vec![] };
    let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("an entry").file_name();
    entries.map(|entry| name(entry).to_string_lossy().into_owned()).collect()
}

#[test]
fn a_signal_stops_a_fit_long_before_its_end_and_leaves_nothing() {
    for (name, exit_code) in [("-INT", 130), ("-TERM", 143)] {
        let place = Place::new();
        let data = place.file("rents.csv", rents(20_000));
        let mut fit = place.fit(&data);
        fit.args(["--n-estimators", "10000", "--max-depth", "none"]);
        let child = fit.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        // The registry is opened right before the fit.
        let start = Instant::now();
        while !place.registry().exists() {
            assert!(start.elapsed() < Duration::from_secs(20), "the fit never begins");
            std::thread::sleep(Duration::from_millis(10));
        }
        std::thread::sleep(Duration::from_millis(300));
        let start = Instant::now();
        signal(&child, name);
        let output = child.wait_with_output().expect("it ends");
        // The whole fit would take many minutes; how soon it really stops is not a test's to measure.
        let took = start.elapsed();
        assert_eq!(output.status.code(), Some(exit_code), "{}", stderr(&output));
        assert!(took < Duration::from_secs(20), "{took:?}");
        assert!(output.stdout.is_empty());
        assert!(entries(&place.registry()).is_empty(), "{:?}", entries(&place.registry()));
    }
}

#[test]
fn a_signal_while_publishing_leaves_a_whole_version_or_nothing() {
    let place = Place::new();
    let data = place.file("rents.csv", rents(40));
    let versions = place.registry().join("rents/versions");
    let (mut stopped, mut published) = (0, 0);
    for round in 0..60 {
        let (taken, _) = progress(&versions);
        let mut fit = place.fit(&data);
        fit.args(["--threads", "1"]).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = fit.spawn().expect("it starts");
        let n_files = round % 3;
        let reached = || {
            let (folders, files) = progress(&versions);
            folders > taken && files >= n_files
        };
        spin_until(reached, Duration::from_secs(10));
        signal(&child, "-INT");
        match child.wait().expect("it ends").code() {
            Some(0) => published += 1,
            Some(130) => stopped += 1,
            other => panic!("round {round} exits with {other:?}"),
        }
        let whole = place.versions().len();
        assert_eq!(entries(&versions).len(), whole, "round {round} leaves half a version");
    }
    println!("60 signals: {stopped} stopped, {published} published before they were heard");
}

/// A small generator: what varies from kill to kill.
struct Draws(u64);

impl Draws {
    fn share(&mut self) -> f64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// When a run was killed.
#[derive(Debug, Default)]
struct Tally {
    before_publishing: usize,
    /// With some files of the version, but without its manifest.
    while_publishing: usize,
    published: usize,
}

/// Files of the version with the highest number, finished or not; the number counts as one.
fn progress(versions: &Path) -> (usize, usize) {
    // Only numbers: another file says for a moment that the folder can be written to.
    let folders =
        entries(versions).iter().filter_map(|name| name.parse().ok()).collect::<Vec<u64>>();
    let newest = folders.iter().max();
    let files = newest.map_or(0, |newest| entries(&versions.join(newest.to_string())).len());
    (folders.len(), files)
}

/// Spins, because a sleep is longer than some of the moments aimed at.
fn spin_until(mut reached: impl FnMut() -> bool, limit: Duration) {
    let start = Instant::now();
    while !reached() && start.elapsed() < limit {
        std::hint::spin_loop();
    }
}

#[test]
fn killed_at_any_moment_it_leaves_only_whole_versions() {
    const KILLS: usize = 250;
    const N_FILES: usize = 4;
    let place = Place::new();
    let data = place.file("rents.csv", rents(40));
    let fit = || {
        let mut fit = place.fit(&data);
        fit.args(["--threads", "1"]).stdout(Stdio::null()).stderr(Stdio::null());
        fit
    };
    let versions = place.registry().join("rents/versions");
    let start = Instant::now();
    assert!(fit().status().expect("the binary runs").success());
    let usual = start.elapsed();
    let (mut draws, mut tally, mut whole) = (Draws(42), Tally::default(), 1);
    for kill in 0..KILLS {
        let (taken, _) = progress(&versions);
        let mut child = fit().spawn().expect("it starts");
        // Every fourth kill is at any moment; the others aim at the files being written.
        if kill % 4 == 0 {
            spin_until(|| false, usual.mul_f64(draws.share()));
        } else {
            let n_files = 1 + (draws.share() * N_FILES as f64) as usize;
            let reached = || {
                let (folders, files) = progress(&versions);
                folders > taken && files >= n_files
            };
            spin_until(reached, 10 * usual);
            spin_until(|| false, Duration::from_micros((draws.share() * 1000.0) as u64));
        }
        child.kill().expect("a signal is sent"); // SIGKILL
        child.wait().expect("it ends");
        let listed = place.versions();
        match (listed.len() - whole, progress(&versions).0 - taken) {
            (0, 0) => tally.before_publishing += 1,
            (0, _) => tally.while_publishing += 1,
            _ => tally.published += 1,
        }
        whole = listed.len();
        if let Some((_, newest)) = listed.last() {
            let verified = place.run(&["verify", &format!("rents@{newest}")]);
            assert_eq!(verified.status.code(), Some(0), "kill {kill}: {}", stderr(&verified));
        }
    }
    println!("{KILLS} kills: {tally:?}");
    assert!(tally.while_publishing > KILLS / 20, "the kills miss the window: {tally:?}");
    for (_, version) in place.versions() {
        let verified = place.run(&["verify", &format!("rents@{version}")]);
        assert_eq!(verified.status.code(), Some(0), "{}", stderr(&verified));
    }
    let last = fit().status().expect("the binary runs");
    assert!(last.success(), "a new version is published among the leftovers");
}

/// What the files say without anybody who would repair them: entries of the ledger, and the entry that the
/// champion's alias was put there by.
fn recorded(place: &Place) -> (usize, u64) {
    let ledger = entries(&place.registry().join("rents/ledger"));
    // A file that is being written has another name, with a # and a number.
    let n_entries = ledger.iter().filter(|name| name.ends_with(".json")).count();
    let alias = fs::read(place.alias_file("champion")).expect("an alias is replaced at once");
    let alias: Value = serde_json::from_slice(&alias).expect("a whole alias");
    (n_entries, alias["entry"].as_u64().expect("an entry"))
}

/// A promotion of a version, or a rollback to it.
fn moving(place: &Place, version: u64, kill: usize) -> Command {
    let version = version.to_string();
    let mut command = trainer();
    match kill % 3 {
        0 => command.args(["rollback", "rents", "--to", &version]),
        _ => command.args(["promote", "rents", &version]),
    };
    command.env("CANOPY_REGISTRY", place.registry()).env("CANOPY_LOG", "off");
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// When a move was killed.
#[derive(Debug, Default)]
struct Moves {
    before_its_entry: usize,
    /// The ledger has moved, the alias has not.
    between_entry_and_alias: usize,
    moved: usize,
}

#[test]
fn a_move_that_is_killed_at_any_moment_is_made_or_not_and_blocks_no_other() {
    const KILLS: usize = 250;
    let mut place = Place::new();
    let (mut draws, mut tally) = (Draws(43), Moves::default());
    let mut usual = Duration::ZERO;
    for kill in 0..KILLS {
        // A new registry now and then: a long ledger takes long to read.
        if kill % 50 == 0 {
            place = Place::new();
            place.publish_equal(2);
            let start = Instant::now();
            assert!(moving(&place, 2, kill).status().expect("the binary runs").success());
            usual = start.elapsed();
        }
        let (before, _) = recorded(&place);
        let champion = place.champion().expect("a champion");
        let other = 3 - champion;
        let ledger = place.registry().join("rents/ledger");
        let mut child = moving(&place, other, kill).spawn().expect("it starts");
        if kill % 5 == 0 {
            spin_until(|| false, usual.mul_f64(draws.share()));
        } else {
            // The file under another name comes first, then the entry, then the alias.
            let entry = place.entry_file(before as u64 + 1);
            let n_files = entries(&ledger).len();
            let reached = || match kill % 2 {
                0 => entry.exists(),
                _ => entries(&ledger).len() > n_files,
            };
            spin_until(reached, 10 * usual);
            spin_until(|| false, Duration::from_micros((draws.share() * 400.0) as u64));
        }
        child.kill().expect("a signal is sent"); // SIGKILL
        child.wait().expect("it ends");

        let (n_entries, by) = recorded(&place);
        let is_behind = by < n_entries as u64;
        match (n_entries - before, is_behind) {
            (0, _) => tally.before_its_entry += 1,
            (_, true) => tally.between_entry_and_alias += 1,
            (_, false) => tally.moved += 1,
        }
        place.ok(&["list"]);
        let verified = place.run(&["verify", "rents@champion", "--ledger"]);
        if is_behind {
            let said = format!(
                "the alias `champion` names version {} by entry {by} where",
                place.champion().unwrap_or(0)
            );
            assert_eq!(verified.status.code(), Some(1), "kill {kill}");
            assert!(stderr(&verified).contains(&said), "kill {kill}: {}", stderr(&verified));
            place.ok(&["verify", "rents@champion"]);
        } else {
            assert_eq!(verified.status.code(), Some(0), "kill {kill}: {}", stderr(&verified));
        }
        // Whoever comes next finishes what the ledger says, and then moves on from there: be it to either version.
        let next = if kill % 4 < 2 { champion } else { other };
        let moved = moving(&place, next, kill + 1).output().expect("the binary runs");
        assert_eq!(moved.status.code(), Some(0), "kill {kill}: {}", stderr(&moved));
        assert_eq!(place.champion(), Some(next), "kill {kill}");
        place.ok(&["verify", "rents@champion", "--ledger"]);
        if kill % 50 == 49 {
            for pair in place.entries().windows(2) {
                assert_eq!(pair[0]["to"], pair[1]["from"], "no move that was made is forgotten");
            }
        }
    }
    println!("{KILLS} kills: {tally:?}");
    assert!(tally.between_entry_and_alias > KILLS / 50, "the kills miss the window: {tally:?}");
    assert!(tally.before_its_entry > 0 && tally.moved > 0, "the kills miss the ends: {tally:?}");
    // Nothing of what was being written is left among what is read.
    let history = place.json(&["history", "rents"]);
    assert_eq!(history["fault"], Value::Null);
}

#[test]
fn says_why_it_ends_even_where_the_work_does_not_stop() {
    let place = Place::new();
    let data = place.file("rents.csv", rents(40));
    // Nobody ever writes to it: opening it waits for good.
    let pipe = place.path("schema.json");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs").success());
    let mut fit = place.fit(&data);
    fit.arg("--schema").arg(&pipe).stdout(Stdio::null()).stderr(Stdio::piped());
    fit.args(["--log", "debug"]);
    let child = fit.spawn().expect("it starts");
    let is_listening = || {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:\t"));
        let caught = caught.and_then(|mask| u64::from_str_radix(mask, 16).ok());
        caught.is_some_and(|mask| mask & (1 << 14) != 0) // SIGTERM is 15, bits count from 1
    };
    spin_until(is_listening, Duration::from_secs(20));
    signal(&child, "-TERM");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(143));
    assert_eq!(stderr(&output).matches("error: stopped by a signal").count(), 1);
}
