//! `predict`: the rows of a file and their predictions into another, in constant memory, on all cores.
//!
//! `predict/source.rs` is where rows come from, `predict/place.rs` where they go, `predict/engine.rs` what happens in
//! between. Rows are read by the rules of the server, through the same functions.

mod engine;
mod place;
mod source;
mod summary;

use registry::ModelVersion;
use schema::{CsvHeader, CsvLimits, CsvStream, Nulls, ReadOptions, RequestError, UnknownFeatures};

use crate::clock::Clock;
use crate::config::{Output, PredictArgs};
use crate::context::Context;
use crate::text::{clean, name};
use crate::to_json;
use crate::versions::resolve;
use crate::warning;

use engine::{Engine, Totals};
use place::Place;
use source::Source;
use summary::Summary;

/// A chunk is some thousand rows: long enough that handing it over costs nothing, short enough that a few for each
/// core are little memory.
const CHUNK_BYTES: usize = 256 << 10;

/// Columns that are no features are kept: an id, the target.
const OPTIONS: ReadOptions =
    ReadOptions { unknown_features: UnknownFeatures::Ignore, nulls: Nulls::BySignature };

/// What the command says once it is done.
pub(crate) struct Said {
    /// For standard output; empty where the rows went there.
    pub(crate) text: String,
    /// What has happened even if the text cannot be written.
    pub(crate) done: String,
}

pub(crate) fn predict(args: &PredictArgs, context: &Context<'_>) -> anyhow::Result<Said> {
    let registry = args.common.open()?;
    let (model, version) = resolve(&registry, &args.model, context)?;
    // Its seal, digests and structure are checked and its golden rows replayed, as in a server.
    let version = context.wait(registry.load(&model, version))?;
    context.go_on()?;
    let source = Source::open(&args.data, context)?;
    warning::log(&source.warnings);
    let mut place = Place::open(&args.out)?;
    let n_threads = if args.threads == 0 { n_cores() } else { args.threads };
    let run = Run { version: &version, source: &source, n_threads };
    let (done, took) = context.clock.timed(|| run.all(args, &mut place, context));
    let done = done?;
    place.keep()?;
    let summary = Summary::new(args, &version, &source, &done, (n_threads, took));
    let text = match args.common.output {
        Output::Json => to_json(&summary),
        Output::Text => summary.to_string(),
    };
    let done = format!("the predictions are in {}", clean(&args.out));
    if args.out == place::STDOUT {
        eprintln!("{}", text.trim_end());
        return Ok(Said { text: String::new(), done });
    }
    Ok(Said { text, done })
}

fn n_cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// What came of all rows.
struct Done {
    header: CsvHeader,
    totals: Totals,
}

struct Run<'a> {
    version: &'a ModelVersion,
    source: &'a Source,
    n_threads: usize,
}

impl Run<'_> {
    fn all(
        &self,
        args: &PredictArgs,
        place: &mut Place,
        context: &Context<'_>,
    ) -> anyhow::Result<Done> {
        let mut bytes = self.source.bytes()?;
        let limits =
            CsvLimits { chunk_bytes: CHUNK_BYTES, max_record_bytes: dataset::MAX_RECORD_BYTES };
        let mut stream = CsvStream::new(limits);
        let header = loop {
            context.go_on()?;
            bytes.push_into(&mut stream)?;
            let signature = &self.version.manifest.signature;
            match stream.header(signature, OPTIONS) {
                Ok(None) => {}
                Ok(Some(header)) => {
                    check(&header, &args.prediction_column, self.source)?;
                    place.write(header.bytes())?;
                    place.write(format!(",{}", args.prediction_column).as_bytes())?;
                    break header;
                }
                Err(error) => return Err(self.source.refused(error, None)),
            }
        };
        let engine = Engine { run: self, header: &header, context };
        let totals = engine.predict(bytes, stream, place)?;
        Ok(Done { header, totals })
    }
}

/// A second column of the same name would hide the first from most readers.
fn check(header: &CsvHeader, prediction_column: &str, source: &Source) -> anyhow::Result<()> {
    anyhow::ensure!(
        !header.names().iter().any(|name| name == prediction_column),
        "{} has a column `{}` already; choose another name for the new one with --prediction-column NAME",
        source.shown(),
        name(prediction_column),
    );
    Ok(())
}

impl Source {
    /// What does not fit, with the line where it is known.
    fn refused(&self, error: RequestError, line: Option<usize>) -> anyhow::Error {
        match (error, line) {
            (RequestError::InvalidCsv { reason }, _) => {
                anyhow::anyhow!("{} is not CSV: {reason}", self.shown())
            }
            (RequestError::NoRows, _) => {
                anyhow::anyhow!("{} has a header but no rows", self.shown())
            }
            (error, Some(line)) => {
                anyhow::Error::new(error).context(format!("{}, line {line}", self.shown()))
            }
            (error, None) => anyhow::Error::new(error).context(self.shown()),
        }
    }
}
