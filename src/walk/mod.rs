//! One packet, every way it can go, over the node's own rules. Knows only `dataplane`.

pub mod packet;
