//! What a panic leaves: nothing of this program goes on after one (`panic = "abort"`), so what it has made in the
//! cluster is removed before it ends, from a thread and over a connection of its own.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures::future::join_all;

use super::client::connect;
use super::config::{KubeOptions, Limits};
use super::debug_pod::{Made, delete};

/// How a program that panicked ends, as Rust's own do (std `process`).
const PANICKED: i32 = 101;

/// What stands in a cluster now, with the way to it.
static STANDING: Mutex<Vec<(Made, KubeOptions, Limits)>> = Mutex::new(Vec::new());

/// Has each panic end the program, after what it made was removed. For the program's first line.
pub fn install() {
    static ENDING: AtomicBool = AtomicBool::new(false);
    let told = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        told(panic);
        if !ENDING.swap(true, Ordering::SeqCst) {
            // the runtime of the thread that panicked stands still
            let _ = std::thread::spawn(remove_all).join();
            end();
        }
    }));
}

#[allow(clippy::exit, reason = "the panic's own way out would leave no code that tells it from a crash")]
fn end() -> ! {
    std::process::exit(PANICKED)
}

pub(super) fn note(made: &Made, kube: &KubeOptions, limits: &Limits) {
    standing().push((made.clone(), kube.clone(), limits.clone()));
}

pub(super) fn removed(made: &Made) {
    standing().retain(|(other, ..)| other != made);
}

fn standing() -> MutexGuard<'static, Vec<(Made, KubeOptions, Limits)>> {
    STANDING.lock().unwrap_or_else(PoisonError::into_inner)
}

fn remove_all() {
    let all = standing().clone();
    let Some((_, kube, _)) = all.first() else { return };
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    let left = runtime.block_on(async {
        match connect(kube).await {
            Ok(client) => {
                let removals = all.iter().map(|(made, _, limits)| delete(&client, limits, made));
                join_all(removals).await.into_iter().filter_map(Result::err).map(|gap| gap.summary).collect()
            }
            Err(error) => vec![error.to_string()],
        }
    });
    for why in left {
        tell(&why);
    }
}

/// One line on standard error; where that is closed there is nobody to tell.
fn tell(why: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr().lock(), "not removed: {why} (kubectl svc-trace cleanup --all removes it)");
}
