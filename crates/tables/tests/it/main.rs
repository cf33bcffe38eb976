//! Tables, over the engine that keeps everything in memory, over the real one, and a clock that tests move.

mod expressions;
mod expressions_conditions;
mod expressions_errors;
mod expressions_keys;
mod expressions_legacy;
mod expressions_projections;
mod expressions_properties;
mod expressions_updates;
mod fixture;
mod harness;
mod numbers;
mod scratched;
mod service_answers;
mod service_composite;
mod service_control;
mod service_damage;
mod service_durable;
mod service_encryption;
mod service_full_disk;
mod service_options;
mod service_pages;
mod service_regions;
mod service_writes;
