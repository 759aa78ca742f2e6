//! Laws that hold for every value and every input, shown on generated ones.
#![allow(clippy::unwrap_used)]

mod differences;
mod generators;
mod hickory;
mod master_files;
mod names;
mod rdata;
mod serials;
