//! Which names a client's resolver asks for, one after another, when it is given a short one.

use hickory_resolver::proto::rr::Name;

use crate::dns::resolv_conf::ResolvConf;
use crate::dns::search::{Libc, steps};
use crate::probe::{Question, QuestionKind};

/// The full names that are asked for, in order, until one is there.
pub(super) fn walk(conf: &ResolvConf, question: &Question) -> Vec<String> {
    let name = question.name.as_str();
    let absolute = format!("{}.", name.trim_end_matches('.'));
    let searched = || steps(name, conf, Libc::Glibc).into_iter().map(|step| Name::to_ascii(&step.name));
    match question.kind {
        QuestionKind::Full | QuestionKind::External => vec![absolute],
        // a name that nobody has, also where no search list leads (RFC 6761 6.4)
        QuestionKind::MustNotExist => {
            searched().filter(|one| *one != absolute).chain([format!("{name}.invalid.")]).collect()
        }
        QuestionKind::Short | QuestionKind::Asked => searched().collect(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]
mod tests {
    use super::*;

    const POD: &str = "search shop.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5 timeout:1\n";

    #[track_caller]
    fn case(kind: QuestionKind, name: &str, expected: &[&str]) {
        let question = Question { kind, name: name.into(), record: "A".into() };
        assert_eq!(walk(&ResolvConf::read(POD), &question), expected, "{name}");
    }

    #[test]
    fn names_of_a_pod() {
        let short = ["kubernetes.default.shop.svc.cluster.local.", "kubernetes.default.svc.cluster.local."];
        let rest = ["kubernetes.default.cluster.local.", "kubernetes.default."];
        case(QuestionKind::Short, "kubernetes.default", &[short, rest].concat());
        case(QuestionKind::Asked, "web.shop.svc.cluster.local.", &["web.shop.svc.cluster.local."]);
        case(QuestionKind::External, "example.com", &["example.com."]);
        let walk = ["x.shop.svc.cluster.local.", "x.svc.cluster.local.", "x.cluster.local.", "x.invalid."];
        case(QuestionKind::MustNotExist, "x", &walk);
    }

    #[test]
    fn enough_dots_come_first() {
        let question = Question { kind: QuestionKind::Asked, name: "a.b".into(), record: "A".into() };
        let conf = ResolvConf::read("search x.\nsearch example.com");
        assert_eq!(walk(&conf, &question), ["a.b.", "a.b.example.com."]);
    }
}
