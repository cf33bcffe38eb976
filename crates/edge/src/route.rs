//! Routes of REST protocols: method and path pattern to operation, the most fixed pattern first.
//!
//! # Format
//! `/2015-03-31/functions/{FunctionName}/invocations`; `{Key+}` takes all that is left, slashes included. A route may ask
//! for query parameters: `("uploads", None)` for one that is there, `("list-type", Some("2"))` for a value.
//!
//! # Algorithm
//! Every route that matches is ranked: by fixed segments, then by parameters without a plus, then by query parameters
//! asked for. The highest rank wins, whatever the order of the tables and services.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// One row of a service's routes.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// The HTTP method.
    pub method: &'static str,
    /// The path.
    pub path: &'static str,
    /// Query parameters that have to be there.
    pub query: &'static [(&'static str, Option<&'static str>)],
    /// The operation's name.
    pub operation: &'static str,
}

/// Fixed part of a route; greater is more specific.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    fixed: usize,
    single: usize,
    query: usize,
}

/// Values of the parameters in a path, by the names in the pattern, percent-decoded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PathParameters(Vec<(&'static str, String)>);

impl PathParameters {
    /// The value of a parameter; empty if the pattern has none of this name.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(other, _)| *other == name).map_or("", |(_, value)| value)
    }
}

impl Route {
    /// The parameters and the rank, if this is the route of a request.
    pub(crate) fn matches(&self, method: &str, path: &str, query: &str) -> Option<(Rank, PathParameters)> {
        if self.method != method || !self.query.iter().all(|wanted| has_parameter(query, *wanted)) {
            return None;
        }
        let mut rank = Rank { fixed: 0, single: 0, query: self.query.len() };
        let mut parameters = PathParameters::default();
        let mut rest = path.strip_prefix('/')?;
        let mut patterns = self.path.strip_prefix('/')?.split('/').peekable();
        while let Some(pattern) = patterns.next() {
            if let Some(name) = pattern.strip_prefix('{').and_then(|name| name.strip_suffix("+}")) {
                parameters.0.push((name, decoded(rest)?));
                return (!rest.is_empty()).then_some((rank, parameters));
            }
            let is_last = patterns.peek().is_none();
            let segment = match (rest.split_once('/'), is_last) {
                (Some((segment, after)), false) => {
                    rest = after;
                    segment
                }
                // A slash at the end changes nothing.
                (Some((segment, "")), true) => segment,
                (None, true) => rest,
                _ => return None,
            };
            match pattern.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
                Some(name) => {
                    if segment.is_empty() {
                        return None;
                    }
                    rank.single += 1;
                    parameters.0.push((name, decoded(segment)?));
                }
                None if pattern == segment => rank.fixed += usize::from(!pattern.is_empty()),
                None => return None,
            }
        }
        Some((rank, parameters))
    }
}

fn decoded(text: &str) -> Option<String> {
    percent_decode_str(text).decode_utf8().ok().map(Cow::into_owned)
}

fn has_parameter(query: &str, (name, value): (&str, Option<&str>)) -> bool {
    let mut pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.any(|(given, is)| given == name && value.is_none_or(|wanted| is == wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(path: &'static str, query: &'static [(&'static str, Option<&'static str>)]) -> Route {
        Route { method: "GET", path, query, operation: "X" }
    }

    fn check(pattern: &'static str, path: &str, expected: Option<&[(&'static str, &str)]>) {
        let found = route(pattern, &[]).matches("GET", path, "").map(|(_, parameters)| parameters);
        let expected =
            expected.map(|pairs| PathParameters(pairs.iter().map(|(k, v)| (*k, (*v).to_owned())).collect()));
        assert_eq!(found, expected, "{pattern} against {path}");
    }

    #[test]
    fn patterns_take_whole_segments() {
        check("/", "/", Some(&[]));
        check("/a/{B}/c", "/a/x%20y/c", Some(&[("B", "x y")]));
        check("/a/{B}/c", "/a//c", None);
        check("/a/{B}", "/a/b/", Some(&[("B", "b")]));
        check("/a/{B}", "/a/b/c", None);
        check("/{Bucket}/{Key+}", "/b/a//../c%2Fd", Some(&[("Bucket", "b"), ("Key", "a//../c/d")]));
        check("/{Bucket}/{Key+}", "/b/", None);
        check("/a", "/%ff", None);
        check("/{A}", "/%ff", None);
    }

    #[test]
    fn the_more_fixed_route_ranks_higher() {
        let rank = |route: Route, path, query| route.matches("GET", path, query).map(|(rank, _)| rank);
        let path = "/2015-03-31/functions/f";
        let function = rank(route("/2015-03-31/functions/{F}", &[]), path, "");
        let object = rank(route("/{Bucket}/{Key+}", &[]), path, "");
        assert!(function > object && object.is_some());
        let listed = rank(route("/{Bucket}", &[("list-type", Some("2"))]), "/b", "list-type=2&prefix=x");
        let older = rank(route("/{Bucket}", &[]), "/b", "list-type=2&prefix=x");
        assert!(listed > older && older.is_some());
        assert!(rank(route("/{Bucket}", &[("list-type", Some("2"))]), "/b", "list-type=1").is_none());
    }
}
