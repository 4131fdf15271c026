//! Counting a request's rows by the bins of the baseline: what every answer pays.

mod data;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use inference::Distribution;
use registry::Manifest;
use schema::ReadOptions;
use testkit::TempRegistry;
use tokio::runtime::Runtime;

fn count(criterion: &mut Criterion) {
    let distribution = Distribution::new(&manifest()).expect("the baseline fits");
    let signature = data::signature(true);
    for n_rows in [1, 64, 1024] {
        let body = data::objects(&signature, n_rows, data::IN_ORDER);
        let request =
            signature.read_json(body.as_bytes(), ReadOptions::default()).expect("it fits");
        let predictions: Vec<_> = data::rows(n_rows).column(0).collect();
        let mut group = criterion.benchmark_group("distribution/diamonds");
        group.throughput(Throughput::Elements(n_rows as u64));
        group.bench_function(format!("{n_rows}rows"), |bencher| {
            bencher.iter(|| {
                distribution.count(black_box(&request.rows), &predictions, &request.warnings);
            });
        });
        group.finish();
    }
}

fn manifest() -> Manifest {
    let temp = TempRegistry::new();
    Runtime::new().expect("a runtime").block_on(async {
        let version = temp.publish(data::draft()).await;
        let model = "diamonds".parse().expect("a valid name");
        temp.registry.manifest(&model, version).await.expect("it is there")
    })
}

criterion_group!(benches, count);
criterion_main!(benches);
