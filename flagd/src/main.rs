//! `flagd`: arguments, exit codes.

fn main() {}
