//! Several trainers at once: of those that start from the same standing one wins, and the ledger shows it.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use registry::{Action, CHAMPION, ModelName, Move, Registry, RegistryError, Stamp};

use crate::helpers::{Place, rents, stderr, trainer};

const ROUNDS: usize = 200;

#[test]
fn two_promotions_at_once_are_one_after_the_other_or_one_is_refused() {
    let place = Place::new();
    place.publish_equal(3);
    let (mut champion, mut n_moves) = (1, 1);
    let (mut sequences, mut refusals) = (0, 0);
    for round in 0..ROUNDS {
        let wanted = [1, 2, 3].into_iter().filter(|version| *version != champion);
        let promoting: Vec<Child> = wanted
            .map(|version| {
                let mut promote = trainer();
                promote.args([
                    "promote",
                    "rents",
                    &version.to_string(),
                    "--by",
                    &format!("promoter-{version}"),
                ]);
                promote.env("CANOPY_REGISTRY", place.registry()).env("CANOPY_LOG", "off");
                promote.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts")
            })
            .collect();
        let mut n_won = 0;
        for child in promoting {
            let output = child.wait_with_output().expect("it ends");
            match output.status.code() {
                Some(0) => n_won += 1,
                Some(1) => {
                    let error = stderr(&output);
                    let said =
                        "error: the alias `champion` of `rents` was moved meanwhile by promoter-";
                    assert!(error.starts_with(said) && error.contains("; look again"), "{error}");
                }
                other => panic!("round {round} exits with {other:?}: {}", stderr(&output)),
            }
        }
        match n_won {
            1 => refusals += 1,
            2 => sequences += 1,
            _ => panic!("nobody wins round {round}"),
        }
        n_moves += n_won;
        champion = place.champion().expect("a champion");
    }
    println!("{ROUNDS} rounds: {refusals} with one winner, {sequences} one after the other");
    let entries = place.entries();
    assert_eq!(entries.len(), n_moves, "each success is one entry");
    for pair in entries.windows(2) {
        assert_eq!(pair[0]["to"], pair[1]["from"], "each move starts where the one before ended");
    }
    for entry in &entries[1..] {
        let judged_against = &Place::gate(entry, "score")["figures"]["champion"];
        assert_eq!(
            *judged_against, entry["from"],
            "none is judged against another champion than it replaces"
        );
    }
    assert_eq!(entries[n_moves - 1]["to"], champion);
    place.ok(&["verify", "rents", "--ledger"]);
}

/// Where the registry of the race is: set only for the processes that race.
const REGISTRY: &str = "RACE_REGISTRY";
/// What a racer's lines begin with, among those of the test harness.
const SAYS: &str = "racer: ";

fn model() -> ModelName {
    "rents".parse().expect("a name")
}

/// What one of the two processes does: looks, waits for the start, moves.
#[test]
fn a_racer_moves_the_alias_from_where_it_saw_it() {
    let (Ok(location), Ok(name)) = (std::env::var(REGISTRY), std::env::var("RACE_NAME")) else {
        return; // this is the usual run of all tests: there is no race to take part in
    };
    let registry = Registry::open(&location).expect("the registry of the race");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let say = |what: &str| {
        println!("{SAYS}{what}");
        std::io::stdout().flush().expect("the other end listens");
    };
    let mut lines = std::io::stdin().lines();
    let mut hear = || lines.next().map(|line| line.expect("the other end writes"));
    while let Some(version) = hear() {
        let standing = runtime.block_on(registry.settle(&model(), CHAMPION)).expect("a standing");
        let version = Some(version.parse().expect("a number"));
        let wanted =
            Move { expected: Some(standing), ..Move::new(Action::Promoted, CHAMPION, version) };
        // Both have looked before either moves.
        say("ready");
        assert_eq!(hear().as_deref(), Some("go"));
        let stamp = Stamp { now: 1_700_000_000, by: &name };
        match runtime.block_on(registry.move_alias(&model(), &wanted, stamp)) {
            Ok(entry) => say(&format!("won {}", entry.entry)),
            Err(RegistryError::Superseded { by, .. }) => say(&format!("lost to {by}")),
            Err(error) => say(&format!("failed: {error}")),
        }
    }
}

/// The other end of a racer.
struct Racer {
    name: &'static str,
    child: Child,
    stdin: ChildStdin,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Racer {
    fn start(name: &'static str, place: &Place) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("this binary"));
        command.args([
            "race::a_racer_moves_the_alias_from_where_it_saw_it",
            "--exact",
            "--nocapture",
        ]);
        command.env(REGISTRY, place.registry()).env("RACE_NAME", name);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("it starts");
        let stdin = child.stdin.take().expect("a pipe");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        Self { name, child, stdin, lines }
    }

    fn tell(&mut self, what: &str) {
        writeln!(self.stdin, "{what}").expect("it listens");
    }

    fn hear(&mut self) -> String {
        for line in &mut self.lines {
            let line = line.expect("a line");
            // The harness may have begun the line.
            if let Some((_, said)) = line.split_once(SAYS) {
                return said.to_owned();
            }
        }
        panic!("{} has ended", self.name)
    }
}

#[test]
fn of_two_processes_that_saw_the_same_standing_exactly_one_wins() {
    let place = Place::new();
    place.publish_equal(3);
    let mut racers = [Racer::start("a", &place), Racer::start("b", &place)];
    let (mut champion, mut wins) = (1, [0, 0]);
    for round in 0..ROUNDS {
        let wanted: Vec<u64> =
            [1, 2, 3].into_iter().filter(|version| *version != champion).collect();
        for (racer, version) in racers.iter_mut().zip(&wanted) {
            racer.tell(&version.to_string());
        }
        for racer in &mut racers {
            assert_eq!(racer.hear(), "ready");
        }
        // Who hears it first has a head start: each in turn.
        for place in [round % 2, 1 - round % 2] {
            racers[place].tell("go");
        }
        let said = [racers[0].hear(), racers[1].hear()];
        let won = format!("won {}", round + 2);
        let winner = said.iter().position(|said| *said == won);
        let winner = winner.unwrap_or_else(|| panic!("nobody wins round {round}: {said:?}"));
        assert_eq!(said[1 - winner], format!("lost to {}", racers[winner].name), "round {round}");
        champion = wanted[winner];
        wins[winner] += 1;
    }
    for Racer { stdin, mut child, .. } in racers {
        drop(stdin); // there are no more rounds
        assert!(child.wait().expect("it ends").success());
    }
    println!("{ROUNDS} rounds: a wins {}, b wins {}", wins[0], wins[1]);
    assert!(wins.iter().all(|wins| *wins > 0), "both can win: {wins:?}");
    let entries = place.entries();
    assert_eq!(entries.len(), 1 + ROUNDS, "one entry for each round");
    assert_eq!((&entries[ROUNDS]["to"], place.champion()), (&champion.into(), Some(champion)));
    let verified = place.json(&["verify", "rents", "--ledger"]);
    assert_eq!(verified["ledger_entries"], 1 + ROUNDS);
}

#[test]
fn fits_at_once_all_publish_and_agree_on_a_champion() {
    const FITS: u64 = 8;
    let place = Place::new();
    place.publish(&rents(60), &[]);
    let data = place.file("rents.csv", rents(60));
    let fitting: Vec<Child> = (0..FITS)
        .map(|_| {
            let mut fit = place.fit(&data);
            fit.args(["--promote", "not-worse", "--threads", "1"]);
            fit.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts")
        })
        .collect();
    for child in fitting {
        let output = child.wait_with_output().expect("it ends");
        // They are equal, so that none is worse than whichever is the champion.
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    }
    let numbers: Vec<u64> = place.versions().into_iter().map(|(_, version)| version).collect();
    assert_eq!(numbers, (1..=FITS + 1).collect::<Vec<_>>());
    for version in numbers {
        place.ok(&["verify", &format!("rents@{version}")]);
    }
    let entries = place.entries();
    assert_eq!(entries.len(), 1 + FITS as usize, "each is promoted once");
    assert_eq!(entries[FITS as usize]["to"], place.champion().expect("a champion"));
    place.ok(&["verify", "rents", "--ledger"]);
    let folders = std::fs::read_dir(place.registry().join("rents/versions")).expect("the versions");
    assert_eq!(folders.count() as u64, 1 + FITS, "no half version is left");
}
