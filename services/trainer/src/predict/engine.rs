//! Rows in, rows with predictions out, in order: one thread reads, so many predict, one writes.
//!
//! A chunk goes to whichever thread is free, and a promise of it to the writer, which waits for one promise after the
//! other. As many promises as the queue holds are under way, so that memory is bounded whatever the file's length.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use schema::{CsvChunk, CsvHeader, CsvStream, Warnings};

use super::source::Bytes;
use super::{OPTIONS, Place, Run};
use crate::context::Context;
use crate::progress::PredictProgress;

/// Steps of a model between two looks at whether a signal came: some hundredths of a second.
const LOOK_WORK: usize = 10_000_000;

/// What is needed for any chunk.
pub(super) struct Engine<'a> {
    pub(super) run: &'a Run<'a>,
    pub(super) header: &'a CsvHeader,
    pub(super) context: &'a Context<'a>,
}

/// What came of all chunks.
#[derive(Debug, Default)]
pub(super) struct Totals {
    pub(super) n_rows: u64,
    pub(super) warnings: Warnings,
}

/// What came of one chunk.
struct Predicted {
    bytes: Vec<u8>,
    n_rows: u64,
    warnings: Warnings,
}

type Outcome = anyhow::Result<Predicted>;
/// A chunk, and where its outcome is to go.
type Job = (CsvChunk, SyncSender<Outcome>);

impl Engine<'_> {
    /// Predicts what is left of a stream whose header was read and written.
    pub(super) fn predict(
        &self,
        mut bytes: Bytes<'_>,
        mut stream: CsvStream,
        place: &mut Place,
    ) -> anyhow::Result<Totals> {
        let n_threads = self.run.n_threads;
        let (hand_out, jobs) = sync_channel(n_threads);
        let (promise, promised) = sync_channel(2 * n_threads);
        let jobs = Mutex::new(jobs);
        thread::scope(|scope| {
            for _ in 0..n_threads {
                scope.spawn(|| self.work(&jobs));
            }
            let writer = scope.spawn(|| self.write(promised, place));
            let read = self.read(&mut bytes, &mut stream, |chunk| {
                let (tell, outcome) = sync_channel(1);
                // It fails where the writer has failed, and says why.
                promise.send(outcome).is_ok() && hand_out.send((chunk, tell)).is_ok()
            });
            drop((promise, hand_out));
            let written = writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            // What the writer found stands further up in the file than what the reader did.
            let (totals, place) = written?;
            read?;
            place.write(stream.rest())?;
            Ok(totals)
        })
    }

    fn read(
        &self,
        bytes: &mut Bytes<'_>,
        stream: &mut CsvStream,
        mut hand_over: impl FnMut(CsvChunk) -> bool,
    ) -> anyhow::Result<()> {
        loop {
            self.context.go_on()?;
            match stream.next_chunk() {
                Err(error) => return Err(self.run.source.refused(error, None)),
                Ok(Some(chunk)) => {
                    if !hand_over(chunk) {
                        return Ok(());
                    }
                }
                Ok(None) if stream.is_finished() => return Ok(()),
                Ok(None) => bytes.push_into(stream)?,
            }
        }
    }

    fn work(&self, jobs: &Mutex<Receiver<Job>>) {
        let next = || jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        while let Ok((chunk, tell)) = next() {
            // Nobody listens where an earlier chunk has failed.
            let _ = tell.send(self.predict_chunk(&chunk));
        }
    }

    fn write<'p>(
        &self,
        promised: Receiver<Receiver<Outcome>>,
        place: &'p mut Place,
    ) -> anyhow::Result<(Totals, &'p mut Place)> {
        let source = self.run.source;
        let mut progress = PredictProgress::new(source.n_bytes());
        let mut totals = Totals::default();
        for outcome in promised {
            let Ok(outcome) = outcome.recv() else {
                anyhow::bail!("a thread that predicts has panicked")
            };
            let predicted = outcome?;
            self.context.go_on()?;
            place.write(&predicted.bytes)?;
            totals.n_rows += predicted.n_rows;
            totals.warnings.extend(predicted.warnings);
            progress.advance(predicted.n_rows, source.n_read().load(Ordering::Relaxed));
        }
        Ok((totals, place))
    }

    fn predict_chunk(&self, chunk: &CsvChunk) -> Outcome {
        let Run { version, source, .. } = self.run;
        let signature = &version.manifest.signature;
        let request = chunk.read(signature, self.header, OPTIONS).map_err(|error| {
            let line = error.row().map(|row| chunk.line_of(row));
            source.refused(error, line)
        })?;
        let mut predictions = vec![0.0; chunk.n_rows()];
        let work_per_row = version.pipeline.work_per_row().max(1);
        let look_rows = (LOOK_WORK / work_per_row).max(1);
        let values = request.rows.values().chunks(look_rows * signature.n_features());
        for (values, out) in values.zip(predictions.chunks_mut(look_rows)) {
            self.context.go_on()?;
            version.pipeline.predict_into(values, out);
        }
        if let Some(row) = predictions.iter().position(|prediction| !prediction.is_finite()) {
            let row = chunk.first_row() + row;
            anyhow::bail!(
                "{}, line {}: the prediction for row {row} is not a finite number: its values are too large for the model",
                source.shown(),
                chunk.line_of(row),
            );
        }
        let bytes = with_predictions(chunk, &predictions)?;
        Ok(Predicted { bytes, n_rows: chunk.n_rows() as u64, warnings: request.warnings })
    }
}

/// The bytes of a chunk as they came, and behind each row its prediction, written as JSON has it.
fn with_predictions(chunk: &CsvChunk, predictions: &[f64]) -> anyhow::Result<Vec<u8>> {
    /// What a number takes with its comma, mostly.
    const NUMBER_BYTES: usize = 20;
    let mut out = Vec::with_capacity(chunk.bytes().len() + NUMBER_BYTES * predictions.len());
    let mut written = 0;
    for (end, prediction) in chunk.row_ends().zip(predictions) {
        out.extend_from_slice(&chunk.bytes()[written..end]);
        out.push(b',');
        serde_json::to_writer(&mut out, prediction)?;
        written = end;
    }
    Ok(out)
}
