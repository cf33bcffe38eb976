//! What is sealed opens where it was sealed for, and nowhere else.

mod keyring;
mod names;
mod sealing;
