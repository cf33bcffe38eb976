//! The one command that does what CI does.
fn main() {}
