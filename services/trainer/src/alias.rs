//! The names that versions go by: all aliases of a model, and how a challenger is tried, in words.

use registry::{CHALLENGER, CHAMPION, Mode, ModelName, Registry, RegistryError, Standing, Trial};

use crate::context::Context;
use crate::text::name;

/// The aliases of a model.
#[derive(Debug, Default)]
pub(crate) struct Aliases {
    /// Those that name a version, the champion first.
    named: Vec<(String, Standing)>,
    /// What is wrong with those that cannot be read.
    pub(crate) faults: Vec<String>,
}

impl Aliases {
    pub(crate) fn of(
        registry: &Registry,
        model: &ModelName,
        context: &Context<'_>,
    ) -> Result<Self, RegistryError> {
        let mut aliases = Self::default();
        let names = match context.wait(registry.alias_names(model)) {
            Ok(names) => names,
            Err(error) => {
                aliases.faults.push(in_one_line(error));
                return Ok(aliases);
            }
        };
        for alias in names {
            match context.wait(registry.standing(model, &alias)) {
                Ok(Some(standing)) if standing.version.is_some() => {
                    aliases.named.push((alias, standing));
                }
                Ok(_) => {}
                Err(error @ RegistryError::Cancelled) => return Err(error),
                Err(error) => aliases.faults.push(in_one_line(error)),
            }
        }
        aliases.named.sort_by_key(|(alias, _)| alias != CHAMPION);
        Ok(aliases)
    }

    /// The versions that are named, each once.
    pub(crate) fn versions(&self) -> impl Iterator<Item = u64> {
        let mut versions: Vec<u64> =
            self.named.iter().filter_map(|(_, standing)| standing.version).collect();
        versions.sort_unstable();
        versions.dedup();
        versions.into_iter()
    }

    /// The names of a version.
    pub(crate) fn names(&self, version: u64) -> Vec<String> {
        self.of_version(version).map(|(alias, _)| alias.clone()).collect()
    }

    /// The names of a version for a list, each with how it is tried: `challenger (canary 5 %)`.
    pub(crate) fn listed(&self, version: u64) -> Vec<String> {
        self.in_words(version, name)
    }

    /// The names of a version for a sentence: `the challenger (canary 5 %)`.
    pub(crate) fn called(&self, version: u64) -> Vec<String> {
        self.in_words(version, called)
    }

    fn in_words(&self, version: u64, word: impl Fn(&str) -> String) -> Vec<String> {
        let in_words = |(alias, standing): &(String, Standing)| match tried(standing.trial) {
            Some(how) => format!("{} ({how})", word(alias)),
            None => word(alias),
        };
        self.of_version(version).map(in_words).collect()
    }

    fn of_version(&self, version: u64) -> impl Iterator<Item = &(String, Standing)> {
        self.named.iter().filter(move |(_, standing)| standing.version == Some(version))
    }
}

/// An alias in a sentence.
pub(crate) fn called(alias: &str) -> String {
    match alias {
        CHAMPION | CHALLENGER => format!("the {alias}"),
        other => format!("`{}`", name(other)),
    }
}

/// How a challenger is tried; none where that is up to the servers.
pub(crate) fn tried(trial: Trial) -> Option<String> {
    Some(match (trial.mode?, trial.percent) {
        (Mode::Canary, Some(percent)) => format!("canary {percent} %"),
        (Mode::Canary, None) => "canary".to_owned(),
        (Mode::Shadow, _) => "shadow".to_owned(),
    })
}

/// An error and its causes.
pub(crate) fn in_one_line(error: RegistryError) -> String {
    format!("{:#}", anyhow::Error::from(error))
}
