//! The time series: promtool likes them, their names are known, and what is gone is not told of any more.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use registry::CHALLENGER;
use rusqlite::Connection;
use serde_json::{Value, json};
use testkit::{TempRegistry, draft};

use crate::helpers::{Service, eventually};
use crate::replica::Replica;

/// Sums over all minutes of the database, as another process reads it.
pub(crate) async fn sum_of(service: &Service, table: &str) -> Value {
    let path = service.data.path().join("metrics.sqlite");
    let connection = Connection::open(path).expect("the database");
    let sql = format!(
        "SELECT sum(answered), sum(refused), sum(failed) FROM {table}_minutes WHERE route = 'predict'"
    );
    let sums = connection.query_row(&sql, [], |row| {
        Ok(json!({
            "answered": row.get::<_, i64>(0)?,
            "refused": row.get::<_, i64>(1)?,
            "failed": row.get::<_, i64>(2)?,
        }))
    });
    sums.expect("sums")
}

fn names(text: &str) -> Vec<&str> {
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let mut names: Vec<_> = types.filter(|name| !name.starts_with("canopy_process")).collect();
    names.sort_unstable();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn promtool_likes_them_and_a_challenger_that_is_gone_is_told_of_no_more() {
    let temp = TempRegistry::new();
    let model = "diamonds".parse().expect("a name");
    temp.publish(draft("diamonds", 100.0)).await;
    temp.publish(draft("diamonds", 200.0)).await;
    temp.set_alias(&model, CHALLENGER, 2).await;
    let replica = Replica::start(&temp).await;
    let service = Service::start(&[replica.url()], temp.location()).await;
    replica.predict(200).await.expect("it answers");
    let challenger = "canopy_training_rmse{model=\"diamonds\",version=\"2\"} 1\n";
    let rows = "canopy_drift_rows{model=\"diamonds\",version=\"1\",window=\"24h\"} 200\n";
    let text = eventually("both versions and the rows are told of", async || {
        let is_whole = |text: &String| text.contains(challenger) && text.contains(rows);
        Some(service.metrics().await).filter(is_whole)
    })
    .await;
    insta::assert_snapshot!(names(&text).join("\n"));
    for line in [
        "canopy_champion_version{model=\"diamonds\"} 1\n",
        "canopy_fleet_replicas{state=\"ready\"} 1\n",
        "canopy_fleet_replicas{state=\"unreachable\"} 0\n",
        "canopy_alias_moves_total{model=\"diamonds\",alias=\"challenger\",action=\"promoted\"} 1\n",
        "canopy_model_version_created_timestamp_seconds{model=\"diamonds\",version=\"1\"} 1767225601\n",
        "canopy_registry_readable 1\n",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    check(&text);
    temp.set_alias(&model, CHALLENGER, 1).await;
    eventually("the challenger is gone", async || {
        (!service.metrics().await.contains(challenger)).then_some(())
    })
    .await;
}

/// `promtool check metrics`: the format, and the conventions of names.
fn check(text: &str) {
    if !Path::new("/usr/bin/promtool").exists() {
        assert!(
            std::env::var_os("CI").is_none(),
            "CI must have promtool, of Debian's package prometheus"
        );
        eprintln!("skipped: needs promtool");
        return;
    }
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool runs");
    promtool.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("written");
    let output = promtool.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stdout));
}
