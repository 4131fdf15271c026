//! `canary set` and `canary stop`: which version is tried beside the champion, and how.

use registry::{Action, CHALLENGER, Mode, Move, Trial};

use crate::champion;
use crate::config::{CanaryCommand, CanarySetArgs, CanaryStopArgs, Output};
use crate::context::Context;
use crate::gates::Judged;
use crate::history::known;
use crate::promote::{self, Outcome, Wanted};
use crate::{Said, actor, to_json};

pub(crate) fn run(command: &CanaryCommand, context: &Context<'_>) -> anyhow::Result<Said> {
    match command {
        CanaryCommand::Set(args) => set(args, context),
        CanaryCommand::Stop(args) => stop(args, context).map(Said::from),
    }
}

fn set(args: &CanarySetArgs, context: &Context<'_>) -> anyhow::Result<Said> {
    let wanted = &args.promote;
    let registry = wanted.common.open()?;
    let model = &wanted.model;
    known(&registry, model, context)?;
    let standing = context.wait(registry.settle(model, CHALLENGER))?;
    let mode = Mode::from(args.mode);
    let percent = args.percent.or(standing.trial.percent);
    let trial = Trial { mode: Some(mode), percent: percent.filter(|_| mode == Mode::Canary) };
    let version = wanted.version.or(standing.version);
    let version = version.ok_or_else(|| {
        anyhow::anyhow!("`{model}` has no challenger; name the version: canary set {model} VERSION")
    })?;
    anyhow::ensure!(
        champion::number(&registry, model, context).0 != Some(version),
        "version {version} is the champion of `{model}`: it answers already"
    );
    let rows = promote::held_out(&registry, model, version, &wanted.judged, context)?;
    let wanted_move = Wanted {
        model,
        version,
        alias: CHALLENGER,
        trial,
        limits: &wanted.judged.gates,
        held_out: rows.as_ref().map_err(String::as_str),
        force: wanted.judged.force,
        act: &wanted.judged.act,
        known: &[],
    };
    let outcome = if standing.version == Some(version) && standing.trial != trial {
        let change = Move {
            trial,
            reason: wanted.judged.act.reason.clone(),
            expected: Some(standing),
            ..Move::new(Action::TrialSet, CHALLENGER, Some(version))
        };
        // It passed the gates when it became the challenger.
        let by = actor::name(wanted.judged.act.by.as_deref());
        let entry = context.wait(registry.move_alias(model, &change, context.stamp(&by)))?;
        Outcome { judged: Judged::default(), before: Some(version), entry: Some(entry) }
    } else {
        promote::place(&registry, &wanted_move, context)?
    };
    let mut said = promote::said(&wanted_move, &outcome, wanted.common.output, &registry, context);
    if wanted.common.output == Output::Text && !said.is_held_back {
        said.text = format!("{}; it {}", said.text, tried(trial));
    }
    Ok(said)
}

fn tried(trial: Trial) -> String {
    match (trial.mode, trial.percent) {
        (Some(Mode::Canary), Some(percent)) => format!("answers {percent} % of the requests"),
        (Some(Mode::Canary), None) => {
            "answers the share of the requests that the servers have set".to_owned()
        }
        _ => "predicts beside the champion and never answers".to_owned(),
    }
}

fn stop(args: &CanaryStopArgs, context: &Context<'_>) -> anyhow::Result<String> {
    let registry = args.common.open()?;
    let model = &args.model;
    known(&registry, model, context)?;
    let standing = context.wait(registry.settle(model, CHALLENGER))?;
    let before = standing.version;
    let mut number = None;
    if before.is_some() {
        let wanted = Move {
            reason: args.act.reason.clone(),
            expected: Some(standing),
            ..Move::new(Action::TrialStopped, CHALLENGER, None)
        };
        let by = actor::name(args.act.by.as_deref());
        let entry = context.wait(registry.move_alias(model, &wanted, context.stamp(&by)))?;
        number = Some(entry.entry);
    }
    Ok(match (args.common.output, before, number) {
        (Output::Json, ..) => to_json(&serde_json::json!({
            "model": model, "challenger": null, "previous": before, "entry": number,
        })),
        (Output::Text, Some(before), Some(entry)) => {
            format!(
                "{model} has no challenger any more; it was version {before} (ledger entry {entry})"
            )
        }
        (Output::Text, ..) => format!("{model} has no challenger"),
    })
}
