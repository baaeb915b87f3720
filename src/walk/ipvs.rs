//! IPVS on a packet's way: which virtual server takes it, which real server it may get, and how it goes on from there.
//! Sources: Linux `net/netfilter/ipvs/ip_vs_core.c` (ip_vs_in_hook, ip_vs_schedule, ip_vs_leave), `ip_vs_xmit.c`
//! (ip_vs_nat_xmit, ip_vs_dr_xmit, ip_vs_tunnel_xmit, __ip_vs_get_out_rt), `ip_vs_nfct.c`, `xt_ipvs.c`.

use std::net::SocketAddr;

use smallvec::smallvec;

use super::ends::finish;
use super::matches::Answer;
use super::netfilter::{Step, Walker, Way, Ways};
use super::packet::{Action, Dependency, Disposition, Protocol, Reason};
use super::routing::unroutable;
use super::state::{Balanced, Bound, Iface, Made, State, Told};
use crate::dataplane::hooks::Hook;
use crate::dataplane::iptables::rule::{Direction, IpvsTest};
use crate::dataplane::ipvs::{Choice, Found, Key, Method, Real, Virtual, Wanted};
use crate::dataplane::links::{Family, Ingress, Lookup, RouteKey};
use crate::dataplane::tri::Tri;

const FTP: u16 = 21;
const FTP_DATA: u16 = 20;
const TABLE: &str = "ipvs";
/// On what a choice depends where lines of a virtual server may lack.
const NO_OTHERS: &str = "if it has no other servers";

/// A server that may be chosen.
struct Chance<'a, 'snap> {
    server: &'a Real<'snap>,
    /// Its share of one, or 0 with a condition.
    share: f64,
    /// What its choice depends on.
    when: Option<String>,
    /// Whether it takes what it is given.
    takes: Takes,
}

/// Whether a chosen server takes connections.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    Yes,
    /// Its weight is 0, and the scheduler has no other.
    No,
}

impl<'snap> Walker<'_, 'snap> {
    /// A packet is at the hook of IPVS.
    pub(super) fn ipvs(&self, mut state: Box<State<'snap>>) -> Step<'snap> {
        let pass = |mut state: Box<State<'snap>>| {
            state.base += 1;
            state.goes()
        };
        // Only transport protocols are balanced, and what was sent on is not sent on again.
        if state.balanced.is_some() || state.protocol == Protocol::Icmp {
            return pass(state);
        }
        let wanted = Wanted {
            protocol: state.protocol_number(),
            to: state.to.socket(),
            mark: (state.mark.known == u32::MAX).then_some(state.mark.value),
        };
        let server = match self.plane.ipvs().find(wanted) {
            Found::None => return pass(state),
            Found::Unknown(why) => return Step::Ways(smallvec![state.undecided(Dependency::Fact(why))]),
            Found::Server(server) => server,
        };
        let of_port = match server.key {
            Key::Address(_, to) => Some(to.port()),
            Key::Mark(..) => None,
        };
        // Data connections that a client of FTP opens belong to a virtual server only while clients stay with servers.
        let of_ftp = of_port == Some(FTP) && state.to.port() != FTP && server.persistent.is_none();
        if of_ftp || state.sport == Some(FTP_DATA) {
            return pass(state);
        }
        let name = server.name;
        state.hop(TABLE, name, Action::Pass(words(&server)), Some(server.at));
        // Port 0 needs clients that stay; without, no server is found (ip_vs_schedule).
        if server.servers.is_empty() && server.unread.is_none() && server.goes_on.is_none()
            || of_port.is_some_and(|port| port == 0) && server.persistent.is_none()
        {
            return Step::Ways(smallvec![refuse(state, &server)]);
        }
        if let Some(at) = server.unread {
            let why = Dependency::Rule(at, "this server of IPVS cannot be read".into());
            return Step::Ways(smallvec![state.undecided(why)]);
        }
        match chances(&server) {
            Err(why) => Step::Ways(smallvec![state.undecided(Dependency::Rule(server.at, why))]),
            Ok(chances) => Step::Ways(self.each(&state, &server, &chances)),
        }
    }

    /// Sends the packet to each server that may be chosen.
    fn each(&self, state: &State<'snap>, server: &Virtual<'snap>, chances: &[Chance<'_, 'snap>]) -> Ways<'snap> {
        let mut ways = Ways::new();
        let quiescent = self.plane.sysctls.number("net.ipv4.vs.expire_quiescent_template");
        if let Some(seconds) = server.persistent {
            let within = if seconds > 0 { format!(" in the last {seconds} s") } else { " lately".to_owned() };
            // A client that was sent to a server stays with it, also to one of weight 0 unless the kernel lets go.
            for real in server.servers.iter().filter(|real| real.weight != Some(0) || quiescent == Some(0)) {
                let mut known = Box::new(state.clone());
                known.share = 0.0;
                known.only_when(&format!("when this client was sent to {}{within}", real.to));
                ways.extend(self.send_on(known, server, real, None));
            }
        }
        if let Some(at) = server.goes_on {
            let why = format!("whether more of its servers follow {}", Dependency::CHAIN_MISSING);
            ways.push(state.undecided(Dependency::Rule(at, why)));
        }
        if chances.is_empty() {
            let mut refused = Box::new(state.clone());
            if server.goes_on.is_some() {
                refused.share = 0.0;
                refused.only_when(NO_OTHERS);
            }
            ways.push(refuse(refused, server));
            return ways;
        }
        for chance in chances {
            let mut chosen = Box::new(state.clone());
            let when = match (&chance.when, server.goes_on) {
                (Some(when), Some(_)) => Some(format!("{when}, {NO_OTHERS}")),
                (None, Some(_)) if chance.share < 1.0 => Some(format!("{:.1} %, {NO_OTHERS}", chance.share * 100.0)),
                (None, Some(_)) => Some(NO_OTHERS.to_owned()),
                (when, None) => when.clone(),
            };
            match &when {
                Some(when) => {
                    chosen.share = 0.0;
                    chosen.only_when(when);
                }
                None => chosen.share *= chance.share,
            }
            match chance.takes {
                Takes::Yes => {
                    let share = (when.is_none() && chance.share < 1.0).then_some(chance.share);
                    ways.extend(self.send_on(chosen, server, chance.server, share));
                }
                Takes::No => ways.push(refuse(chosen, server)),
            }
        }
        ways
    }

    /// The packet goes to this server.
    fn send_on(
        &self,
        mut state: Box<State<'snap>>,
        server: &Virtual<'snap>,
        real: &Real<'snap>,
        share: Option<f64>,
    ) -> Ways<'snap> {
        let from = state.to.socket();
        // Virtual servers for marks and for any port keep the port (ip_vs_schedule, ip_vs_sched_persist).
        let keeps = match server.key {
            Key::Address(_, to) => to.port() != state.to.port(),
            Key::Mark(..) => server.persistent.is_some(),
        };
        let port = if real.to.port() == 0 || keeps { state.to.port() } else { real.to.port() };
        let to = SocketAddr::new(real.to.ip(), port);
        let lookup = self.plane.links.route(&RouteKey {
            dst: to.ip(),
            src: None,
            ingress: Ingress::Here,
            mark: Some(0),
            protocol: None,
            from_port: None,
            to_port: None,
        });
        let here = match real.method {
            Method::Local => Tri::Yes,
            Method::Masq | Method::Route | Method::Tunnel | Method::Unknown => lookup.is_local(),
        };
        let carried_to = match real.method {
            Method::Masq | Method::Local | Method::Unknown => None,
            Method::Route | Method::Tunnel => (!here.is_yes()).then_some(SocketAddr::new(to.ip(), state.to.port())),
        };
        state.balanced = Some(Balanced { from, method: real.method, carried_to });
        match real.method {
            Method::Masq => {
                state.hop_with(TABLE, server.name, Action::Dnat(to), Some(real.at), share);
                state.to.set(to.ip(), to.port());
            }
            Method::Route | Method::Local => {
                let what = format!("to {} unchanged ({})", to.ip(), real.method.as_str());
                state.hop_with(TABLE, server.name, Action::Pass(what), Some(real.at), share);
            }
            Method::Tunnel | Method::Unknown => {
                let why = match real.method {
                    Method::Tunnel => "what the rules do to the packet around it is not simulated",
                    Method::Masq | Method::Route | Method::Local | Method::Unknown => {
                        "how packets get to this server is not told"
                    }
                };
                state.hop_with(TABLE, server.name, Action::Unknown(format!("to {to}")), Some(real.at), share);
                return smallvec![state.undecided(Dependency::Rule(real.at, why.into()))];
            }
        }
        // The reply's addresses are set, so nat at OUTPUT does not look at it again (ip_vs_update_conntrack); without
        // vs/conntrack the connection is forgotten, and nat with it (ip_vs_notrack).
        state.connection.dst_bound = Bound::Yes;
        if self.plane.sysctls.ipvs_conntrack() == Some(false) {
            state.connection.tracked = Told::No;
        }
        match here {
            Tri::Yes => Self::stays_here(state, to),
            Tri::No => self.goes_out(state, &lookup),
            Tri::Unknown => {
                let why = format!("whether {} is an address of this node is not known", to.ip());
                smallvec![state.undecided(Dependency::Fact(why))]
            }
        }
    }

    /// The server is this node: the packet stays at its hook, behind IPVS.
    fn stays_here(mut state: Box<State<'snap>>, to: SocketAddr) -> Ways<'snap> {
        // What came in is not sent on to a loopback address (ip_vs_nat_xmit).
        if to.ip().is_loopback() && state.made == Made::Elsewhere {
            let reason = Reason::Route(format!("IPVS sends nothing from outside to {}", to.ip()));
            return smallvec![Way::Ends(Box::new(finish(&state, Disposition::Dropped, Some(reason), Vec::new())))];
        }
        state.base += 1;
        state.route_oif = Iface::Known("lo");
        state.tell_route(|_| format!("{} is an address of this node", to.ip()));
        smallvec![state.way()]
    }

    /// The server is elsewhere: the packet goes out as if it were made here, from the start of OUTPUT.
    fn goes_out(&self, mut state: Box<State<'snap>>, lookup: &Lookup<'snap>) -> Ways<'snap> {
        if state.src_told == Told::Yes && state.from.ip().is_loopback() {
            let reason = Reason::Route(format!("IPVS sends nothing from {} to another host", state.from.ip()));
            return smallvec![Way::Ends(Box::new(finish(&state, Disposition::Dropped, Some(reason), Vec::new())))];
        }
        // The answers are forwarded to whoever is not this node.
        if state.made == Made::Elsewhere {
            let forwarding = match state.family {
                Family::V4 => self.plane.sysctls.ip_forward(),
                Family::V6 => self.plane.sysctls.ipv6_forwarding(),
            };
            if forwarding == Some(false) {
                let name = self.plane.sysctls.forwarding_name(state.family, None);
                return unroutable(&state, Reason::Sysctl(name));
            }
        }
        if let Some(ended) = Self::leave(&mut state, lookup) {
            return ended;
        }
        state.routed();
        state.hook = Hook::Output;
        state.base = 0;
        (state.iif, state.oif) = (Iface::None, state.route_oif);
        smallvec![state.way()]
    }
}

impl State<'_> {
    /// `-m ipvs`: of what IPVS has sent on; any of its options but `--ipvs` fails for other packets, also with `!`.
    pub(super) fn ipvs_test(&self, test: IpvsTest) -> Answer {
        let Some(balanced) = self.balanced else {
            return match test {
                IpvsTest::Any => false.into(),
                IpvsTest::Protocol(_)
                | IpvsTest::Address(_)
                | IpvsTest::Port(_)
                | IpvsTest::Direction(_)
                | IpvsTest::Method(_) => Answer::Never,
            };
        };
        match test {
            IpvsTest::Any => true.into(),
            IpvsTest::Protocol(number) => (number == self.protocol_number()).into(),
            IpvsTest::Address(net) => net.contains(balanced.from.ip()).into(),
            IpvsTest::Port(port) => (port == balanced.from.port()).into(),
            IpvsTest::Direction(_) if self.connection.tracked == Told::No => Answer::Never,
            IpvsTest::Direction(direction) => (direction == Direction::Original).into(),
            IpvsTest::Method(method) => (method == balanced.method).into(),
        }
    }
}

/// `virtual server, rr: each server in turn`
fn words(server: &Virtual<'_>) -> String {
    let stays = match server.persistent {
        None => String::new(),
        Some(0) => "; a client stays with its server".to_owned(),
        Some(seconds) => format!("; a client stays with its server for {seconds} s"),
    };
    match server.servers.len() {
        0 => "virtual server without a real server".to_owned(),
        1 => format!("virtual server with one real server{stays}"),
        _ if server.scheduler.0.is_empty() => format!("virtual server: how it chooses is not told{stays}"),
        _ => format!("virtual server, {}: {}{stays}", server.scheduler.0, server.scheduler.words()),
    }
}

/// No server takes it: the client is told so (ip_vs_leave).
fn refuse<'snap>(mut state: Box<State<'snap>>, server: &Virtual<'snap>) -> Way<'snap> {
    let with = match state.family {
        Family::V4 => "icmp-port-unreachable",
        Family::V6 => "icmp6-port-unreachable",
    };
    state.hop(TABLE, server.name, Action::Reject(with.to_owned()), Some(server.at));
    let reason = Reason::RejectedWith(server.at, with.to_owned());
    Way::Ends(Box::new(finish(&state, Disposition::Rejected, Some(reason), Vec::new())))
}

/// The servers that may be chosen for a client that is new.
fn chances<'a, 'snap>(server: &'a Virtual<'snap>) -> Result<Vec<Chance<'a, 'snap>>, String> {
    if server.servers.iter().any(|real| real.weight.is_none()) {
        return Err("the weights of its servers are not told".to_owned());
    }
    let weight = |real: &Real<'_>| f64::from(real.weight.unwrap_or(0));
    let taking: Vec<&Real<'_>> = server.servers.iter().filter(|real| weight(real) > 0.0).collect();
    let with = |share: &dyn Fn(&Real<'_>) -> f64| {
        let sum: f64 = taking.iter().map(|real| share(real)).sum();
        let one =
            |real: &&'a Real<'snap>| Chance { server: real, share: share(real) / sum, when: None, takes: Takes::Yes };
        taking.iter().map(one).collect::<Vec<_>>()
    };
    let when = |list: &[&'a Real<'snap>], words: &str| {
        let one = |real: &&'a Real<'snap>| Chance {
            server: real,
            share: 0.0,
            when: Some(format!("when {} {words}", real.to)),
            takes: if weight(real) > 0.0 { Takes::Yes } else { Takes::No },
        };
        list.iter().map(one).collect::<Vec<_>>()
    };
    let everyone: Vec<&Real<'_>> = server.servers.iter().collect();
    Ok(match server.scheduler.choice() {
        Choice::Nothing => Vec::new(),
        // Whoever chooses among one chooses it.
        Choice::Hash(_) if everyone.len() == 1 => with(&|_| 1.0),
        Choice::Hash(words) if !server.falls_back() => when(&everyone, words),
        Choice::State(_) | Choice::Hash(_) | Choice::HashOfWeighted(_) | Choice::Unknown if taking.len() <= 1 => {
            with(&|_| 1.0)
        }
        Choice::Turns => with(&|_| 1.0),
        Choice::Weights => with(&weight),
        Choice::State(words) | Choice::Hash(words) | Choice::HashOfWeighted(words) => when(&taking, words),
        Choice::Highest => {
            let most = taking.iter().map(|real| weight(real)).fold(0.0, f64::max);
            let highest: Vec<&Real<'_>> = taking.iter().copied().filter(|real| weight(real) >= most).collect();
            match highest.as_slice() {
                [_] => with(&|real| if weight(real) >= most { 1.0 } else { 0.0 })
                    .into_iter()
                    .filter(|chance| chance.share > 0.0)
                    .collect(),
                several => when(several, "is the first of those of the highest weight"),
            }
        }
        Choice::Unknown => {
            return Err(format!("how scheduler `{}` chooses is not known", server.scheduler.0));
        }
    })
}
