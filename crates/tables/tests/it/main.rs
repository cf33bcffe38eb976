//! Tests of values and expressions, by what other crates see.

mod expressions;
mod expressions_conditions;
mod expressions_errors;
mod expressions_keys;
mod expressions_legacy;
mod expressions_projections;
mod expressions_properties;
mod expressions_updates;
mod numbers;
