//! Metrics as Amazon CloudWatch keeps them: series of statistic sets, in memory.
//!
//! # Constraints
//! Names come from the callers that put metrics, so everything is bounded: the number of series, the memory they take
//! together ([`StoreLimits`]), and the age of a point. A point is a [`StatisticSet`], 40 bytes however many values it
//! stands for; percentiles cannot be told from it. Nothing is stored: a restart begins anew.
//!
//! # Format
//! A series has points in three tiers, each coarser and kept longer than the one before: a second for 3 hours (high
//! resolution only), a minute for a day, five minutes for 15 days. What gets too old for its tier is merged into the
//! next.
//!
//! # Algorithm
//! When there is no room, the series that was written least recently gives up the older half of its points, again and
//! again until there is, and goes with the last of them: what nobody writes any more goes first, and what is still
//! written loses its past before it is lost.

mod metric;
mod points;
mod statistics;
mod store;

pub use metric::{Metric, MetricFilter, Unit};
pub use points::Resolution;
pub use statistics::{Statistic, StatisticSet};
pub use store::{Datum, MetricStore, StoreLimits, StoreReport, UnitPoints, Window};
