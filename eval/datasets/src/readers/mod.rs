//! One reader a dataset: the folder in, every picture that official lists name out, here or not.
//!
//! A reader complains about what contradicts itself, notes which lists are missing ([`Dataset::lack`]), and does not look
//! whether pictures exist.

mod aircraft;
mod birdsnap;
mod caltech101;
mod cars;
mod cifar;
mod cifar_python;
mod dtd;
mod flowers;
mod folder;
mod food101;
mod imagenet;
mod pets;
mod rows;
mod stl10;
mod sun397;
mod voc2007;

pub use rows::CATALOG;
