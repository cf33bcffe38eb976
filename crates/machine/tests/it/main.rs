//! Machines, over the engine that keeps everything in memory, over the real one, and a clock that tests move.

mod behind;
mod conformance;
mod group;
mod owner;
mod payloads;
mod scarce;
mod toy;
