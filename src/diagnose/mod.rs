//! Promise against kernel: sees everything, decides what is a finding. Wording stands beside the check.

pub mod code;
