//! Which queries a client's resolver makes of a name, in which order, and where it stops: glibc and musl as they are.
//! What each query gives is told by the caller.

use hickory_resolver::proto::rr::Name;

use super::name;
use super::resolv_conf::{OLD_MAX_SEARCH_CHARS, ResolvConf};

/// Whose resolver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Libc {
    /// glibc: Debian, Ubuntu, Fedora and most others.
    Glibc,
    /// musl: Alpine.
    Musl,
}

impl Libc {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Glibc, Self::Musl];

    /// `glibc`, `musl`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Glibc => "glibc",
            Self::Musl => "musl",
        }
    }
}

/// One query that the resolver may make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The full name.
    pub name: Name,
    /// The entry of the search list that it was made with; `None`: as it was typed.
    pub with: Option<Name>,
}

/// What came of one query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// Records.
    Found,
    /// The name exists and has none of that type.
    NoData,
    /// NXDOMAIN.
    NoSuchName,
    /// SERVFAIL.
    Failed,
    /// Nothing at all.
    Silent,
}

/// How a lookup ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The last query found it.
    Found,
    /// It was asked for everywhere and is not there.
    NotFound,
    /// The name is there and has no address.
    NoAddress,
    /// A server failed or was silent, and the resolver gave up: `Temporary failure in name resolution`.
    GaveUp,
}

/// A lookup, query by query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// The queries that were made and what came of them.
    pub made: Vec<(Step, Reply)>,
    /// How it ended.
    pub end: End,
}

/// Every query that may be made of `typed`, in order, until one finds something.
///
/// glibc (resolv/res_query.c, `__res_context_search`): a name with `ndots` dots or more is asked as it stands first and
/// then with the search list; others last as they stand. musl (src/network/lookup_name.c, `name_from_dns_search`): a
/// name with `ndots` dots or more is asked as it stands and never with the search list.
#[must_use]
pub fn steps(typed: &str, conf: &ResolvConf, libc: Libc) -> Vec<Step> {
    let Some(bare) = name::absolute(typed) else { return Vec::new() };
    let bare = Step { name: bare, with: None };
    let dots = typed.matches('.').count();
    let enough = u32::try_from(dots).is_ok_and(|dots| dots >= conf.ndots());
    if typed.ends_with('.') || (enough && libc == Libc::Musl) {
        return vec![bare];
    }
    // musl reads lines of 255 characters and drops a search list that is longer (src/network/resolvconf.c)
    let dropped = libc == Libc::Musl && conf.search_words().len() >= OLD_MAX_SEARCH_CHARS;
    let searched = conf
        .search
        .iter()
        .filter(|_| !dropped)
        .filter_map(|domain| Some(Step { name: name::within(typed, domain)?, with: Some(domain.clone()) }));
    let mut steps: Vec<Step> = if enough { vec![bare.clone()] } else { Vec::new() };
    steps.extend(searched);
    if !steps.iter().any(|step| step.name == bare.name) {
        steps.push(bare);
    }
    steps
}

/// Looks `typed` up, asking `answer` what each query gives.
///
/// glibc goes on after NXDOMAIN, NODATA and SERVFAIL, and stops where nothing comes. musl goes on after NXDOMAIN alone.
pub fn lookup(typed: &str, conf: &ResolvConf, libc: Libc, mut answer: impl FnMut(&Name) -> Reply) -> Lookup {
    let mut made = Vec::new();
    let (mut empty, mut failed) = (false, false);
    for step in steps(typed, conf, libc) {
        let reply = answer(&step.name);
        made.push((step, reply));
        let end = match (reply, libc) {
            (Reply::Found, _) => Some(End::Found),
            (Reply::Silent, _) | (Reply::Failed, Libc::Musl) => Some(End::GaveUp),
            (Reply::NoData, Libc::Musl) => Some(End::NoAddress),
            (Reply::Failed, Libc::Glibc) => {
                failed = true;
                None
            }
            (Reply::NoData, Libc::Glibc) => {
                empty = true;
                None
            }
            (Reply::NoSuchName, _) => None,
        };
        if let Some(end) = end {
            return Lookup { made, end };
        }
    }
    // res_query.c: what was tried as it stands decides, else NODATA is told before SERVFAIL
    let end = match (empty, failed) {
        (true, _) => End::NoAddress,
        (false, true) => End::GaveUp,
        (false, false) => End::NotFound,
    };
    Lookup { made, end }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const POD: &str = "nameserver 10.96.0.10\nsearch shop.svc.cluster.local svc.cluster.local cluster.local corp.test\noptions ndots:5\n";

    fn names(typed: &str, conf: &str, libc: Libc) -> Vec<String> {
        steps(typed, &ResolvConf::read(conf), libc).iter().map(|step| name::plain(&step.name)).collect()
    }

    #[track_caller]
    fn case(typed: &str, conf: &str, glibc: &[&str], musl: &[&str]) {
        assert_eq!(names(typed, conf, Libc::Glibc), glibc, "{typed}, glibc");
        assert_eq!(names(typed, conf, Libc::Musl), musl, "{typed}, musl");
    }

    #[test]
    fn queries_in_order() {
        let web = ["web.shop.svc.cluster.local", "web.svc.cluster.local", "web.cluster.local", "web.corp.test", "web"];
        case("web", POD, &web, &web);
        let external = [
            "www.example.com.shop.svc.cluster.local",
            "www.example.com.svc.cluster.local",
            "www.example.com.cluster.local",
            "www.example.com.corp.test",
            "www.example.com",
        ];
        case("www.example.com", POD, &external, &external);
        case("www.example.com.", POD, &["www.example.com"], &["www.example.com"]);
        let two = POD.replace("ndots:5", "ndots:2");
        case(
            "www.example.com",
            &two,
            &[
                "www.example.com",
                "www.example.com.shop.svc.cluster.local",
                "www.example.com.svc.cluster.local",
                "www.example.com.cluster.local",
                "www.example.com.corp.test",
            ],
            &["www.example.com"],
        );
        case("web", "nameserver 10.96.0.10\n", &["web"], &["web"]);
        case("a..b", POD, &[], &[]);
        let long = format!("search {}\noptions ndots:5\n", "a.test ".repeat(40));
        assert_eq!(names("web", &long, Libc::Musl), ["web"]);
        assert_eq!(names("web", &long, Libc::Glibc).len(), 41);
    }

    #[track_caller]
    fn ends(replies: &[Reply], glibc: (usize, End), musl: (usize, End)) {
        for (libc, expected) in [(Libc::Glibc, glibc), (Libc::Musl, musl)] {
            let mut replies = replies.iter().copied();
            let found = lookup("web", &ResolvConf::read(POD), libc, |_| replies.next().unwrap_or(Reply::NoSuchName));
            assert_eq!((found.made.len(), found.end), expected, "{}", libc.as_str());
        }
    }

    #[test]
    fn where_each_stops() {
        use Reply::{Failed, Found, NoData, NoSuchName, Silent};
        ends(&[NoSuchName, Found], (2, End::Found), (2, End::Found));
        ends(&[], (5, End::NotFound), (5, End::NotFound));
        ends(&[NoSuchName, Failed, Found], (3, End::Found), (2, End::GaveUp));
        ends(&[NoSuchName, Failed], (5, End::GaveUp), (2, End::GaveUp));
        ends(&[NoData, Found], (2, End::Found), (1, End::NoAddress));
        ends(&[NoData], (5, End::NoAddress), (1, End::NoAddress));
        ends(&[NoSuchName, Silent, Found], (2, End::GaveUp), (2, End::GaveUp));
    }
}
