//! Sealed bytes open where they were sealed for, and nowhere else.

mod keyring;
mod names;
mod sealing;
