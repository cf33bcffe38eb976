//! Everything the embedded store promises.

mod conforms;
mod crashes;
mod damage;
mod every_step;
mod faults;
mod fixture;
mod live;
mod model;
mod scarce;
mod support;
