//! Schedulers of IPVS: which give every server a share that is known, and what the choice of the others depends on.
//! Sources: Linux `net/netfilter/ipvs/ip_vs_{rr,wrr,lc,wlc,fo,ovf,lblc,lblcr,dh,sh,sed,nq,twos,mh}.c`.

/// A scheduler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scheduler<'snap>(pub &'snap str);

/// How a scheduler chooses among servers that take connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// Each in turn.
    Turns,
    /// In turn, by weight.
    Weights,
    /// The one of the highest weight.
    Highest,
    /// By what is not in a dump: words that follow "when it".
    State(&'static str),
    /// By a hash over all servers, also those of weight 0, for which it refuses.
    Hash(&'static str),
    /// By a hash over those that take connections.
    HashOfWeighted(&'static str),
    /// None is chosen.
    Nothing,
    /// It is not known.
    Unknown,
}

impl Scheduler<'_> {
    /// How it chooses.
    #[must_use]
    pub fn choice(self) -> Choice {
        match self.0 {
            "rr" => Choice::Turns,
            "wrr" => Choice::Weights,
            "fo" => Choice::Highest,
            "lc" => Choice::State("has the fewest connections"),
            "wlc" => Choice::State("has the fewest connections for its weight"),
            "sed" => Choice::State("has the shortest expected delay"),
            "nq" => Choice::State("is idle, or has the shortest expected delay"),
            "lblc" | "lblcr" => Choice::State("serves this address already, or has the fewest connections"),
            "ovf" => Choice::State("has the highest weight of those with fewer connections than their weight"),
            "twos" => Choice::State("has the fewer connections of two that are drawn by weight"),
            "sh" => Choice::Hash("is the one that the client's address hashes to"),
            "dh" => Choice::Hash("is the one that this address hashes to, for all clients"),
            "mh" => Choice::HashOfWeighted("is the one that the client's address hashes to"),
            "none" => Choice::Nothing,
            _ => Choice::Unknown,
        }
    }

    /// What it does, in words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self.0 {
            "rr" => "each server in turn",
            "wrr" => "each server in turn, as often as its weight says",
            "fo" => "the server of the highest weight",
            "lc" => "the server with the fewest connections",
            "wlc" => "the server with the fewest connections for its weight",
            "sed" => "the server with the shortest expected delay",
            "nq" => "an idle server, else the one with the shortest expected delay",
            "lblc" | "lblcr" => "one server for each destination, while it is not overloaded",
            "ovf" => "the server of the highest weight that is not full",
            "twos" => "the better of two servers that are drawn by weight",
            "sh" | "mh" => "by a hash of the client's address",
            "dh" => "by a hash of the destination",
            "none" => "no server is chosen",
            _ => "how it chooses is not known",
        }
    }
}
