//! Runs on a directory and stores in memory.

mod by_group;
mod claims;
mod deaths;
mod emptied;
mod ends;
mod graph;
mod guard;
mod many;
mod order;
mod proof;
mod queue;
mod replay;
mod scene;
mod sharing;
mod teams;
mod tombstones;
mod unreadable;
mod waiting;
