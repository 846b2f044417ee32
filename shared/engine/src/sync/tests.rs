//! Runs on a directory and stores in memory.

mod by_group;
mod chance;
mod choice;
mod claims;
mod deaths;
mod emptied;
mod ends;
mod graph;
mod guard;
mod laws;
mod leaving;
mod managers;
mod many;
mod nastiness;
mod order;
mod proof;
mod queue;
mod replay;
mod scene;
mod sharing;
mod stages;
mod takeovers;
mod teams;
mod tombstones;
mod unreadable;
mod waiting;
