//! Everything the embedded store promises.

mod conforms;
mod crashes;
mod damage;
mod every_step;
mod faults;
mod fixture;
mod forged;
mod live;
mod locks;
mod merging;
mod model;
mod repair;
mod scarce;
mod scrub;
mod small_disk;
mod support;
mod swaps;
