//! Requests to the API, each with its time limit and counted. What is refused becomes a word for the caller, never
//! an empty list.

use std::fmt::Debug;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams, LogParams};
use kube::{Client, Error as KubeError};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::refusal::{self, Act, shorten};
use crate::report::Gap;
use crate::{Error, Result};

/// Requests that one trace may make of the API, those about its pod aside.
pub const BUDGET: usize = 12;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Miss {
    /// A right is missing.
    Denied,
    /// There is no such thing.
    NotFound,
    /// The request failed, in words.
    Failed(String),
}

/// Sends requests.
pub struct Reader {
    client: Client,
    limit: Duration,
    sent: AtomicUsize,
}

impl Reader {
    /// A reader whose every request ends within `limit`.
    #[must_use]
    pub fn new(client: Client, limit: Duration) -> Self {
        Self { client, limit, sent: AtomicUsize::new(0) }
    }

    /// The client.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// How many requests were sent.
    #[must_use]
    pub fn sent(&self) -> usize {
        self.sent.load(Ordering::Relaxed)
    }

    /// How many optional requests may still be made when `kept` must remain for what comes later.
    #[must_use]
    pub fn may_ask(&self, kept: usize) -> bool {
        self.sent() + kept < BUDGET
    }

    /// One object.
    ///
    /// # Errors
    /// Why it is not had.
    pub async fn get<K>(&self, api: &Api<K>, name: &str) -> Result<K, Miss>
    where
        K: Clone + DeserializeOwned + Debug,
    {
        self.ask(|| api.get(name)).await
    }

    /// A list, in one request. `resourceVersion=0` lets the server answer from its cache.
    ///
    /// # Errors
    /// Why it is not had.
    pub async fn list<K>(&self, api: &Api<K>, params: &ListParams) -> Result<Vec<K>, Miss>
    where
        K: Clone + DeserializeOwned + Debug,
    {
        self.ask(|| api.list(params)).await.map(|list| list.items)
    }

    /// The log of a pod.
    ///
    /// # Errors
    /// Why it is not had.
    pub async fn log(&self, namespace: &str, pod: &str, params: &LogParams) -> Result<String, Miss> {
        let api: Api<Pod> = Api::namespaced(self.client.clone(), namespace);
        self.ask(|| api.logs(pod, params)).await
    }

    /// The server's version, as `v1.34.4`.
    pub async fn version(&self) -> Option<String> {
        self.ask(|| self.client.apiserver_version()).await.ok().map(|info| info.git_version)
    }

    async fn ask<T, F>(&self, request: impl Fn() -> F) -> Result<T, Miss>
    where
        F: Future<Output = Result<T, KubeError>>,
    {
        let mut is_last = false;
        loop {
            self.sent.fetch_add(1, Ordering::Relaxed);
            let miss = match timeout(self.limit, request()).await {
                Ok(Ok(value)) => return Ok(value),
                Err(_) => return Err(Miss::Failed(format!("no answer within {:?}", self.limit))),
                Ok(Err(KubeError::Api(status))) => match status.code {
                    403 if refusal::is_rbac(&status) => return Err(Miss::Denied),
                    404 => return Err(Miss::NotFound),
                    401 => {
                        return Err(Miss::Failed(
                            "it does not know you (401): the credentials of the kubeconfig are not valid".into(),
                        ));
                    }
                    429 | 503 | 504 => Miss::Failed(shorten(&status.message)),
                    _ => return Err(Miss::Failed(shorten(&status.message))),
                },
                Ok(Err(error)) => return Err(Miss::Failed(shorten(&super::client::chain(&error)))),
            };
            if is_last {
                return Err(miss);
            }
            is_last = true;
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }
}

/// What a missing answer means: a gap where a right is missing, nothing where there is no such thing.
///
/// # Errors
/// The API server failed.
pub fn kept<T>(answer: Result<T, Miss>, act: Act<'_>, lost: &str, gaps: &mut Vec<Gap>) -> Result<Option<T>> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(Miss::Denied) => {
            gaps.push(act.denied(None, lost));
            Ok(None)
        }
        Err(Miss::NotFound) => Ok(None),
        Err(Miss::Failed(message)) => Err(failed(message)),
    }
}

/// The API server could not be asked.
#[must_use]
pub fn failed(message: String) -> Error {
    Error::Api { message, help: Some("kubectl cluster-info; --bundle DIR needs no cluster".into()) }
}
