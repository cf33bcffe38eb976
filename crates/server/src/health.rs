//! The state of the server's parts, as `/health` tells it.
//!
//! # Constraints
//! Open to everybody: it names no stream, no table and no path. The log has those.

use http::StatusCode;
use serde::Serialize;

/// The state of one part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Condition {
    /// It does all it should.
    Sound,
    /// Some of what it holds cannot be served; the rest is.
    Degraded(String),
    /// It does not work.
    Failed(String),
}

/// Parts by name.
#[derive(Debug, Default)]
pub(crate) struct Health {
    components: Vec<(&'static str, Condition)>,
}

#[derive(Serialize)]
struct Shown {
    status: &'static str,
    #[serde(skip_serializing_if = "serde_json::Map::is_empty")]
    components: serde_json::Map<String, serde_json::Value>,
}

impl Health {
    pub(crate) fn add(&mut self, component: &'static str, condition: Condition) {
        self.components.push((component, condition));
    }

    /// 503 if a part does not work at all: a server that serves most of what it has is not to be taken out of service.
    pub(crate) fn status(&self) -> StatusCode {
        match self.has_failed() {
            true => StatusCode::SERVICE_UNAVAILABLE,
            false => StatusCode::OK,
        }
    }

    fn has_failed(&self) -> bool {
        self.components.iter().any(|(_, condition)| matches!(condition, Condition::Failed(_)))
    }

    /// A line of JSON.
    pub(crate) fn body(&self) -> String {
        let told = self.components.iter().filter_map(|(component, condition)| match condition {
            Condition::Sound => None,
            Condition::Degraded(text) | Condition::Failed(text) => {
                Some(((*component).to_owned(), text.as_str().into()))
            }
        });
        let components: serde_json::Map<_, _> = told.collect();
        let status = match (self.has_failed(), components.is_empty()) {
            (true, _) => "failed",
            (false, true) => "ok",
            (false, false) => "degraded",
        };
        let shown = Shown { status, components };
        let text = serde_json::to_string(&shown).unwrap_or_else(|_| format!("{{\"status\":\"{status}\"}}"));
        text + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_fails_is_named_and_fails_the_whole() {
        let told = |conditions: [Condition; 2]| {
            let mut health = Health::default();
            let [store, tables] = conditions;
            health.add("store", store);
            health.add("tables", tables);
            (health.status().as_u16(), health.body())
        };
        use Condition::{Degraded, Failed, Sound};
        assert_eq!(told([Sound, Sound]), (200, "{\"status\":\"ok\"}\n".to_owned()));
        let degraded = "{\"status\":\"degraded\",\"components\":{\"tables\":\"one \\\"x\\\"\"}}\n";
        assert_eq!(told([Sound, Degraded("one \"x\"".into())]), (200, degraded.to_owned()));
        let failed = "{\"status\":\"failed\",\"components\":{\"store\":\"a\",\"tables\":\"b\"}}\n";
        assert_eq!(told([Failed("a".into()), Degraded("b".into())]), (503, failed.to_owned()));
    }
}
