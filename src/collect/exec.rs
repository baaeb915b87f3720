//! exec in a pod over a websocket, with time limits of our own: a kubelet that hangs never ends a stream, and a
//! stream that ends is not a command that ended. Knows channels and frames, nothing of what is run.

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use http::Request;
use kube::Client;
use kube::api::AttachParams;
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::tungstenite::Message;

/// Most that one exec may bring: what is behind it is cut, and said to be.
const MOST: usize = 512 << 20;

// Channels of v4.channel.k8s.io and v5.channel.k8s.io (apimachinery pkg/util/remotecommand/constants.go).
const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const STATUS: u8 = 3;
const CLOSE: u8 = 255;

/// Bytes of standard input in one message: a server may refuse larger ones (golang.org/x/net/websocket takes 32 MiB).
const CHUNK: usize = 256 << 10;

/// Where to run.
#[derive(Debug, Clone)]
pub struct Place {
    /// Namespace.
    pub namespace: String,
    /// Pod.
    pub pod: String,
    /// Container.
    pub container: String,
}

/// What an exec brought.
#[derive(Debug, Default)]
pub struct Output {
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
    /// How it ended.
    pub end: End,
    /// The command could be told that its input ended. `v4.channel.k8s.io`, which Kubernetes before 1.30 speaks, has no
    /// way to say so (apiserver, feature `TranslateStreamCloseWebsocketRequests`).
    pub closes: bool,
}

/// How an exec ended.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub enum End {
    /// With this exit status.
    Exit(i32),
    /// The container runtime could not run it, in its words.
    Failed(String),
    /// The stream ended, or broke, without a status: nothing is known of the rest.
    #[default]
    Broken,
    /// Nothing came for the time that was allowed, or it took too long in all.
    TimedOut,
    /// More came than is taken.
    TooMuch,
    /// What was waited for came; the rest was not.
    Enough,
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exit(code) => write!(f, "exit code {code}"),
            Self::Failed(why) => f.write_str(why),
            Self::Broken => f.write_str("the stream broke off"),
            Self::TimedOut => f.write_str("nothing came in time"),
            Self::TooMuch => f.write_str("more came than is taken"),
            Self::Enough => f.write_str("all came that was waited for"),
        }
    }
}

/// Why an exec did not even begin.
#[derive(Debug)]
pub enum Refusal {
    /// The API server or the kubelet said no.
    Api(Box<kube::core::Status>),
    /// There was no answer in time.
    TimedOut,
    /// The connection failed.
    Connection(String),
}

/// Time that an exec may take.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Without a byte.
    pub silence: Duration,
    /// In all.
    pub whole: Duration,
}

/// Runs `argv` in a pod with `input` as standard input. What came before a time limit is kept.
///
/// # Errors
/// When the stream could not be opened.
pub async fn exec(
    client: &Client,
    place: &Place,
    argv: &[&str],
    input: &[u8],
    patience: Patience,
) -> Result<Output, Refusal> {
    exec_until(client, place, argv, input, patience, |_| false).await
}

/// The same, until `is_enough` of what came so far: the command is then left alone.
///
/// # Errors
/// When the stream could not be opened.
pub async fn exec_until(
    client: &Client,
    place: &Place,
    argv: &[&str],
    input: &[u8],
    patience: Patience,
    is_enough: impl FnMut(&Output) -> bool,
) -> Result<Output, Refusal> {
    let params = AttachParams {
        stdin: true,
        stdout: true,
        stderr: true,
        container: Some(place.container.clone()),
        ..AttachParams::default()
    };
    let request = kube::core::Request::new(format!("/api/v1/namespaces/{}/pods", place.namespace))
        .exec(&place.pod, argv.iter().copied(), &params)
        .map_err(|error| Refusal::Connection(error.to_string()))?;
    run(client, request, input, patience, is_enough).await
}

async fn run(
    client: &Client,
    request: Request<Vec<u8>>,
    input: &[u8],
    patience: Patience,
    mut is_enough: impl FnMut(&Output) -> bool,
) -> Result<Output, Refusal> {
    let last = Instant::now() + patience.whole;
    let connection = match timeout_at(last.min(Instant::now() + patience.silence), client.connect(request)).await {
        Err(_) => return Err(Refusal::TimedOut),
        Ok(Err(kube::Error::Api(status))) => return Err(Refusal::Api(status)),
        Ok(Err(error)) => return Err(Refusal::Connection(super::client::chain(&error))),
        Ok(Ok(connection)) => connection,
    };
    let closes = connection.supports_stream_close();
    let (mut to, mut from) = connection.into_stream().split();
    let mut output = Output { closes, ..Output::default() };
    let deadline = || last.min(Instant::now() + patience.silence);

    let chunks = input.chunks(CHUNK).map(|chunk| [&[STDIN], chunk].concat());
    let close = closes.then(|| vec![CLOSE, STDIN]);
    for message in chunks.chain(close) {
        match timeout_at(deadline(), to.send(Message::Binary(message.into()))).await {
            Err(_) => {
                output.end = End::TimedOut;
                return Ok(output);
            }
            Ok(Err(error)) => return Err(Refusal::Connection(error.to_string())),
            Ok(Ok(())) => {}
        }
    }

    let mut limit = deadline();
    output.end = loop {
        match timeout_at(limit, from.next()).await {
            Err(_) => break End::TimedOut,
            Ok(None | Some(Err(_))) => break End::Broken,
            Ok(Some(Ok(message))) => match take(&mut output, &message) {
                Took::Data if output.stdout.len() + output.stderr.len() > MOST => break End::TooMuch,
                Took::Data if is_enough(&output) => break End::Enough,
                Took::Data => limit = deadline(),
                // the API server's pings say nothing of the kubelet
                Took::Nothing => {}
                Took::End(end) => break end,
            },
        }
    };
    // Politeness only: the far side sees the end anyway when the connection goes.
    let _ = tokio::time::timeout(Duration::from_millis(200), to.close()).await;
    Ok(output)
}

enum Took {
    Data,
    Nothing,
    End(End),
}

fn take(output: &mut Output, message: &Message) -> Took {
    let data: &[u8] = match message {
        Message::Binary(bytes) => bytes,
        Message::Text(text) => text.as_bytes(),
        Message::Close(_) => return Took::End(End::Broken),
        Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => return Took::Nothing,
    };
    match data.split_first() {
        Some((&STDOUT, rest)) => output.stdout.extend_from_slice(rest),
        Some((&STDERR, rest)) => output.stderr.extend_from_slice(rest),
        Some((&STATUS, rest)) => return Took::End(ending(rest)),
        Some(_) | None => return Took::Nothing,
    }
    Took::Data
}

/// The status of channel 3: `{"status":"Failure","reason":"NonZeroExitCode","details":{"causes":[{"reason":"ExitCode","message":"2"}]}}`
/// (apimachinery pkg/util/remotecommand/constants.go, `NonZeroExitCodeReason`).
fn ending(body: &[u8]) -> End {
    let Ok(status) = serde_json::from_slice::<serde_json::Value>(body) else { return End::Broken };
    let text = |name: &str| status.get(name).and_then(serde_json::Value::as_str);
    if text("status") == Some("Success") {
        return End::Exit(0);
    }
    let causes = status.get("details").and_then(|details| details.get("causes")).and_then(serde_json::Value::as_array);
    let code = causes.into_iter().flatten().find_map(|cause| {
        let exit = cause.get("reason").and_then(serde_json::Value::as_str) == Some("ExitCode");
        exit.then(|| cause.get("message")?.as_str()?.parse().ok()).flatten()
    });
    match code {
        Some(code) => End::Exit(code),
        None => End::Failed(text("message").unwrap_or("no message").to_owned()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]
mod tests {
    use tokio_tungstenite::tungstenite::Bytes;

    use super::*;

    #[track_caller]
    fn case(body: &str, expected: &End) {
        assert_eq!(&ending(body.as_bytes()), expected, "{body}");
    }

    #[test]
    fn endings() {
        case(r#"{"metadata":{},"status":"Success"}"#, &End::Exit(0));
        case(
            r#"{"metadata":{},"status":"Failure","message":"command terminated with non-zero exit code","reason":"NonZeroExitCode","details":{"causes":[{"reason":"ExitCode","message":"2"}]}}"#,
            &End::Exit(2),
        );
        case(
            r#"{"status":"Failure","message":"OCI runtime exec failed: no such file","reason":"InternalError","code":500}"#,
            &End::Failed("OCI runtime exec failed: no such file".into()),
        );
        case(r#"{"status":"Fail"#, &End::Broken);
        case("", &End::Broken);
    }

    #[test]
    fn channels_are_kept_apart() {
        let mut output = Output::default();
        for message in [&b"\x01out"[..], b"\x02err", b"\x01\xffput", b"\x00echo", b""] {
            let took = take(&mut output, &Message::Binary(Bytes::copy_from_slice(message)));
            assert_eq!(matches!(took, Took::Data), matches!(message.first(), Some(1 | 2)), "{message:?}");
        }
        assert_eq!(output.stdout, b"out\xffput");
        assert_eq!(output.stderr, b"err");
        assert!(matches!(take(&mut output, &Message::Close(None)), Took::End(End::Broken)));
    }
}
