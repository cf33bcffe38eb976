//! The pipeline, shown by a service that no cloud has: every protocol, every kind of route, body and wait that the
//! services to come need.

mod forms;
mod harness;
mod listeners;
mod protocols;
mod regions;
mod rest;
mod signing;
mod toy;
mod waiting;
