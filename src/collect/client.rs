//! The connection to the API server, as kubectl would make it: kubeconfig lists, contexts, impersonation, exec
//! plugins, proxies, in-cluster. Makes the client and nothing else; sends no request.

use std::path::{Path, PathBuf};

use hyper_util::client::proxy::matcher::Matcher;
use kube::config::{Kubeconfig, KubeConfigOptions};
use kube::{Client, Config};

use super::config::KubeOptions;
use crate::{Error, Result};

/// The namespace of names without one: `--namespace`, else the context's, else `default`.
///
/// # Errors
/// When there is no usable kubeconfig.
pub async fn namespace(options: &KubeOptions) -> Result<String> {
    match &options.namespace {
        Some(name) => Ok(name.clone()),
        None => Ok(configuration(options).await?.default_namespace),
    }
}

/// A client for the cluster that `options` lead to.
///
/// # Errors
/// When there is no usable kubeconfig, or its credentials cannot be read.
pub async fn connect(options: &KubeOptions) -> Result<Client> {
    let config = configuration(options).await?;
    let url = config.cluster_url.to_string();
    Client::try_from(config).map_err(|error| refused(format!("{url}: {}", chain(&error))))
}

/// The configuration behind the client.
async fn configuration(options: &KubeOptions) -> Result<Config> {
    let choice = KubeConfigOptions {
        context: options.context.clone(),
        cluster: options.cluster.clone(),
        user: options.user.clone(),
    };
    let named = choice.context.is_some() || choice.cluster.is_some() || choice.user.is_some();
    let mut config = match merged(&sources(options))? {
        Some((kubeconfig, files)) => {
            let proxy = proxy_of(&kubeconfig, options);
            if kubeconfig.current_context.as_deref().is_none_or(str::is_empty) && options.context.is_none() {
                return Err(refused(format!("no current context in {files}")));
            }
            let mut config = Config::from_custom_kubeconfig(kubeconfig, &choice)
                .await
                .map_err(|error| refused(format!("{}, in {files}", chain(&error))))?;
            config.proxy_url = proxied(proxy, &config)?;
            config
        }
        None if options.kubeconfig.is_some() => {
            let file = options.kubeconfig.as_deref().unwrap_or(Path::new("")).display();
            return Err(refused(format!("`{file}` does not exist, or is empty")));
        }
        None if named => return Err(refused("there is no kubeconfig, so no context, cluster or user in it")),
        None => {
            let mut config =
                Config::incluster().map_err(|_| refused("there is no kubeconfig, and this is not a pod of a cluster"))?;
            config.proxy_url = proxied(None, &config)?;
            config
        }
    };
    if let Some(user) = &options.impersonate {
        config.auth_info.impersonate = Some(user.clone());
    }
    if !options.impersonate_groups.is_empty() {
        config.auth_info.impersonate_groups = Some(options.impersonate_groups.clone());
    }
    // Retries of the library's own would stretch our time limits without a word.
    config.default_retry = false;
    Ok(config)
}

/// The files that kubectl would read, in its order.
fn sources(options: &KubeOptions) -> Vec<PathBuf> {
    if let Some(file) = &options.kubeconfig {
        return vec![file.clone()];
    }
    if let Some(list) = std::env::var_os("KUBECONFIG").filter(|list| !list.is_empty()) {
        return std::env::split_paths(&list).filter(|path| !path.as_os_str().is_empty()).collect();
    }
    std::env::home_dir().map(|home| vec![home.join(".kube/config")]).unwrap_or_default()
}

/// The files as one, earlier ones first, with their names for messages. Files of a list that are not there are
/// passed over (client-go tools/clientcmd/loader.go); a single one that was named must exist.
fn merged(files: &[PathBuf]) -> Result<Option<(Kubeconfig, String)>> {
    let mut whole: Option<Kubeconfig> = None;
    let mut names = Vec::new();
    for file in files {
        if !file.exists() {
            continue;
        }
        let one = Kubeconfig::read_from(file).map_err(|error| refused(format!("`{}`: {}", file.display(), chain(&error))))?;
        names.push(format!("`{}`", file.display()));
        whole = Some(match whole {
            None => one,
            Some(before) => before.merge(one).map_err(|error| refused(chain(&error)))?,
        });
    }
    // a file with nothing in it is no configuration: in a pod its own account is meant
    let filled = |kubeconfig: &Kubeconfig| !kubeconfig.clusters.is_empty() || !kubeconfig.contexts.is_empty();
    Ok(whole.filter(filled).map(|kubeconfig| (kubeconfig, names.join(", "))))
}

/// `proxy-url` of the cluster that will be used.
fn proxy_of(kubeconfig: &Kubeconfig, options: &KubeOptions) -> Option<String> {
    let context = options.context.as_ref().or(kubeconfig.current_context.as_ref())?;
    let cluster = match &options.cluster {
        Some(name) => name.clone(),
        None => kubeconfig.contexts.iter().find(|c| &c.name == context)?.context.as_ref()?.cluster.clone(),
    };
    let cluster = kubeconfig.clusters.iter().find(|c| c.name == cluster)?;
    cluster.cluster.as_ref()?.proxy_url.clone().filter(|url| !url.is_empty())
}

/// The proxy to use: the kubeconfig's own, else that of the environment unless NO_PROXY names the API server.
/// kube 5.0 asks NO_PROXY about the proxy instead of about the server, so it is done here.
fn proxied(own: Option<String>, config: &Config) -> Result<Option<http::Uri>> {
    if let Some(url) = own {
        return url.parse().map(Some).map_err(|_| refused(format!("proxy-url `{url}` is not a URL")));
    }
    Ok(environment_proxy(&Matcher::from_env(), &config.cluster_url))
}

/// What the environment's variables say for this server. golang's net/http leaves the loopback out.
fn environment_proxy(matcher: &Matcher, server: &http::Uri) -> Option<http::Uri> {
    let host = server.host().unwrap_or_default();
    let plain = host.trim_start_matches('[').trim_end_matches(']');
    if plain == "localhost" || plain.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback()) {
        return None;
    }
    let found = matcher.intercept(server)?;
    // The matcher keeps the user and password apart; kube reads them from the URL.
    match found.raw_auth() {
        None => Some(found.uri().clone()),
        Some(_) => proxy_variable().and_then(|url| url.parse().ok()).or_else(|| Some(found.uri().clone())),
    }
}

/// The variable as it is written, credentials included.
fn proxy_variable() -> Option<String> {
    ["HTTPS_PROXY", "https_proxy"].into_iter().find_map(|name| std::env::var(name).ok().filter(|url| !url.is_empty()))
}

/// An error of this file's only kind.
fn refused(message: impl Into<String>) -> Error {
    Error::Kubeconfig { message: message.into() }
}

/// An error with its causes, each once.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let more = cause.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn file(folder: &tempfile::TempDir, name: &str, content: &Value) -> PathBuf {
        let path = folder.path().join(name);
        std::fs::write(&path, content.to_string()).unwrap();
        path
    }

    fn kubeconfig(names: &[&str], current: Option<&str>) -> Value {
        json!({
            "apiVersion": "v1", "kind": "Config", "current-context": current,
            "clusters": names.iter().map(|name| json!({"name": name, "cluster": {"server": format!("https://{name}.example:6443")}})).collect::<Vec<_>>(),
            "contexts": names.iter().map(|name| json!({"name": name, "context": {"cluster": name, "user": name, "namespace": format!("of-{name}")}})).collect::<Vec<_>>(),
            "users": names.iter().map(|name| json!({"name": name, "user": {"token": "t"}})).collect::<Vec<_>>(),
        })
    }

    #[test]
    fn lists_are_merged_and_missing_files_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let files = [
            file(&folder, "first", &kubeconfig(&["a"], None)),
            folder.path().join("not-there"),
            file(&folder, "second", &kubeconfig(&["b", "a"], Some("b"))),
        ];
        let (merged, names) = merged(&files).unwrap().unwrap();
        assert_eq!(merged.current_context.as_deref(), Some("b"));
        assert_eq!(merged.contexts.iter().map(|context| context.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert!(names.contains("first") && names.contains("second") && !names.contains("not-there"));
    }

    #[tokio::test]
    async fn context_namespace_and_impersonation() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(&folder, "config", &kubeconfig(&["a", "b"], Some("a")));
        let options = KubeOptions { kubeconfig: Some(path), ..KubeOptions::default() };
        assert_eq!(namespace(&options).await.unwrap(), "of-a");
        let other = KubeOptions {
            context: Some("b".into()),
            impersonate: Some("alice".into()),
            impersonate_groups: vec!["ops".into()],
            ..options.clone()
        };
        let config = configuration(&other).await.unwrap();
        assert_eq!((config.cluster_url.host(), config.default_namespace.as_str()), (Some("b.example"), "of-b"));
        assert_eq!(config.auth_info.impersonate.as_deref(), Some("alice"));
        assert_eq!(config.auth_info.impersonate_groups, Some(vec!["ops".to_owned()]));
        assert!(!config.default_retry);
        let named = KubeOptions { namespace: Some("shop".into()), ..options };
        assert_eq!(namespace(&named).await.unwrap(), "shop");
    }

    #[track_caller]
    fn fails(error: &Error, word: &str) {
        assert!(matches!(error, Error::Kubeconfig { .. }));
        assert!(error.to_string().contains(word), "{error}");
    }

    #[tokio::test]
    async fn what_is_wrong_with_a_kubeconfig_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let with = |path: PathBuf| KubeOptions { kubeconfig: Some(path), ..KubeOptions::default() };
        let good = file(&folder, "good", &kubeconfig(&["a"], Some("a")));
        let unknown = KubeOptions { context: Some("nope".into()), ..with(good) };
        fails(&configuration(&unknown).await.unwrap_err(), "nope");
        fails(&configuration(&with(folder.path().join("gone"))).await.unwrap_err(), "does not exist");
        fails(&configuration(&with(file(&folder, "none", &kubeconfig(&["a"], None)))).await.unwrap_err(), "no current context");
        let rubbish = folder.path().join("rubbish");
        std::fs::write(&rubbish, "\u{0}{[").unwrap();
        fails(&configuration(&with(rubbish)).await.unwrap_err(), "rubbish");
    }

    #[track_caller]
    fn proxy(server: &str, no: &str, expected: Option<&str>) {
        let matcher = Matcher::builder().https("http://proxy.example:3128").no(no).build();
        let found = environment_proxy(&matcher, &server.parse().unwrap());
        assert_eq!(found.as_ref().and_then(http::Uri::host), expected, "{server} with NO_PROXY={no}");
    }

    #[test]
    fn no_proxy_is_asked_about_the_server() {
        proxy("https://10.0.0.1:6443", "", Some("proxy.example"));
        proxy("https://10.0.0.1:6443", "10.0.0.0/8", None);
        proxy("https://api.corp.example:6443", ".corp.example", None);
        proxy("https://api.corp.example:6443", "proxy.example", Some("proxy.example"));
        proxy("https://api.corp.example:6443", "*", None);
        proxy("https://127.0.0.1:6443", "", None);
        proxy("https://[::1]:6443", "", None);
    }
}
