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
mod model;
mod repair;
mod scarce;
mod support;
mod swaps;
