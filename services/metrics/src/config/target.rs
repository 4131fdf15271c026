//! Where replicas are: a server each, or a name whose every address is one.

use std::fmt;
use std::str::FromStr;

use http::uri::Authority;

/// An entry of `--targets`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Target {
    /// One server.
    Server(Authority),
    /// Every address that the name has is a server.
    Name(Authority),
}

/// The port of http where none is given.
const DEFAULT_PORT: u16 = 80;

impl Target {
    /// Host, without the brackets of an IPv6 address, and port.
    pub(crate) fn host_and_port(&self) -> (&str, u16) {
        let (Self::Server(authority) | Self::Name(authority)) = self;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        (host, authority.port_u16().unwrap_or(DEFAULT_PORT))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(authority) => write!(f, "http://{authority}"),
            Self::Name(authority) => write!(f, "dns+http://{authority}"),
        }
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let hint = "write it as http://host:8000 or dns+http://name:8000";
        let (make, rest): (fn(Authority) -> Self, _) = match text.split_once("://") {
            Some(("http", rest)) => (Self::Server, rest),
            Some(("dns+http", rest)) => (Self::Name, rest),
            _ => return Err(hint.to_owned()),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let authority: Authority = authority.parse().map_err(|error| format!("{error}; {hint}"))?;
        if authority.as_str().contains('@') || authority.host().is_empty() {
            return Err(hint.to_owned());
        }
        Ok(make(authority))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_server_or_a_name_of_many() {
        let read = |text: &str| text.parse::<Target>();
        let one = read("http://inference:8000/").unwrap();
        assert_eq!(
            (one.to_string().as_str(), one.host_and_port()),
            ("http://inference:8000", ("inference", 8000))
        );
        let many = read("dns+http://inference-pods").unwrap();
        assert!(matches!(many, Target::Name(_)));
        assert_eq!(many.host_and_port(), ("inference-pods", 80));
        assert_eq!(read("http://[::1]:9").unwrap().host_and_port(), ("::1", 9));
        for wrong in
            ["", "inference:8000", "https://a", "http://", "http://a/metrics", "http://u:p@a"]
        {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
