//! The model alone, by the forest's shape: 1,000 rows at once, and one row.

mod data;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// Name, trees, leaves a tree.
const SHAPES: [(&str, usize, usize); 5] = [
    ("1x31", 1, 31),
    ("100xdepth10", 100, 1024),
    ("200x31", 200, 31),
    ("1000x64", 1000, 64),
    ("10x4096", 10, 4096),
];
const BATCH_ROWS: usize = 1000;

fn kernel(criterion: &mut Criterion) {
    let signature = data::signature(false);
    let rows = data::rows(BATCH_ROWS);
    let mut out = vec![0.0; BATCH_ROWS];
    for (shape, n_trees, n_leaves) in SHAPES {
        let pipeline = data::pipeline(&signature, n_trees, n_leaves);
        let mut group = criterion.benchmark_group(format!("kernel/{shape}"));
        group.throughput(Throughput::Elements(BATCH_ROWS as u64));
        group.bench_function("1000rows", |bencher| {
            bencher.iter(|| pipeline.predict_into(black_box(rows.values()), &mut out));
        });
        group.throughput(Throughput::Elements(1));
        // Another row each time: the same one would teach the branch predictor its way.
        let mut next = (0..BATCH_ROWS).cycle();
        group.bench_function("1row", |bencher| {
            bencher.iter(|| {
                let row = rows.row(next.next().unwrap_or_default());
                pipeline.predict_into(black_box(row), &mut out[..1]);
            });
        });
        group.finish();
    }
}

criterion_group!(benches, kernel);
criterion_main!(benches);
