//! Everything the embedded store promises.

mod conforms;
mod crashes;
mod damage;
mod every_step;
mod faults;
mod fixture;
mod live;
mod merging;
mod model;
mod scarce;
mod scrub;
mod small_disk;
mod support;
