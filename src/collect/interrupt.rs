//! Signals that ask this program to end: Ctrl-C, SIGTERM, SIGHUP. From the first request on they are heard, whatever is
//! waited for; what stands in a cluster is removed first. Removes nothing itself.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;

use crate::{Error, Result};

/// How a shell counts a program that Ctrl-C ended.
const INTERRUPTED: i32 = 130;
/// For what is at work to say so and return, before the program is ended without it.
const GRACE: Duration = Duration::from_secs(1);

/// A signal has come.
static CAME: LazyLock<watch::Sender<bool>> = LazyLock::new(|| watch::Sender::new(false));
/// So many hold something in a cluster that they remove when a signal comes.
static HOLDING: LazyLock<watch::Sender<usize>> = LazyLock::new(|| watch::Sender::new(0));
/// [`block_on`] waits for its work.
static AT_WORK: AtomicBool = AtomicBool::new(false);

/// Waits for `work`, unless a signal comes. Who holds something in a cluster hears it too, and is waited for.
///
/// # Errors
/// `Interrupted`; or what `work` says.
pub fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let signal = {
        let _inside = runtime.enter();
        signal()
    };
    AT_WORK.store(true, Ordering::SeqCst);
    // on a thread of its own: it also ends what keeps this one busy
    runtime.spawn(async {
        signal.await;
        CAME.send_replace(true);
        until_nobody_holds().await;
        if AT_WORK.load(Ordering::SeqCst) {
            tokio::time::sleep(GRACE).await;
        }
        end();
    });
    let done = runtime.block_on(heeding(work));
    AT_WORK.store(false, Ordering::SeqCst);
    // the system's own answer to a signal is gone for good: somebody has to listen until the end
    std::mem::forget(runtime);
    done
}

async fn heeding<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let mut work = Box::pin(work);
    tokio::select! {
        biased;
        () = came() => {}
        done = &mut work => return done,
    }
    tokio::select! {
        biased;
        () = until_nobody_holds() => {}
        _ = &mut work => {}
    }
    Err(Error::Interrupted)
}

#[allow(clippy::exit, reason = "what is at work does not listen, and the system's own answer to a signal is gone")]
fn end() {
    std::process::exit(INTERRUPTED);
}

/// Returns when a signal has come, whoever heard it.
pub(super) async fn interrupted() {
    let own = signal();
    tokio::select! {
        biased;
        () = came() => {}
        () = own => {}
    }
}

async fn came() {
    if CAME.subscribe().wait_for(|came| *came).await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn until_nobody_holds() {
    // the sender is never dropped
    let _ = HOLDING.subscribe().wait_for(|count| *count == 0).await;
}

/// As long as it lives the program does not end by a signal: something stands in a cluster.
pub(super) struct Hold(());

impl Hold {
    pub(super) fn new() -> Self {
        HOLDING.send_modify(|count| *count += 1);
        Self(())
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        HOLDING.send_modify(|count| *count -= 1);
    }
}

/// Listens from now on, and returns when a signal comes.
#[cfg(unix)]
fn signal() -> impl Future<Output = ()> + Send + 'static {
    use tokio::signal::unix::{SignalKind, signal};
    let one = |kind| {
        let stream = signal(kind);
        async move {
            let came = match stream {
                Ok(mut stream) => stream.recv().await,
                Err(_) => None,
            };
            if came.is_none() {
                std::future::pending::<()>().await;
            }
        }
    };
    let (interrupt, terminate, hangup) =
        (one(SignalKind::interrupt()), one(SignalKind::terminate()), one(SignalKind::hangup()));
    async {
        tokio::select! {
            () = interrupt => {},
            () = terminate => {},
            () = hangup => {},
        }
    }
}

/// Returns when a signal comes.
#[cfg(not(unix))]
async fn signal() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
