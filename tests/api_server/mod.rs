//! An API server on the loopback for tests: real HTTP and websockets, answers by a table, every request noted.
//! It can be slow, silent and broken, which a real one is rarely when it is wanted.
#![allow(dead_code, clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::io::Write as _;
use std::sync::{Arc, Mutex};

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::{Message, protocol::Role};

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) key: Option<String>,
    pub(crate) body: String,
}

/// What is answered.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// A document.
    Json(u16, Value),
    /// Nothing, ever.
    Silence,
    /// An exec.
    Exec(Exec),
}

/// How an exec behaves.
#[derive(Debug, Clone)]
pub(crate) enum Exec {
    /// Runs nothing and brings this dump, properly framed, with status Success.
    Dump(&'static str, &'static str),
    /// The same up to the middle of the text; then the connection is gone.
    Cut(&'static str, &'static str),
    /// Takes the script and is silent.
    Silent,
}

type Table = dyn Fn(&Request) -> Option<Reply> + Send + Sync;

/// The server.
pub(crate) struct ApiServer {
    pub(crate) kubeconfig: tempfile::NamedTempFile,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl ApiServer {
    /// Starts one; what `table` does not know is answered with 404.
    pub(crate) async fn start(table: impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut kubeconfig = tempfile::NamedTempFile::new().unwrap();
        write!(
            kubeconfig,
            "{}",
            json!({
                "apiVersion": "v1", "kind": "Config", "current-context": "test",
                "clusters": [{"name": "test", "cluster": {"server": format!("http://{address}")}}],
                "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test", "namespace": "shop"}}],
                "users": [{"name": "test", "user": {}}],
            })
        )
        .unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let table: Arc<Table> = Arc::new(table);
        let noted = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&table), Arc::clone(&noted)));
            }
        });
        Self { kubeconfig, seen }
    }

    /// Every request so far.
    pub(crate) fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }

    /// How many requests had this method and a path with this part.
    pub(crate) fn count(&self, method: &str, part: &str) -> usize {
        self.seen().iter().filter(|request| request.method == method && request.path.contains(part)).count()
    }
}

async fn serve(mut stream: TcpStream, table: Arc<Table>, seen: Arc<Mutex<Vec<Request>>>) {
    let mut data = Vec::new();
    let mut part = [0; 4096];
    let head = loop {
        if let Some(end) = data.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        match stream.read(&mut part).await {
            Ok(0) | Err(_) => return,
            Ok(read) => data.extend_from_slice(part.get(..read).unwrap()),
        }
    };
    let text = String::from_utf8_lossy(data.get(..head).unwrap()).into_owned();
    let mut lines = text.lines();
    let first: Vec<&str> = lines.next().unwrap().split(' ').collect();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let header = |name: &str| headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone());
    let length: usize = header("content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
    let mut body = data.get(head + 4..).unwrap().to_vec();
    while body.len() < length {
        match stream.read(&mut part).await {
            Ok(0) | Err(_) => return,
            Ok(read) => body.extend_from_slice(part.get(..read).unwrap()),
        }
    }
    let target = (*first.get(1).unwrap()).to_owned();
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let request = Request {
        method: (*first.first().unwrap()).to_owned(),
        path: path.to_owned(),
        query: query.replace("%3D", "=").replace("%2C", ",").replace("%2F", "/"),
        key: header("sec-websocket-key"),
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    seen.lock().unwrap().push(request.clone());
    match table(&request) {
        None => answer(stream, 404, &status(404, "NotFound", &format!("{path} not found"))).await,
        Some(Reply::Json(code, value)) => answer(stream, code, &value).await,
        Some(Reply::Silence) => std::future::pending().await,
        Some(Reply::Exec(exec)) => run(stream, &request, exec).await,
    }
}

async fn answer(mut stream: TcpStream, code: u16, value: &Value) {
    let body = value.to_string();
    let head = format!(
        "HTTP/1.1 {code} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
    let _ = stream.shutdown().await;
}

async fn run(mut stream: TcpStream, request: &Request, exec: Exec) {
    let accept = derive_accept_key(request.key.as_deref().unwrap().as_bytes());
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: {accept}\r\nsec-websocket-protocol: v5.channel.k8s.io\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
    let Some(Ok(Message::Binary(script))) = socket.next().await else { return };
    let script = String::from_utf8_lossy(&script).into_owned();
    // the word that frames the output is the one argument of the last printf
    let word = script.rsplit_once("done\\n' ").unwrap().1.lines().next().unwrap().to_owned();
    let out = |text: String| Message::Binary([b"\x01", text.as_bytes()].concat().into());
    match exec {
        Exec::Silent => std::future::pending().await,
        Exec::Cut(name, text) => {
            let half = text.get(..text.len() / 2).unwrap();
            socket.send(out(format!("\n{word} begin {name} x\n{half}"))).await.unwrap();
            drop(socket);
        }
        Exec::Dump(name, text) => {
            let framed = format!(
                "\n{word} begin {name} x\n{text}\n{word} status {name} 1.00 1.01\n\n0\n{word} version {name}\nv1\n{word} end {name}\n\n{word} done\n"
            );
            for piece in framed.as_bytes().chunks(1000) {
                socket.send(out(String::from_utf8_lossy(piece).into_owned())).await.unwrap();
            }
            socket
                .send(Message::Binary([b"\x03".as_slice(), br#"{"metadata":{},"status":"Success"}"#].concat().into()))
                .await
                .unwrap();
            let _ = socket.close(None).await;
        }
    }
}

/// A Status document.
pub(crate) fn status(code: u16, reason: &str, message: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code, "reason": reason, "message": message})
}

/// The authorizer's refusal.
pub(crate) fn forbidden(what: &str) -> Reply {
    Reply::Json(
        403,
        status(
            403,
            "Forbidden",
            &format!(
                "{what} is forbidden: User \"x\" cannot get resource \"{what}\" in API group \"\" at the cluster scope"
            ),
        ),
    )
}

/// A list.
pub(crate) fn list(items: &[Value]) -> Reply {
    Reply::Json(200, json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": items}))
}
