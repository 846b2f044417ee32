//! Runs on a directory and stores in memory.

mod claims;
mod graph;
mod scene;
mod tombstones;
