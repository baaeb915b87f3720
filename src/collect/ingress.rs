//! What the question about an Ingress needs of the API: the Ingress, the Services, and the slices and pods of its
//! namespace and of its controller.

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::networking::v1::Ingress;
use kube::api::{Api, ListParams};

use super::api::Aim;
use super::controllers::controller;
use super::lookup::{add, name_of, selector};
use super::refusal::Act;
use super::requests::{Miss, Reader, failed, kept};
use super::snapshot::Objects;
use crate::{Error, Result};

/// Reads it into `aim`, whose Services were read.
///
/// # Errors
/// The API server failed, or there is no such Ingress.
pub(super) async fn read(reader: &Reader, namespace: &str, name: &str, aim: &mut Aim) -> Result<()> {
    let ingress = match reader.get(&Api::<Ingress>::namespaced(reader.client().clone(), namespace), name).await {
        Ok(ingress) => ingress,
        Err(Miss::NotFound) => {
            let message = format!("no Ingress `{}` in namespace `{}`", name.escape_debug(), namespace.escape_debug());
            return Err(Error::usage_help(message, "kubectl get ingresses -A"));
        }
        Err(Miss::Denied) => {
            let message = format!("you may not get Ingresses in `{}`", namespace.escape_debug());
            return Err(Error::usage_help(message, "kubectl auth can-i get ingresses.networking.k8s.io"));
        }
        Err(Miss::Failed(message)) => return Err(failed(message)),
    };
    let services = aim.services.clone().unwrap_or_default();
    let leading = controller(&services, &ingress).ok().map(|found| name_of(found.service));
    let names = backend_names(&ingress);
    let behind = services.iter().map(name_of).filter(|(ns, own)| ns == namespace && names.contains(own));
    aim.focus = leading.clone().into_iter().chain(behind).collect();
    let mut objects = Objects { services: Some(services), ..Objects::default() };
    let slices = super::api::all_slices(reader, namespace).await;
    let act = Act { verb: "list", resource: "endpointslices.discovery.k8s.io", namespace };
    objects.slices = kept(slices, act, "the endpoints behind the Ingress", &mut aim.gaps)?;
    let api: Api<Pod> = Api::namespaced(reader.client().clone(), namespace);
    let pods = reader.list(&api, &ListParams::default()).await;
    let act = Act { verb: "list", resource: "pods", namespace };
    objects.pods = kept(pods, act, "why endpoints are not ready", &mut aim.gaps)?;
    if let Some((ns, own)) = leading.filter(|(ns, _)| ns != namespace) {
        if let Ok(more) = super::api::slices_of(reader, &ns, &own).await {
            add(&mut objects.slices, more);
        }
        if let Some(labels) = selector(&objects, &ns, &own) {
            let api: Api<Pod> = Api::namespaced(reader.client().clone(), &ns);
            if let Ok(more) = reader.list(&api, &ListParams::default().labels(&labels)).await {
                add(&mut objects.pods, more);
            }
        }
    }
    aim.slices = objects.slices;
    aim.pods = objects.pods;
    aim.ingresses = Some(vec![ingress]);
    Ok(())
}

/// Names of the Services that it leads to.
fn backend_names(ingress: &Ingress) -> Vec<String> {
    let Some(spec) = &ingress.spec else { return Vec::new() };
    let paths = spec.rules.iter().flatten().flat_map(|rule| rule.http.iter().flat_map(|http| &http.paths));
    let all = spec.default_backend.iter().chain(paths.map(|path| &path.backend));
    all.filter_map(|backend| Some(backend.service.as_ref()?.name.clone())).collect()
}
