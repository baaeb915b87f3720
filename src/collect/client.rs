//! The connection to the API server, as kubectl would make it: kubeconfig lists, contexts, impersonation, exec
//! plugins, proxies, in-cluster. Makes the client and nothing else; sends no request.

use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use hyper_util::client::proxy::matcher::Matcher;
use kube::config::{Cluster, ExecAuthCluster, Kubeconfig};
use kube::{Client, Config};

use super::config::{CollectConfig, KubeOptions, Via};
use crate::{Error, Result};

/// The namespace of names without one: `--namespace`, else the context's, else `default`.
///
/// # Errors
/// When there is no usable kubeconfig; reading this very node does without.
pub fn namespace(config: &CollectConfig) -> Result<String> {
    match namespace_of(&config.kube) {
        Err(_) if config.via == Via::Local => Ok("default".into()),
        other => other,
    }
}

/// The same for who only asks the API.
///
/// # Errors
/// When there is no usable kubeconfig.
pub fn namespace_of(options: &KubeOptions) -> Result<String> {
    match &options.namespace {
        Some(name) => Ok(name.clone()),
        None => Ok(configuration(options)?.default_namespace),
    }
}

/// A client for the cluster that `options` lead to.
///
/// # Errors
/// When there is no usable kubeconfig, or its credentials cannot be had.
pub async fn connect(options: &KubeOptions) -> Result<Client> {
    let config = configuration(options)?;
    let url = config.cluster_url.to_string();
    // a plugin for credentials is a program that is waited for
    let made = tokio::task::spawn_blocking(move || Client::try_from(config)).await;
    match made {
        Ok(Ok(client)) => Ok(client),
        Ok(Err(error)) => Err(refused(format!("{url}: {}", chain(&error)))),
        Err(error) => Err(refused(format!("{url}: {error}"))),
    }
}

/// The configuration behind the client.
fn configuration(options: &KubeOptions) -> Result<Config> {
    let named = options.context.is_some() || options.cluster.is_some() || options.user.is_some();
    let mut config = match merged(&sources(options))? {
        Some((kubeconfig, files)) => {
            chosen(kubeconfig, options).map_err(|why| refused(format!("{why}, in {files}")))?
        }
        None if options.kubeconfig.is_some() => {
            let file = options.kubeconfig.as_deref().unwrap_or(Path::new("")).display();
            return Err(refused(format!("`{file}` does not exist, or is empty")));
        }
        None if named => return Err(refused("there is no kubeconfig, so no context, cluster or user in it")),
        None => {
            Config::incluster().map_err(|_| refused("there is no kubeconfig, and this is not a pod of a cluster"))?
        }
    };
    if config.proxy_url.is_none() {
        config.proxy_url = environment_proxy(&Matcher::from_env(), &config.cluster_url);
    }
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
        let one =
            Kubeconfig::read_from(file).map_err(|error| refused(format!("`{}`: {}", file.display(), chain(&error))))?;
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

/// The context, its cluster and its user as one configuration. kube 5.0 does the same and asks NO_PROXY about the
/// proxy instead of about the server, and fails on an empty item in it; so it is done here.
fn chosen(mut kubeconfig: Kubeconfig, options: &KubeOptions) -> Result<Config, String> {
    let name = options.context.as_ref().or(kubeconfig.current_context.as_ref()).filter(|name| !name.is_empty());
    let name = name.ok_or("there is no current context")?;
    let context =
        kubeconfig.contexts.iter().find(|context| context.name == *name).and_then(|context| context.context.clone());
    let context = context.ok_or_else(|| format!("there is no context `{name}`"))?;
    let name = options.cluster.as_ref().unwrap_or(&context.cluster);
    let cluster =
        kubeconfig.clusters.iter().find(|cluster| cluster.name == *name).and_then(|cluster| cluster.cluster.clone());
    let cluster = cluster.ok_or_else(|| format!("there is no cluster `{name}`"))?;
    let server = cluster.server.as_deref().ok_or_else(|| format!("cluster `{name}` has no server"))?;
    let mut config = Config::new(server.parse().map_err(|_| format!("server `{server}` is not a URL"))?);
    // client-go takes a user that is not there for one without credentials
    let user = options.user.as_ref().or(context.user.as_ref());
    let found = user.and_then(|name| kubeconfig.auth_infos.iter_mut().find(|user| user.name == *name));
    config.auth_info = found.and_then(|user| user.auth_info.take()).unwrap_or_default();
    if let Some(exec) = config.auth_info.exec.as_mut().filter(|exec| exec.provide_cluster_info) {
        exec.cluster = Some(ExecAuthCluster::try_from(&cluster).map_err(|error| chain(&error))?);
    }
    config.root_cert = authority(&cluster)?;
    config.accept_invalid_certs = cluster.insecure_skip_tls_verify.unwrap_or(false);
    config.disable_compression = cluster.disable_compression.unwrap_or(false);
    config.tls_server_name = cluster.tls_server_name;
    config.default_namespace = context.namespace.filter(|name| !name.is_empty()).unwrap_or_else(|| "default".into());
    if let Some(url) = cluster.proxy_url.filter(|url| !url.is_empty()) {
        config.proxy_url = Some(url.parse().map_err(|_| format!("proxy-url `{url}` is not a URL"))?);
    }
    Ok(config)
}

/// The certificates that the server's may be signed by; data before file, as in client-go.
fn authority(cluster: &Cluster) -> Result<Option<Vec<Vec<u8>>>, String> {
    let pem = match (&cluster.certificate_authority_data, &cluster.certificate_authority) {
        (Some(data), _) if !data.is_empty() => {
            let data: String = data.split_whitespace().collect();
            BASE64.decode(data.as_bytes()).map_err(|error| format!("certificate-authority-data: {error}"))?
        }
        (_, Some(file)) if !file.is_empty() => {
            std::fs::read(file).map_err(|error| format!("certificate-authority `{file}`: {error}"))?
        }
        _ => return Ok(None),
    };
    certificates(&String::from_utf8_lossy(&pem)).map(Some)
}

/// The `CERTIFICATE` blocks of a PEM text (RFC 7468).
fn certificates(pem: &str) -> Result<Vec<Vec<u8>>, String> {
    let blocks = pem.split("-----BEGIN CERTIFICATE-----").skip(1);
    let decoded = blocks.map(|block| {
        let body = block.split_once("-----END CERTIFICATE-----").ok_or("a certificate has no end")?.0;
        let body: String = body.split_whitespace().collect();
        BASE64.decode(body.as_bytes()).map_err(|error| format!("a certificate is not base64: {error}"))
    });
    let decoded: Vec<_> = decoded.collect::<Result<_, String>>()?;
    if decoded.is_empty() { Err("the certificate authority holds no certificate".into()) } else { Ok(decoded) }
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

    #[test]
    fn context_namespace_and_impersonation() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(&folder, "config", &kubeconfig(&["a", "b"], Some("a")));
        let options = KubeOptions { kubeconfig: Some(path), ..KubeOptions::default() };
        let with = |kube: &KubeOptions| CollectConfig { kube: kube.clone(), ..CollectConfig::default() };
        assert_eq!(namespace(&with(&options)).unwrap(), "of-a");
        let other = KubeOptions {
            context: Some("b".into()),
            impersonate: Some("alice".into()),
            impersonate_groups: vec!["ops".into()],
            ..options.clone()
        };
        let config = configuration(&other).unwrap();
        assert_eq!((config.cluster_url.host(), config.default_namespace.as_str()), (Some("b.example"), "of-b"));
        assert_eq!(config.auth_info.impersonate.as_deref(), Some("alice"));
        assert_eq!(config.auth_info.impersonate_groups, Some(vec!["ops".to_owned()]));
        assert!(!config.default_retry);
        let named = KubeOptions { namespace: Some("shop".into()), ..options };
        assert_eq!(namespace(&with(&named)).unwrap(), "shop");
        let gone = KubeOptions { kubeconfig: Some(folder.path().join("gone")), ..KubeOptions::default() };
        assert!(namespace(&with(&gone)).is_err());
        assert_eq!(namespace(&CollectConfig { via: Via::Local, ..with(&gone) }).unwrap(), "default");
    }

    #[track_caller]
    fn fails(error: &Error, word: &str) {
        assert!(matches!(error, Error::Kubeconfig { .. }));
        assert!(error.to_string().contains(word), "{error}");
    }

    #[test]
    fn what_is_wrong_with_a_kubeconfig_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let with = |path: PathBuf| KubeOptions { kubeconfig: Some(path), ..KubeOptions::default() };
        let good = file(&folder, "good", &kubeconfig(&["a"], Some("a")));
        let unknown = KubeOptions { context: Some("nope".into()), ..with(good) };
        fails(&configuration(&unknown).unwrap_err(), "nope");
        fails(&configuration(&with(folder.path().join("gone"))).unwrap_err(), "does not exist");
        fails(
            &configuration(&with(file(&folder, "none", &kubeconfig(&["a"], None)))).unwrap_err(),
            "no current context",
        );
        let mut odd = kubeconfig(&["a"], Some("a"));
        odd["clusters"][0]["cluster"]["certificate-authority-data"] = json!("bm90aGluZw==");
        fails(&configuration(&with(file(&folder, "odd", &odd))).unwrap_err(), "holds no certificate");
        let rubbish = folder.path().join("rubbish");
        std::fs::write(&rubbish, "\u{0}{[").unwrap();
        fails(&configuration(&with(rubbish)).unwrap_err(), "rubbish");
    }

    #[test]
    fn certificates_of_a_pem_text() {
        let pem = "text\n-----BEGIN CERTIFICATE-----\nAQID\nBA==\n-----END CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\nBQ==\n-----END CERTIFICATE-----\n";
        assert_eq!(certificates(pem).unwrap(), [vec![1, 2, 3, 4], vec![5]]);
        assert!(certificates("-----BEGIN CERTIFICATE-----\nAQID").is_err());
        assert!(certificates("-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----").is_err());
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
