//! What a location names, and the form of it that may be shown: without user, password and query.

use reqwest::Url;

/// Where a table lies that is not on a disk.
#[derive(Debug, PartialEq)]
pub(super) enum Address {
    /// `http://` or `https://`.
    Web(Url),
    /// `s3://bucket/key`.
    Bucket { bucket: String, key: String },
}

impl Address {
    /// The address and how to show it; none for a path and for `synthetic:…`.
    pub(super) fn of(location: &str) -> anyhow::Result<Option<(Self, String)>> {
        let Some((scheme, rest)) = location.split_once("://") else {
            return Ok(None);
        };
        match scheme.to_ascii_lowercase().as_str() {
            "http" | "https" => web(location, scheme).map(Some),
            "s3" => bucket(rest).map(Some),
            // What stands behind it may be a password.
            _ => anyhow::bail!(
                "`{scheme}://…` is not a place to read from: expected a path, `https://…`, `http://…`, \
                 `s3://bucket/key` or `synthetic:demand`"
            ),
        }
    }

    /// Whether anybody on the way could have changed the table.
    pub(super) fn is_plain(&self) -> bool {
        matches!(self, Self::Web(url) if url.scheme() == "http")
    }
}

fn web(location: &str, scheme: &str) -> anyhow::Result<(Address, String)> {
    let url = Url::parse(location).map_err(|error| {
        anyhow::anyhow!("`{scheme}://…` is not a URL: {error}; expected `https://host/path`")
    })?;
    let shown = shown(&url);
    Ok((Address::Web(url), shown))
}

/// A URL without what may be secret: a presigned one has its signature in the query.
pub(super) fn shown(url: &Url) -> String {
    let mut shown = url.clone();
    shown.set_fragment(None);
    // Fails only for URLs without a host, which have no user either.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown.set_query(None);
    format!("{shown}{}", if url.query().is_some() { "?…" } else { "" })
}

fn bucket(rest: &str) -> anyhow::Result<(Address, String)> {
    let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
    anyhow::ensure!(
        !bucket.contains('@'),
        "`s3://…@…` holds credentials; give them as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    );
    anyhow::ensure!(!bucket.is_empty(), "`s3://` names no bucket; expected `s3://bucket/key`");
    let (before, query) = key.split_once('?').map_or((key, ""), |(before, _)| (before, "?…"));
    let shown = format!("s3://{bucket}/{before}{query}");
    anyhow::ensure!(
        !key.is_empty() && !key.ends_with('/'),
        "`{shown}` names no object; expected `s3://bucket/key`, such as `s3://{bucket}/{key}data.csv`"
    );
    Ok((Address::Bucket { bucket: bucket.to_owned(), key: key.to_owned() }, shown))
}

/// Text of a library as it may be shown: URLs in it without what may be secret.
pub(super) fn without_secrets(text: &str) -> String {
    let word = |word: &str| {
        let Some((scheme, rest)) = word.split_once("://") else {
            return word.to_owned();
        };
        let (path, query) =
            rest.split_once(['?', '#']).map_or((rest, ""), |(path, _)| (path, "?…"));
        let host = path.find('/').unwrap_or(path.len());
        let user = path[..host].rfind('@').map_or(0, |at| at + 1);
        format!("{scheme}://{}{query}", &path[user..])
    };
    text.split_whitespace().map(word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown_of(location: &str) -> String {
        Address::of(location).expect("an address").expect("elsewhere").1
    }

    fn refusal(location: &str) -> String {
        Address::of(location).expect_err(location).to_string()
    }

    #[test]
    fn shows_no_credentials() {
        let cases = [
            ("https://me:hunter2@host/data.csv", "https://host/data.csv"),
            (
                "https://host:8443/a%20b.csv?X-Amz-Signature=hunter2#hunter2",
                "https://host:8443/a%20b.csv?…",
            ),
            ("HTTPS://host/data.csv#hunter2", "https://host/data.csv"),
            ("s3://bucket/data/v1.csv?hunter2", "s3://bucket/data/v1.csv?…"),
        ];
        for (location, expected) in cases {
            assert_eq!(shown_of(location), expected);
        }
        for location in [
            "https://me:hunter2@",
            "https://me:hunter2@host:port/data.csv?hunter2",
            "s3://id:hunter2@bucket/data.csv",
            "ftp://me:hunter2@host/data.csv",
            "s3:///data.csv?hunter2",
        ] {
            assert!(!refusal(location).contains("hunter2"), "{}", refusal(location));
        }
        let text = "request to http://sts.amazonaws.com/?WebIdentityToken=hunter2 and https://me:hunter2@h/p failed";
        assert_eq!(
            without_secrets(text),
            "request to http://sts.amazonaws.com/?… and https://h/p failed"
        );
    }

    #[test]
    fn tells_paths_from_addresses() {
        for path in ["data.csv", "/data/a:b.csv", "synthetic:demand?rows=10", "C:\\data.csv"] {
            assert_eq!(Address::of(path).expect("a path"), None);
        }
        let (address, _) =
            Address::of("s3://bucket/a/b.csv").expect("an address").expect("elsewhere");
        assert_eq!(address, Address::Bucket { bucket: "bucket".into(), key: "a/b.csv".into() });
        let (plain, _) = Address::of("http://host/b.csv").expect("an address").expect("elsewhere");
        assert!(plain.is_plain() && !address.is_plain());
    }

    #[test]
    fn names_what_there_is_to_choose_from() {
        let gs = refusal("gs://bucket/data.csv");
        assert!(gs.starts_with("`gs://…` is not a place to read from"), "{gs}");
        assert!(gs.contains("`https://…`") && gs.contains("`s3://bucket/key`"), "{gs}");
        for location in ["s3://bucket", "s3://bucket/", "s3://bucket/folder/"] {
            assert!(refusal(location).contains("names no object; expected `s3://bucket/key`"));
        }
    }
}
