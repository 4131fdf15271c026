//! Clients of the champion can go on as they are.

use registry::GateRecord;
use schema::Signature;
use serde_json::json;

use super::{Champion, Contest, figures, record, skipped, verdict};
use crate::text::name;

const GATE: &str = "signature";

/// What differs between two signatures, in the names of features.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    /// Required since.
    pub(crate) added: Vec<String>,
    /// Refused since.
    pub(crate) removed: Vec<String>,
    /// Of another dtype since.
    pub(crate) retyped: Vec<String>,
    /// No longer taken when missing.
    pub(crate) required: Vec<String>,
    /// At another place since, where all else is the same: rows sent as arrays would be read in the wrong order.
    pub(crate) reordered: Vec<String>,
}

impl Changes {
    /// From the signature that is served to another.
    pub(crate) fn between(served: &Signature, new: &Signature) -> Self {
        let mut changes = Self::default();
        for feature in new.features() {
            match served.index_of(&feature.name, 0).map(|place| &served.features()[place]) {
                None => changes.added.push(feature.name.clone()),
                Some(before) if before.dtype != feature.dtype => {
                    changes.retyped.push(feature.name.clone());
                }
                Some(before) if before.nullable && !feature.nullable => {
                    changes.required.push(feature.name.clone());
                }
                Some(_) => {}
            }
        }
        let names = served.features().iter().map(|feature| &feature.name);
        changes.removed = names.filter(|name| new.index_of(name, 0).is_none()).cloned().collect();
        if changes.added.is_empty() && changes.removed.is_empty() {
            let pairs = served.features().iter().zip(new.features());
            let moved = pairs.filter(|(before, after)| before.name != after.name);
            changes.reordered = moved.map(|(_, after)| after.name.clone()).collect();
        }
        changes
    }

    fn kinds(&self) -> [(&'static str, &Vec<String>); 5] {
        [
            ("added", &self.added),
            ("removed", &self.removed),
            ("retyped", &self.retyped),
            ("no longer taken when missing", &self.required),
            ("in another order, which rows sent as arrays do not notice", &self.reordered),
        ]
    }

    fn is_none(&self) -> bool {
        self.kinds().iter().all(|(_, names)| names.is_empty())
    }
}

pub(super) fn judge(contest: &Contest<'_>) -> GateRecord {
    let champion = match contest.champion {
        Champion::None(reason) => return skipped(GATE, reason),
        Champion::Unreadable { version, .. } => {
            return skipped(GATE, format!("that of version {version} cannot be read"));
        }
        Champion::Version(champion) => &champion.manifest,
    };
    let (ours, theirs) = (&contest.candidate.manifest.signature, &champion.signature);
    let served = champion.version;
    let changes = Changes::between(theirs, ours);
    if changes.is_none() {
        let n = ours.n_features();
        return record(
            GATE,
            verdict(true),
            format!("the features are those of version {served}"),
            figures([("n_features", json!(n))]),
        );
    }
    let said: Vec<String> = changes
        .kinds()
        .iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(kind, names)| {
            let names: Vec<_> = names.iter().map(|text| format!("`{}`", name(text))).collect();
            format!("{kind} {}", names.join(", "))
        })
        .collect();
    let allowed = contest.limits.allow_breaking;
    let advice = if allowed {
        "allowed by --allow-breaking"
    } else {
        "clients that go on as they are would be refused; --allow-breaking once they have changed"
    };
    let detail =
        format!("the features are not those of version {served}: {}; {advice}", said.join("; "));
    let changes = figures([
        ("added", json!(changes.added)),
        ("removed", json!(changes.removed)),
        ("retyped", json!(changes.retyped)),
        ("required", json!(changes.required)),
        ("reordered", json!(changes.reordered)),
    ]);
    record(GATE, verdict(allowed), detail, changes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signature(features: serde_json::Value) -> Signature {
        let range = json!({"minimum": 0.0, "maximum": 1.0});
        let output = json!({"name": "y", "dtype": "number", "range": range});
        serde_json::from_value(json!({"features": features, "outputs": [output]}))
            .expect("a signature")
    }

    #[test]
    fn finds_what_would_refuse_a_client() {
        let before = signature(json!([
            {"name": "a", "dtype": "number"}, {"name": "b", "dtype": "integer", "nullable": true},
            {"name": "c", "dtype": "boolean"},
        ]));
        let after = signature(json!([
            {"name": "d", "dtype": "number"}, {"name": "b", "dtype": "integer"},
            {"name": "a", "dtype": "integer"},
        ]));
        let changes = Changes::between(&before, &after);
        let names = |name: &str| vec![name.to_owned()];
        let expected = Changes {
            added: names("d"),
            removed: names("c"),
            retyped: names("a"),
            required: names("b"),
            reordered: vec![],
        };
        assert_eq!(changes, expected);
        assert!(Changes::between(&before, &before).is_none());
        let turned = signature(json!([
            {"name": "b", "dtype": "integer", "nullable": true}, {"name": "a", "dtype": "number"},
            {"name": "c", "dtype": "boolean"},
        ]));
        assert_eq!(Changes::between(&before, &turned).reordered, ["b", "a"]);
    }
}
