//! ST119: environment variables of a Service that a client counts on and does not have, or has and does not expect.

use k8s_openapi::api::core::v1::Pod;

use crate::cluster::service_links::{Given, given, variables};
use crate::report::{Code, Confidence, Environment, Finding};

use super::Context;
use super::context::{field_of, pod_name, pod_ref};
use super::words;

/// The client's pod, where the question names one.
fn client<'snap>(context: &Context<'_, 'snap>) -> Option<&'snap Pod> {
    let (namespace, name) = context.client?.name.as_deref()?.split_once('/')?;
    context
        .objects
        .pods()
        .iter()
        .find(|pod| pod.metadata.name.as_deref() == Some(name) && pod.metadata.namespace.as_deref() == Some(namespace))
}

/// The variables of the Service for the client's pod; a Service without an address has none.
pub(super) fn shown(context: &Context<'_, '_>) -> Option<Environment> {
    let pod = client(context)?;
    let missing = match given(context.view, pod) {
        Given::NoAddress => return None,
        Given::Yes => None,
        Given::TooOld { container, started } => Some(format!(
            "container {container} was started at {started}, before the Service was made; a restart brings them"
        )),
        Given::OtherNamespace => Some("a pod has those of its own namespace alone".to_owned()),
        Given::SwitchedOff => Some("enableServiceLinks of the pod is false".to_owned()),
        Given::NotKnown => Some("when its containers were started is not known".to_owned()),
    };
    let name = format!("{}/{}", pod.metadata.namespace.as_deref().unwrap_or_default(), pod_name(pod));
    Some(Environment { client: name, missing, variables: variables(context.view) })
}

/// ST119: a container that is older than the Service lacks its variables; one whose own settings begin with the
/// Service's name has them overwritten.
pub(super) fn environment(context: &Context<'_, '_>) -> Vec<Finding> {
    let Some(pod) = client(context) else { return Vec::new() };
    let variables = variables(context.view);
    let Some((host, ip)) = variables.first() else { return Vec::new() };
    match given(context.view, pod) {
        Given::TooOld { container, started } => {
            let mut finding = context.finding(
                Code::ServiceLinksEnv,
                format!("container {container} of {} is older than the Service: it has no {host}, or that of an earlier one", pod_name(pod)),
            );
            finding.reason = Some("pod-older".into());
            let made = context.view.object.metadata.creation_timestamp.as_ref().map(|time| time.0.to_string());
            finding.evidence.push(field_of(
                pod_ref(pod),
                "status.containerStatuses[].state.running.startedAt",
                started,
            ));
            finding.evidence.push(context.field("metadata.creationTimestamp", made.unwrap_or_default()));
            finding.details.push("variables are made when a container starts; names in DNS need no restart".into());
            finding.help = Some(context.kubectl(&format!(
                "exec {} -c {} -- printenv {host}",
                words::shell(pod_name(pod)),
                words::shell(&container)
            )));
            vec![finding]
        }
        Given::Yes => shadowed(context, pod, &format!("tcp://{ip}")),
        Given::OtherNamespace | Given::SwitchedOff | Given::NoAddress | Given::NotKnown => Vec::new(),
    }
}

/// A program that is named like the Service reads settings that begin with its own name: `REDIS_PORT=tcp://…`.
fn shadowed(context: &Context<'_, '_>, pod: &Pod, value: &str) -> Vec<Finding> {
    let containers = pod.spec.as_ref().map(|spec| spec.containers.as_slice()).unwrap_or_default();
    let named = |image: &&str| {
        let name = image.rsplit('/').next().unwrap_or(image);
        name.split(['@', ':']).next() == Some(context.view.name)
    };
    let Some(image) = containers.iter().filter_map(|one| one.image.as_deref()).find(named) else { return Vec::new() };
    let prefix = context.view.name.to_uppercase().replace('-', "_");
    let mut finding = context.finding(
        Code::ServiceLinksEnv,
        format!(
            "{} runs {image} and has {prefix}_PORT={value}…: a program of that name may take it for its own setting",
            pod_name(pod)
        ),
    );
    finding.reason = Some("shadowed".into());
    finding.confidence = Confidence::Possible;
    finding.evidence.push(field_of(pod_ref(pod), "spec.containers[].image", image));
    finding.evidence.push(field_of(pod_ref(pod), "spec.enableServiceLinks", "true"));
    finding.details.push("enableServiceLinks: false in the pod's spec keeps them away".into());
    finding.help = Some(context.kubectl(&format!("exec {} -- printenv {prefix}_PORT", words::shell(pod_name(pod)))));
    vec![finding]
}
