use clap::Parser;
use registry::{Mode, Standing};
use service_kit::health::Readiness;
use service_kit::metrics::Exporter;
use testkit::{TempRegistry, draft};

use super::*;
use crate::challenger::{Terms, TrialSettings};
use crate::config::Config;
use crate::ready_board::ReadyBoard;
use crate::recording::Recording;
use crate::veto::{Veto, VetoReason};

/// A champion and a challenger, and a queue that nobody empties.
struct Bench {
    served: Arc<ServedModel>,
    champion: Arc<ActiveModel>,
    challenger: Arc<Challenger>,
    comparison: Comparison,
    waiting: mpsc::Receiver<Job>,
    exporter: Exporter,
    terms: Terms,
}

impl Bench {
    async fn new(challenger: registry::Draft) -> Self {
        let config = Config::parse_from(["canopy-inference", "--model=m", "--allow-anonymous"]);
        let exporter = Exporter::new();
        let recording = Recording::new(&config.events, &exporter).expect("no events");
        let temp = TempRegistry::new();
        let name = &config.source.model[0];
        let board = Arc::new(ReadyBoard::new(Readiness::new(), &config.source.model));
        let served = Arc::new(ServedModel::new(name, &config, &recording, &board));
        let load = async |draft| {
            let version = temp.publish(draft).await;
            let version = temp.registry.load(name, version).await.expect("it is whole");
            let unknown_features = config.requests.unknown_features.into();
            Arc::new(ActiveModel::new(version, &served.series, unknown_features))
        };
        let champion = load(draft("m", 100.0)).await;
        let challenger = load(challenger).await;
        let settings = TrialSettings { mode: Mode::Shadow, percent: 0.0 };
        let limits = (&config.challenger.veto).into();
        let terms = Terms { standing: Standing::default(), settings, limits };
        served.challenger.start(Challenger::new(challenger, &champion, terms.clone(), &exporter));
        let challenger = served.challenger.running().expect("it was just started");
        let (sender, waiting) = mpsc::channel(MAX_WAITING);
        let comparison = Comparison {
            sender: Some(sender),
            waiting_bytes: Arc::default(),
            thread: std::thread::current(),
        };
        Self { served, champion, challenger, comparison, waiting, exporter, terms }
    }

    fn offer(&self, body: &[u8]) {
        self.comparison.offer(Answered {
            served: &self.served,
            champion: Arc::clone(&self.champion),
            challenger: Arc::clone(&self.challenger),
            body,
            format: BodyFormat::Json,
            options: ReadOptions::default(),
        });
    }

    /// What comparing one body says.
    fn compare(&mut self, body: &str) -> Option<Compared> {
        self.offer(body.as_bytes());
        self.waiting.try_recv().expect("there was room").compare(true)
    }

    fn dropped(&self, reason: &str) -> bool {
        let line =
            format!("canopy_challenger_dropped_total{{model=\"m\",reason=\"{reason}\"}} 1\n");
        self.exporter.render().contains(&line)
    }
}

const ROW: &str = r#"{"features": {"carat": 0.5, "cut": "Ideal", "grade": 3}}"#;

#[tokio::test]
async fn holds_so_many_requests_and_drops_the_next_at_once() {
    let mut bench = Bench::new(draft("m", 101.0)).await;
    (0..MAX_WAITING).for_each(|_| bench.offer(ROW.as_bytes()));
    assert!(!bench.dropped("queue_full"));
    bench.offer(ROW.as_bytes());
    assert!(bench.dropped("queue_full"));
    drop(bench.waiting.try_recv());
    bench.offer(ROW.as_bytes());
    assert!(bench.dropped("queue_full"), "there was room again");
}

#[tokio::test]
async fn holds_so_many_bytes_and_gives_them_back() {
    let mut bench = Bench::new(draft("m", 101.0)).await;
    let large = vec![b' '; MAX_BODY_BYTES];
    (0..MAX_WAITING_BYTES / MAX_BODY_BYTES).for_each(|_| bench.offer(&large));
    assert!(!bench.dropped("queue_full"));
    bench.offer(b" ");
    assert!(bench.dropped("queue_full"));
    assert_eq!(bench.comparison.waiting_bytes.load(Ordering::Relaxed), MAX_WAITING_BYTES);
    while let Ok(job) = bench.waiting.try_recv() {
        drop(job);
    }
    assert_eq!(bench.comparison.waiting_bytes.load(Ordering::Relaxed), 0);

    bench.offer(&vec![b' '; MAX_BODY_BYTES + 1]);
    assert!(bench.dropped("body_too_large"));
    assert!(bench.waiting.try_recv().is_err());
}

#[tokio::test]
async fn compares_the_first_rows_by_the_spread_of_the_champion_s_target() {
    let mut bench = Bench::new(draft("m", 101.0)).await;
    let Some(Compared::Both(measured)) = bench.compare(ROW) else { panic!("both predict") };
    assert_eq!((measured.divergence, measured.n_rows), (2.0, 1), "202 and 200, spread 1");
    let many = vec![r#"[0.5,"Fair",1]"#; MAX_ROWS + 1].join(",");
    let many = format!("{{\"instances\":[{many}]}}");
    let Some(Compared::Both(measured)) = bench.compare(&many) else { panic!("both predict") };
    assert_eq!((measured.divergence, measured.n_rows), (1.0, MAX_ROWS));
}

#[tokio::test]
async fn what_is_no_number_is_a_failure_and_what_the_champion_refuses_is_nothing() {
    // Two leaves of 1.5e308 are finite, and their sum is not.
    let mut infinite = draft("m", 5e307);
    infinite.golden.instances.truncate(1);
    infinite.golden.predictions.truncate(1);
    let mut bench = Bench::new(infinite).await;
    let row = r#"{"features": {"carat": 1.5, "cut": "Ideal", "grade": 3}}"#;
    assert_eq!(bench.compare(row), Some(Compared::Failed));
    let line =
        "canopy_challenger_requests_total{model=\"m\",version=\"2\",outcome=\"not_finite\"} 1\n";
    assert!(bench.exporter.render().contains(line));
    assert_eq!(bench.compare("{}"), None);
}

#[tokio::test]
async fn a_request_from_before_the_trial_ended_is_not_counted() {
    let mut bench = Bench::new(draft("m", 101.0)).await;
    bench.offer(ROW.as_bytes());
    let job = bench.waiting.try_recv().expect("there was room");
    bench.served.challenger.stop();
    let (_sender, receiver) = mpsc::channel(1);
    let mut worker =
        Worker { receiver, challenger_first: false, unshown: Vec::new(), n_unshown: 0 };
    worker.take(&job);
    assert_eq!(bench.challenger.trial.work_out().n_requests, 0);
}

#[tokio::test]
async fn whoever_sees_that_a_trial_is_over_sees_why() {
    let bench = Bench::new(draft("m", 101.0)).await;
    let slot = &bench.served.challenger;
    for _ in 0..2_000 {
        slot.start(Challenger::new(
            Arc::clone(&bench.challenger.model),
            &bench.champion,
            bench.terms.clone(),
            &bench.exporter,
        ));
        let challenger = slot.running().expect("it was just started");
        let veto = Veto { reason: VetoReason::Errors, figure: 1.0, limit: 0.01, n_requests: 100 };
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while slot.running().is_some() {}
                assert!(slot.stopped().is_some(), "it would be started anew");
            });
            slot.veto(&challenger, veto);
        });
    }
}
