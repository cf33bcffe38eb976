//! Commands, and the way of each from its decision to its answer.
//!
//! # Constraints
//! A command changes the tables by one record at the most, and is answered when the append that carries this record is
//! durable, with that append's error otherwise. What changes nothing rests on what was decided before it: it is answered
//! with the append of the record before it in its batch, and at once where there is none.
//!
//! # Algorithm
//! Decide in order, group by bytes, append a group, apply it, answer it. Once an append has failed, the groups after it
//! were decided on what is not there: they are not appended, and get the same error.

use std::sync::Arc;

use headwater_vault::Keyring;
use tokio::sync::oneshot;

use crate::change::Change;
use crate::control::Planning;
use crate::error::{Result, TablesError};
use crate::write::{Moment, Recorded, Stage};

/// Decides over what was decided before in the same batch, which the stage has. What it changes it leaves there.
type Decide = Box<dyn FnOnce(&mut Stage<'_>, Moment<'_>) -> Answer + Send>;
/// Decides on the state alone.
type Plan = Box<dyn FnOnce(Planning<'_>) -> Decided + Send>;
/// Tells the caller: what was decided, or why that is not durable.
pub(crate) type Answer = Box<dyn FnOnce(Option<&TablesError>) + Send>;

/// A request to the owner.
pub(crate) enum Command {
    /// Writes of items.
    Decide(Decide),
    /// A change of tables, which waits until everything before it has been applied.
    Plan(Plan),
    /// Takes other master keys.
    ReplaceKeys(Arc<Keyring>, oneshot::Sender<Result<()>>),
    /// Takes what is left after damage for all there is.
    AcceptLosses(oneshot::Sender<Result<()>>),
    /// The last one.
    Close,
}

impl Command {
    pub(crate) fn decide<T: Send + 'static>(
        answer: oneshot::Sender<Result<T>>,
        decide: impl FnOnce(&mut Stage<'_>, Moment<'_>) -> Result<T> + Send + 'static,
    ) -> Self {
        Self::Decide(Box::new(move |stage, moment| held(answer, decide(stage, moment))))
    }

    pub(crate) fn plan(
        answer: oneshot::Sender<Result<()>>,
        plan: impl FnOnce(Planning<'_>) -> Result<Vec<Change>> + Send + 'static,
    ) -> Self {
        Self::Plan(Box::new(move |planning| {
            let state = planning.state;
            let planned = plan(planning).and_then(|changes| match changes.is_empty() {
                true => Ok(None),
                false => Recorded::new(changes, state).map(Some),
            });
            match planned {
                Ok(record) => Decided { record, answer: held(answer, Ok(())) },
                Err(refused) => Decided { record: None, answer: held(answer, Err(refused)) },
            }
        }))
    }
}

/// Holds an answer back until what it tells of is durable.
fn held<T: Send + 'static>(answer: oneshot::Sender<Result<T>>, result: Result<T>) -> Answer {
    Box::new(move |failed| {
        // A refusal may rest on what was decided before it and is not there now.
        let result = failed.map_or(result, |failed| Err(failed.clone()));
        // The caller may have gone.
        let _ = answer.send(result);
    })
}

/// A command that was decided.
pub(crate) struct Decided {
    /// The change, if there is any.
    pub(crate) record: Option<Recorded>,
    pub(crate) answer: Answer,
}

/// Commands whose records are appended in one piece.
#[derive(Default)]
pub(crate) struct Group {
    pub(crate) records: Vec<Recorded>,
    pub(crate) answers: Vec<Answer>,
}

/// Groups of at most so many bytes, unless a single record is longer. The first may have answers only: those that rest
/// on nothing that is still to be made durable.
pub(crate) fn groups(decided: Vec<Decided>, bytes_max: usize) -> Vec<Group> {
    let mut groups = vec![Group::default()];
    let mut bytes = 0;
    for Decided { record, answer } in decided {
        if let Some(record) = record {
            bytes += record.bytes.len();
            // What makes room is appended apart from what needs it.
            let before = groups.last().and_then(|group| group.records.last());
            let begins = before.is_none_or(|before| before.frees() != record.frees()) || bytes > bytes_max;
            if begins {
                bytes = record.bytes.len();
                groups.push(Group::default());
            }
            if let Some(group) = groups.last_mut() {
                group.records.push(record);
            }
        }
        if let Some(group) = groups.last_mut() {
            group.answers.push(answer);
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(bytes: Option<usize>) -> Decided {
        let record = bytes.map(|len| Recorded { changes: Vec::new(), bytes: vec![0; len] });
        Decided { record, answer: Box::new(|_| {}) }
    }

    #[test]
    fn an_answer_goes_with_the_append_that_it_rests_on() {
        let check = |decided_bytes: &[Option<usize>], expected: &[(usize, usize)]| {
            let decided = decided_bytes.iter().map(|bytes| decided(*bytes)).collect();
            let groups = groups(decided, 10);
            let counts: Vec<_> =
                groups.iter().map(|group| (group.records.len(), group.answers.len())).collect();
            assert_eq!(counts, expected, "{decided_bytes:?}");
        };
        check(&[], &[(0, 0)]);
        check(&[None, None], &[(0, 2)]);
        check(&[None, Some(1), None], &[(0, 1), (1, 2)]);
        check(&[Some(5), Some(5), Some(1)], &[(0, 0), (2, 2), (1, 1)]);
        check(&[Some(5), None, Some(6), None], &[(0, 0), (1, 2), (1, 2)]);
        check(&[Some(100), Some(100)], &[(0, 0), (1, 1), (1, 1)]);
    }
}
