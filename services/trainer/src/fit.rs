//! `fit`: from a table to a published version, step by step.

use anyhow::Context as _;
use dataset::HeldOut;
use estimators::{Estimator, Fitted, Training};
use registry::{Draft, EstimatorRecord, Provenance, SigningKey, TrustedKey};

use crate::champion::{self, Candidate};
use crate::clock::{Clock, rfc3339};
use crate::config::FitArgs;
use crate::context::Context;
use crate::data::{self, Data};
use crate::evaluate::{evaluate, warnings};
use crate::golden::golden;
use crate::progress::FitProgress;
use crate::publish::{self, Plan, Promote};
use crate::report::{self, Scatter};
use crate::summary::Summary;
use crate::text::clean;
use crate::warning;

/// Reads, fits, evaluates and publishes.
pub(crate) fn run(args: &FitArgs, context: &Context<'_>) -> anyhow::Result<Summary> {
    let started_at = rfc3339(context.clock.now());
    let estimator = args.estimator.estimator(args.seed);
    let key = args.signing_key.as_deref().map(SigningKey::from_file).transpose()?;
    vouched(&args.common.trusted_keys()?, key.as_ref())?;
    let mut data = data::read(args, context)?;
    context.go_on()?;
    warning::log(&data.notes);
    let opened = publish::open(&args.common, &args.model, context)?;
    let registry = &opened.registry;
    if args.promote != Promote::Never {
        // Found out before the long work, and looked at again before the alias moves.
        let signature = data.train.signature();
        let candidate = Candidate { model: &args.model, version: None, signature };
        data.warn(champion::compare(registry, candidate, context)?);
    }
    let n_threads = if args.threads == 0 { n_cores() } else { args.threads };
    let (fitted, fit_time) = context.clock.timed(|| fit(&estimator, &data, n_threads, context));
    let fitted = fitted?;
    let duration_ms = fit_time.as_millis() as u64;
    tracing::info!(estimator = estimator.name(), duration_ms, "fitted");
    let evaluated = evaluate(&fitted.pipeline, &data, args.seed, context)?;
    data.warn(warnings(&evaluated.scores, &fitted.pipeline, &estimator));
    let weights = fitted.pipeline.to_safetensors();
    let golden = golden(&fitted, &weights, &data, estimator.library(), args.seed)?;
    context.go_on()?;
    let mut draft = Draft {
        model: args.model.clone(),
        signature: data.train.signature().clone(),
        estimator: EstimatorRecord {
            name: estimator.name().to_owned(),
            library: estimator.library().to_owned(),
            hyperparameters: estimator.hyperparameters(),
        },
        scores: evaluated.scores,
        baseline: dataset::baseline(&data.train, &evaluated.predictions),
        provenance: provenance(args, &data, started_at, fit_time.as_secs_f64(), context),
        weights,
        golden,
        report: String::new(),
        holdout: kept(&data, args.holdout_rows)?,
    };
    let test = Scatter { actual: data.test.target(), predicted: &evaluated.predictions };
    draft.report = report::html(&draft, test, data.n_seen);
    let mut summary = Summary::of(&draft, &data, n_threads);
    let held_out = HeldOut::of(&data.test, usize::MAX)?;
    let plan = Plan {
        when: args.promote,
        limits: &args.gates,
        held_out: &held_out,
        act: &args.act,
        key: key.as_ref(),
        keep: args.keep,
    };
    let outcome = publish::publish(registry, draft, &plan, &data.notes, context)?;
    summary.published(outcome, registry.location());
    Ok(summary)
}

/// A version that this run itself does not trust could be published, and never promoted.
fn vouched(trusted: &[TrustedKey], key: Option<&SigningKey>) -> anyhow::Result<()> {
    let id = key.map(SigningKey::id);
    if trusted.is_empty() || trusted.iter().any(|trusted| Some(trusted.id()) == id.as_deref()) {
        return Ok(());
    }
    match id {
        None => anyhow::bail!(
            "only signed versions are trusted (--trusted-key), and this one would not be: give --signing-key, too"
        ),
        Some(id) => anyhow::bail!(
            "the key {id} of --signing-key is none of the trusted ones (--trusted-key): the version would be refused"
        ),
    }
}

fn fit(
    estimator: &Estimator,
    data: &Data,
    n_threads: usize,
    context: &Context<'_>,
) -> anyhow::Result<Fitted> {
    let training = Training {
        signature: data.train.signature(),
        rows: data.train.rows(),
        target: data.train.target(),
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build();
    let pool = pool.with_context(|| format!("starting {n_threads} threads"))?;
    let progress = FitProgress::new(context.stop);
    pool.install(|| estimator.fit(&training, &progress))
        .with_context(|| format!("fitting {}", estimator.name()))
}

/// The rows set aside that are kept with the version.
fn kept(data: &Data, max_rows: usize) -> anyhow::Result<Option<Vec<u8>>> {
    if max_rows == 0 {
        return Ok(None);
    }
    Ok(Some(HeldOut::of(&data.test, max_rows)?.csv().to_vec()))
}

fn n_cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn provenance(
    args: &FitArgs,
    data: &Data,
    started_at: String,
    fit_seconds: f64,
    context: &Context<'_>,
) -> Provenance {
    let (source, test) = (&data.source, data.test_source.as_ref());
    Provenance {
        data: source.location.clone(),
        data_sha256: source.sha256.clone(),
        n_rows: source.n_rows,
        n_rows_without_target: source.n_rows_without_target,
        n_rows_train: data.train.n_rows() as u64,
        n_rows_test: data.test.n_rows() as u64,
        test_data: test.map(|source| source.location.clone()),
        test_data_sha256: test.map(|source| source.sha256.clone()),
        test_fraction: test.is_none().then_some(args.test_fraction),
        categorical: args.categorical.clone(),
        ignore: args.ignore.clone(),
        max_categories: args.max_categories as u64,
        schema_sha256: data.schema_sha256.clone(),
        seed: args.seed,
        canopy_version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at,
        finished_at: rfc3339(context.clock.now()),
        fit_seconds,
        notes: data.notes.iter().map(|note| clean(&note.to_string())).collect(),
    }
}
