//! ST115, ST711, ST719, ST720 and ST721: the name that was asked, and why it does not mean what was meant.

use serde_json::Value;

use crate::cluster::service::Form;
use crate::cluster::{ServiceView, nearest, selector};
use crate::dns::corefile::PodRecords;
use crate::dns::missing::nearest_names;
use crate::dns::search::{End, Libc, Lookup, Reply};
use crate::dns::zone::{ChainEnd, Meaning, Missing, ServiceName, endpoints};
use crate::dns::{Entry, name};
use crate::report::{Code, Evidence, Finding, ObjectRef, Severity};

use super::super::context::{field_of, pod_ref};
use super::super::words;
use super::DnsContext;
use super::setup::{DnsClient, Setup, Source, conf_line};

/// What was asked, of whom, and what it means.
pub(super) struct Asked<'a, 'snap> {
    typed: &'a str,
    pub(super) setup: Setup<'snap>,
}

impl<'a, 'snap> Asked<'a, 'snap> {
    pub(super) fn of(context: &DnsContext<'a, 'snap>) -> Option<Self> {
        Some(Self { typed: context.query.name.as_deref()?, setup: Setup::read(context) })
    }

    fn client(&self) -> Option<&DnsClient<'snap>> {
        self.setup.clients.first()
    }

    pub(super) fn entry(&self) -> Option<Entry> {
        self.setup.meant(self.typed, self.client()?)
    }
}

/// A finding about a name that was asked for.
pub(super) fn finding_about(code: Code, summary: String, entry: &Entry) -> Finding {
    let mut finding = Finding::new(code, summary);
    finding.share_ppm = Some(1_000_000);
    let service = entry.service();
    finding.object = service.map(|service| ObjectRef::new("Service", &service.namespace, &service.name));
    if let Some(unsure) = &entry.unsure {
        finding.confidence = crate::report::Confidence::Likely;
        finding.details.push(format!("as far as was read: {unsure}"));
    }
    finding
}

/// What each query of a lookup means, a line each: `web.shop.svc.cluster.local: there is no Service shop/web`.
fn lines(setup: &Setup<'_>, lookup: &Lookup) -> Vec<String> {
    let line = |(step, _): &(crate::dns::search::Step, Reply)| {
        let entry = setup.zone.entry(&step.name);
        format!("{}: {}", name::plain(&step.name), entry.is)
    };
    lookup.made.iter().map(line).collect()
}

/// ST719: by no query of the client's resolver is there such a name.
pub(super) fn not_in_cluster(context: &DnsContext<'_, '_>) -> Vec<Finding> {
    let Some(asked) = Asked::of(context) else { return Vec::new() };
    let (Some(client), Some(entry)) = (asked.client(), asked.entry()) else { return Vec::new() };
    let lookup = asked.setup.lookup(asked.typed, client, Libc::Glibc);
    let Meaning::Missing(missing) = &entry.is else { return Vec::new() };
    let else_explained = matches!(missing, Missing::NoReadyEndpoint(_) | Missing::Endpoint { .. });
    if lookup.end == End::Found || else_explained || Setup::is_answered(context) {
        return Vec::new();
    }
    if stateful_set_service(context).iter().any(|finding| finding.severity == Severity::Error) {
        return Vec::new();
    }
    let mut finding = finding_about(
        Code::NameNotInCluster,
        format!("{} means nothing to {}: {missing}", asked.typed, client.words),
        &entry,
    );
    finding.reason = Some(reason(missing).into());
    finding.details.splice(0..0, lines(&asked.setup, &lookup));
    let near = nearest_names(asked.setup.objects, &asked.setup.zone, &entry, &client.namespace);
    if !near.is_empty() {
        finding.details.push(format!("there is {}", words::list(&near)));
    }
    finding.evidence.push(conf_line(client, &format!("search {}", client.conf.search_words())));
    finding.evidence.push(listing(&asked.setup, missing, &entry));
    finding.help = near.first().map_or_else(
        || Some("kubectl get services -A".into()),
        |name| Some(format!("kubectl svc-trace dns {} -n {}", words::shell(name), words::shell(&client.namespace))),
    );
    vec![finding]
}

fn reason(missing: &Missing) -> &'static str {
    match missing {
        Missing::Service(_) => "no-service",
        Missing::Port { .. } => "no-port",
        Missing::Pod { .. } | Missing::PodRecordsOff => "no-pod",
        Missing::Namespace(_) => "no-namespace",
        Missing::Address(_) => "no-address",
        Missing::Form => "no-form",
        Missing::NoReadyEndpoint(_) => "no-endpoint",
        Missing::Endpoint { .. } => "no-host",
    }
}

/// What was looked through.
fn listing(setup: &Setup<'_>, missing: &Missing, entry: &Entry) -> Evidence {
    match missing {
        Missing::Port { service, .. } => {
            let view = ServiceView::find(setup.objects, &service.namespace, &service.name);
            let ports: Vec<String> =
                view.iter().flat_map(|view| view.ports.iter().map(crate::cluster::PortView::label)).collect();
            field_of(ObjectRef::new("Service", &service.namespace, &service.name), "spec.ports", words::list(&ports))
        }
        Missing::Service(service) => {
            let here: Vec<&str> = ServiceView::all(setup.objects)
                .filter(|view| view.namespace == service.namespace)
                .map(|view| view.name)
                .collect();
            let text = match here.len() {
                0 => format!("namespace {} has no Service", service.namespace),
                count => format!(
                    "{} in namespace {}, none named {}",
                    words::count(count, "Service"),
                    service.namespace,
                    service.name
                ),
            };
            Evidence::Fact { node: None, text }
        }
        Missing::Namespace(_)
        | Missing::PodRecordsOff
        | Missing::Pod { .. }
        | Missing::Address(_)
        | Missing::Form
        | Missing::NoReadyEndpoint(_)
        | Missing::Endpoint { .. } => {
            Evidence::Fact { node: None, text: format!("{}: {missing}", name::plain(&entry.name)) }
        }
    }
}

/// ST720: a headless Service without a ready endpoint has no name.
pub(super) fn headless_empty(context: &DnsContext<'_, '_>) -> Vec<Finding> {
    let Some(asked) = Asked::of(context) else { return Vec::new() };
    let Some(entry) = asked.entry() else { return Vec::new() };
    let Meaning::Missing(Missing::NoReadyEndpoint(service)) = &entry.is else { return Vec::new() };
    if Setup::is_answered(context) {
        return Vec::new();
    }
    let Some(view) = ServiceView::find(asked.setup.objects, &service.namespace, &service.name) else {
        return Vec::new();
    };
    let mut finding = finding_about(
        Code::HeadlessEmpty,
        format!("{} has no name as long as none of its endpoints is ready: DNS says NXDOMAIN", view.full_name()),
        &entry,
    );
    let all = endpoints(asked.setup.objects, &view).unwrap_or_default();
    finding.details.push(match all.len() {
        0 => "it has no endpoint at all".into(),
        count => format!("{}, none ready", words::count(count, "endpoint")),
    });
    finding.evidence.push(field_of(view.reference(), "spec.clusterIP", "None"));
    finding.evidence.push(field_of(
        view.reference(),
        "spec.publishNotReadyAddresses",
        view.publishes_not_ready().to_string(),
    ));
    finding.help = Some(format!("kubectl svc-trace {} -n {}", words::shell(view.name), words::shell(view.namespace)));
    vec![finding]
}

/// ST721: one pod of a Service is asked for by a name that it does not have.
pub(super) fn pod_record_missing(context: &DnsContext<'_, '_>) -> Vec<Finding> {
    let Some(asked) = Asked::of(context) else { return Vec::new() };
    let (Some(client), Some(entry)) = (asked.client(), asked.entry()) else { return Vec::new() };
    let Meaning::Missing(Missing::Endpoint { service, host }) = &entry.is else { return Vec::new() };
    if Setup::is_answered(context) {
        return Vec::new();
    }
    let mut finding =
        finding_about(Code::PodRecordMissing, format!("no ready endpoint of {service} is named {host}"), &entry);
    let objects = asked.setup.objects;
    let pod = objects.pods().iter().find(|pod| {
        pod.metadata.name.as_deref() == Some(host) && pod.metadata.namespace.as_deref() == Some(&service.namespace)
    });
    if let Some(pod) = pod {
        let spec = pod.spec.as_ref();
        let hostname = spec.and_then(|spec| spec.hostname.as_deref()).unwrap_or_default();
        let subdomain = spec.and_then(|spec| spec.subdomain.as_deref()).unwrap_or_default();
        let (reason, words, field, value) = if subdomain != service.name {
            let has = if subdomain.is_empty() { "none".to_owned() } else { subdomain.to_owned() };
            (
                "subdomain",
                format!("pod {host} has subdomain {has}: it must be the Service's name, {}", service.name),
                "spec.subdomain",
                has,
            )
        } else if hostname != host {
            let has = if hostname.is_empty() { "none".to_owned() } else { hostname.to_owned() };
            ("hostname", format!("pod {host} has hostname {has}"), "spec.hostname", has)
        } else {
            (
                "not-ready",
                format!("pod {host} is not ready, or the selector of {service} does not mean it"),
                "spec.subdomain",
                subdomain.to_owned(),
            )
        };
        finding.reason = Some(reason.into());
        finding.details.push(words);
        finding.evidence.push(field_of(pod_ref(pod), field, value));
    } else {
        finding.reason = Some("no-pod".into());
        if objects.pods.is_some() {
            finding.details.push(format!("there is no pod {host} in namespace {}", service.namespace));
        }
    }
    let near = nearest_names(objects, &asked.setup.zone, &entry, &client.namespace);
    if !near.is_empty() {
        finding.details.push(format!("there is {}", words::list(&near)));
    }
    let labels: Vec<String> = ServiceView::find(objects, &service.namespace, &service.name)
        .and_then(|view| endpoints(objects, &view))
        .unwrap_or_default()
        .iter()
        .filter(|endpoint| endpoint.ready)
        .map(|endpoint| asked.setup.zone.label(endpoint))
        .collect();
    let names = if labels.is_empty() { "none".to_owned() } else { words::list(&labels) };
    let reference = ObjectRef::new("Service", &service.namespace, &service.name);
    finding.evidence.push(field_of(reference, "ready endpoints by name", names));
    finding.help = Some(format!(
        "kubectl -n {} get endpointslices -l kubernetes.io/service-name={} -o yaml",
        words::shell(&service.namespace),
        words::shell(&service.name)
    ));
    vec![finding]
}

/// ST115: a StatefulSet whose Service gives its pods no names.
pub(super) fn stateful_set_service(context: &DnsContext<'_, '_>) -> Vec<Finding> {
    let Some(asked) = Asked::of(context) else { return Vec::new() };
    let Some(entry) = asked.entry() else { return Vec::new() };
    let Some(service) = entry.service() else { return Vec::new() };
    let host = match &entry.is {
        Meaning::Missing(Missing::Endpoint { host, .. }) => Some(host.as_str()),
        // `db-0.db` where there is no Service db
        Meaning::Missing(Missing::Service(_)) => asked.typed.split('.').next(),
        Meaning::Service(_)
        | Meaning::Headless(_)
        | Meaning::Alias(_)
        | Meaning::Endpoint { .. }
        | Meaning::Port { .. }
        | Meaning::PodAddress { .. }
        | Meaning::Reverse(_)
        | Meaning::Between
        | Meaning::Missing(_)
        | Meaning::Outside => None,
    };
    let objects = asked.setup.objects;
    objects
        .others("statefulsets")
        .iter()
        .filter_map(|set| governed(&asked, set, service, host, &entry))
        .take(1)
        .collect()
}

fn governed(
    asked: &Asked<'_, '_>,
    set: &Value,
    service: &ServiceName,
    host: Option<&str>,
    entry: &Entry,
) -> Option<Finding> {
    let text = |pointer: &str| set.pointer(pointer).and_then(Value::as_str);
    let (namespace, own, governing) =
        (text("/metadata/namespace")?, text("/metadata/name")?, text("/spec/serviceName")?);
    let ordinal = |host: &str| {
        host.strip_prefix(own).and_then(|rest| rest.strip_prefix('-')).is_some_and(|n| n.parse::<u32>().is_ok())
    };
    let asked_pod = host.is_some_and(ordinal);
    if namespace != service.namespace || !(asked_pod || governing == service.name) {
        return None;
    }
    let view = ServiceView::find(asked.setup.objects, namespace, governing);
    let labels = set
        .pointer("/spec/template/metadata/labels")
        .and_then(|labels| serde_json::from_value::<std::collections::BTreeMap<String, String>>(labels.clone()).ok());
    let (reason, words) = match &view {
        None if asked.setup.objects.is_whole("services") => {
            ("no-service", format!("there is no Service {namespace}/{governing}"))
        }
        None => return None,
        Some(view) if view.form != Form::Headless => {
            ("not-headless", format!("Service {governing} is not headless ({})", view.form.as_str()))
        }
        Some(view) => {
            let labels = labels?;
            if view.selector.is_some_and(|wanted| selector::matches_labels(wanted, Some(&labels))) {
                return None;
            }
            let selector = view.selector_text().unwrap_or_else(|| "none".into());
            ("selector", format!("Service {governing} does not select its pods (selector {selector})"))
        }
    };
    // a cluster IP beside the names is a choice as long as nobody asks for a pod by name
    if reason == "not-headless" && !asked_pod {
        return None;
    }
    let mut finding = finding_about(
        Code::StatefulsetServiceName,
        format!("StatefulSet {namespace}/{own} takes its names from Service {governing}, and {words}"),
        entry,
    );
    finding.reason = Some(reason.into());
    if !asked_pod {
        finding.severity = Severity::Info;
        finding.share_ppm = None;
    }
    let reference = ObjectRef::new("StatefulSet", namespace, own);
    finding.object = Some(reference.clone());
    finding.evidence.push(field_of(reference, "spec.serviceName", governing));
    if let Some(view) = &view {
        finding.evidence.push(field_of(
            view.reference(),
            "spec.clusterIP",
            if view.form == Form::Headless {
                "None".into()
            } else {
                words::list(&view.cluster_ips.iter().map(ToString::to_string).collect::<Vec<_>>())
            },
        ));
    }
    finding
        .details
        .push("serviceName cannot be changed: make a headless Service of that name with the pods' labels".into());
    let near = nearest::services(asked.setup.objects, namespace, governing);
    if view.is_none() && !near.is_empty() {
        finding.details.push(format!("there is {}", words::list(&near)));
    }
    finding.help =
        Some(format!("kubectl -n {} get statefulset {} -o yaml", words::shell(namespace), words::shell(own)));
    Some(finding)
}

/// ST711: what a resolver really asks for when a name outside the cluster is looked up.
pub(super) fn search_expansion(context: &DnsContext<'_, '_>) -> Vec<Finding> {
    let Some(asked) = Asked::of(context) else { return Vec::new() };
    let Some(client) = asked.client() else { return Vec::new() };
    let Some(typed) = name::absolute(asked.typed) else { return Vec::new() };
    // a name of the cluster is meant to be searched for; one with a dot at its end is not searched for
    if asked.setup.zone.entry(&typed).is != Meaning::Outside
        || asked.typed.ends_with('.')
        || asked.setup.is_meant_inside(asked.typed)
        || asked.entry().is_some_and(|entry| asked.setup.is_of_a_service(&entry))
        || !stateful_set_service(context).is_empty()
    {
        return Vec::new();
    }
    let glibc = asked.setup.lookup(asked.typed, client, Libc::Glibc);
    let before = glibc.made.iter().take_while(|(step, _)| step.name != typed).count();
    if before == 0 {
        return Vec::new();
    }
    let others = if before == 1 { "1 other name is".to_owned() } else { format!("{before} other names are") };
    let mut finding = Finding::new(
        Code::SearchExpansion,
        format!("{} has fewer dots than ndots:{}, so {others} asked for first", asked.typed, client.conf.ndots()),
    );
    for libc in Libc::ALL {
        let lookup = asked.setup.lookup(asked.typed, client, libc);
        let names: Vec<String> = lookup.made.iter().map(|(step, _)| name::plain(&step.name)).collect();
        finding.details.push(format!("{} asks: {}", libc.as_str(), names.join(", ")));
    }
    finding
        .details
        .push("each is asked for A and for AAAA; a dot at the end of the name, or ndots:2, spares them".into());
    if let Some((config, plugin, block)) = super::corefile::autopath(&asked.setup) {
        // coredns plugin/autopath/README.md: it has to know the pod by its address
        let works = block.kubernetes().is_some_and(|kubernetes| kubernetes.pods == PodRecords::Verified);
        let by_cluster = plugin.args.contains(&"@kubernetes");
        finding.details.push(if by_cluster && !works {
            "autopath in the Corefile does nothing: it needs `pods verified` in kubernetes".into()
        } else {
            "autopath in the Corefile answers the first of them with what the last gives: one query is made".into()
        });
        finding.evidence.push(super::setup::corefile_line(config, plugin.line, plugin.text));
    }
    let ndots = format!("options ndots:{}", client.conf.ndots());
    finding.evidence.push(conf_line(client, &format!("search {}; {ndots}", client.conf.search_words())));
    finding.object = client.pod.map(pod_ref);
    finding.help =
        Some(format!("kubectl svc-trace dns {}. -n {}", words::shell(asked.typed), words::shell(&client.namespace)));
    vec![finding]
}

/// From the name to what is behind it, a step a line.
pub(super) fn walk(context: &DnsContext<'_, '_>) -> Vec<String> {
    let Some(asked) = Asked::of(context) else { return Vec::new() };
    let Some(client) = asked.client() else { return Vec::new() };
    let Some(entry) = asked.entry() else {
        let text = if client.source == Source::Host {
            format!(
                "{} has no search list of the cluster's: it was asked for as a pod of namespace {} would",
                client.words, client.namespace
            )
        } else {
            format!("{} is no name of the cluster: it is forwarded", asked.typed)
        };
        return vec![text];
    };
    let mut steps = vec![format!("{} is asked for as {} by {}", asked.typed, name::plain(&entry.name), client.words)];
    steps.push(format!("{}: {}", entry.is, entry.promise()));
    let (chain, end) = asked.setup.zone.follow(&entry);
    let last = match end {
        ChainEnd::At(last) => *last,
        ChainEnd::Loop(_) => entry.clone(),
    };
    if chain.len() > 1 {
        steps.push(format!("alias: {}", chain.iter().map(name::plain).collect::<Vec<_>>().join(" → ")));
        steps.push(format!("{}: {}", last.is, last.promise()));
    }
    if let Some(service) = last.service()
        && let Some(view) = ServiceView::find(asked.setup.objects, &service.namespace, &service.name)
        && let Some(all) = endpoints(asked.setup.objects, &view)
    {
        let ready: Vec<String> = all.iter().filter(|one| one.ready).map(|one| one.ip.to_string()).collect();
        steps.push(match ready.len() {
            0 => format!("{service} has no ready endpoint"),
            count => format!("{}: {}", words::count(count, "ready endpoint"), words::list(&ready)),
        });
    }
    steps
}
