//! `GET /health`: can this server do its work, and if not quite, what is wrong.
//!
//! A part of the server that can be unwell says so by a probe. The status is for load balancers and supervisors: 503 only
//! where requests had better go elsewhere, or a restart helps. Stored data that is damaged, a full disk and the like are
//! told in the body with 200: everything else is served as well as ever, and neither a restart nor another address mends
//! them; metrics and their alarms are for that. The page is open to everybody, so it names no stream and no file.

use std::fmt;
use std::sync::Arc;

use http::StatusCode;
use serde::Serialize;

/// Health of a part of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    /// Well.
    Well,
    /// It serves, but somebody should look: why, for people.
    Impaired(String),
    /// It does not do what it is for.
    Down(String),
}

/// Asks a part how it is. Called for each request, so it must neither wait nor work.
pub(crate) type Probe = Arc<dyn Fn() -> State + Send + Sync>;

/// All parts that can be unwell.
#[derive(Clone, Default)]
pub(crate) struct Health {
    probes: Vec<(&'static str, Probe)>,
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.probes.iter().map(|(component, _)| component)).finish()
    }
}

/// The answer's body.
#[derive(Debug, Serialize)]
struct Report {
    status: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    components: Vec<Trouble>,
}

#[derive(Debug, Serialize)]
struct Trouble {
    component: &'static str,
    state: &'static str,
    what: String,
}

impl Health {
    /// Adds a part of the server.
    pub(crate) fn add(&mut self, component: &'static str, probe: impl Fn() -> State + Send + Sync + 'static) {
        self.probes.push((component, Arc::new(probe)));
    }

    /// The status and the body, JSON on one line.
    pub(crate) fn report(&self) -> (StatusCode, String) {
        let mut report = Report { status: "ok", components: Vec::new() };
        for (component, probe) in &self.probes {
            let (state, what) = match probe() {
                State::Well => continue,
                State::Impaired(what) => ("impaired", what),
                State::Down(what) => ("down", what),
            };
            if report.status != "down" {
                report.status = state;
            }
            report.components.push(Trouble { component, state, what });
        }
        let status = if report.status == "down" { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
        let mut body = serde_json::to_string(&report).unwrap_or_default();
        body.push('\n');
        (status, body)
    }
}

#[cfg(test)]
mod tests {
    use super::{Health, State};

    fn check(states: &[(&'static str, State)], status: u16, body: &str) {
        let mut health = Health::default();
        for (component, state) in states.iter().cloned() {
            health.add(component, move || state.clone());
        }
        let (found, text) = health.report();
        assert_eq!((found.as_u16(), text.as_str()), (status, body));
    }

    #[test]
    fn only_what_is_down_is_a_503_and_every_trouble_is_named() {
        let hurt = State::Impaired("2 places are damaged".into());
        let down = State::Down("no writes".into());
        check(&[("log", State::Well)], 200, "{\"status\":\"ok\"}\n");
        let of_hurt = "{\"component\":\"data\",\"state\":\"impaired\",\"what\":\"2 places are damaged\"}";
        let of_down = "{\"component\":\"log\",\"state\":\"down\",\"what\":\"no writes\"}";
        let expected = format!("{{\"status\":\"impaired\",\"components\":[{of_hurt}]}}\n");
        check(&[("log", State::Well), ("data", hurt.clone())], 200, &expected);
        let expected = format!("{{\"status\":\"down\",\"components\":[{of_down},{of_hurt}]}}\n");
        check(&[("log", down), ("data", hurt)], 503, &expected);
    }
}
