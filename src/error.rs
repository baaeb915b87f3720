//! The few ways the program itself fails (exit 2), each with a hint. What is wrong with the cluster is a finding,
//! what could not be looked at is a gap: neither is an error.

use std::path::PathBuf;

/// A failure of the program or of how it was called; exit code 2.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command line says something that cannot be done.
    #[error("{message}")]
    Usage {
        /// What is wrong, as a lowercase fragment.
        message: String,
        /// One command to run or thing to do next.
        help: Option<String>,
    },
    /// The Service that was asked for does not exist.
    #[error("no Service `{name}` in namespace `{namespace}`")]
    NoSuchService {
        /// Namespace that was looked in.
        namespace: String,
        /// Name that was asked for.
        name: String,
        /// `namespace/name` of what comes near, best first.
        nearest: Vec<String>,
        /// What nodes still hold that may have been its, in words.
        left: Option<String>,
    },
    /// A file or folder could not be read or written.
    #[error("cannot {action} `{}`: {source}", path.display())]
    File {
        /// `read`, `write`, `create`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A bundle is not a bundle, or not one that can be read.
    #[error("`{}` is not a readable bundle: {reason}", path.display())]
    Bundle {
        /// The folder or archive.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// No kubeconfig, an unknown context, credentials that cannot be had.
    #[error("cannot connect to a cluster: {message}")]
    Kubeconfig {
        /// What is wrong with it.
        message: String,
    },
    /// The API server did not answer, or refused what cannot be done without.
    #[error("the API server: {message}")]
    Api {
        /// What it said.
        message: String,
        /// What to do next.
        help: Option<String>,
    },
    /// A signal came while a cluster was read; what was made was removed.
    #[error("interrupted")]
    Interrupted,
    /// The time of `--timeout` has passed. What was made was removed; where not even that came to an end in time, because the
    /// API server is silent, the cluster ends it by itself.
    #[error("it took longer than --timeout allows")]
    TooLate,
    /// The report could not be written.
    #[error("cannot write the report: {0}")]
    Output(#[from] std::io::Error),
}

impl Error {
    /// A usage error without a hint.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::Usage { message: message.into(), help: None }
    }

    /// Adds what nodes still hold to the error of a Service that is not there, unless its name is near another's.
    #[must_use]
    pub fn with_left(mut self, find: impl FnOnce() -> Option<String>) -> Self {
        if let Self::NoSuchService { nearest, left, .. } = &mut self
            && nearest.is_empty()
        {
            *left = find();
        }
        self
    }

    /// A usage error with something to run next.
    pub fn usage_help(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Usage { message: message.into(), help: Some(help.into()) }
    }

    /// The exit code: 2, or what a shell expects of a program that a signal ended.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Interrupted => 130,
            Self::Usage { .. }
            | Self::NoSuchService { .. }
            | Self::File { .. }
            | Self::Bundle { .. }
            | Self::Kubeconfig { .. }
            | Self::Api { .. }
            | Self::TooLate
            | Self::Output(_) => 2,
        }
    }

    /// What to do next, if there is something.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Usage { help, .. } | Self::Api { help, .. } => help.clone(),
            Self::NoSuchService { left: Some(left), .. } => Some(left.clone()),
            Self::NoSuchService { nearest, namespace, .. } => Some(if nearest.is_empty() {
                format!("kubectl get services -n {namespace}")
            } else {
                format!("did you mean {}?", nearest.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", "))
            }),
            Self::Bundle { .. } => Some("kubectl svc-trace collect -d DIR makes a bundle".into()),
            Self::Kubeconfig { .. } => {
                Some("kubectl config get-contexts; or give --kubeconfig FILE, or --bundle DIR".into())
            }
            Self::TooLate => Some("give more --timeout, or fewer nodes: --sample 1".into()),
            Self::File { .. } | Self::Output(_) | Self::Interrupted => None,
        }
    }
}

/// Result of the library.
pub type Result<T, E = Error> = std::result::Result<T, E>;
