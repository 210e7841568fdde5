//! The server over real sockets, with short limits: who says nothing harms nobody.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, extract::ConnectInfo, routing::get};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinHandle,
};

use super::server::{Limits, serve};

const ASK: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";
/// More than the system keeps for a reader who does not read.
const LARGE_BYTES: usize = 64 << 20;

struct Served {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
    /// `/held` answers when it is given a permit.
    gate: Arc<Semaphore>,
    /// Has a permit for each question `/held` was asked.
    begun: Arc<Semaphore>,
}

async fn served(limits: Limits) -> Served {
    let (gate, begun) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (held, asked) = (gate.clone(), begun.clone());
    let router = Router::new()
        .route("/", get(async |ConnectInfo(peer): ConnectInfo<SocketAddr>| format!("you are {peer}")))
        .route("/large", get(async || vec![b'x'; LARGE_BYTES]))
        .route(
            "/held",
            get(async move || {
                asked.add_permits(1);
                held.acquire().await.unwrap().forget();
                "held"
            }),
        );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = watch::channel(false);
    Served { address, stop, serving: tokio::spawn(serve(listener, router, limits, stopped)), gate, begun }
}

impl Served {
    async fn send(&self, bytes: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream
    }
}

fn limits(connections: usize) -> Limits {
    Limits { connections, head: Duration::from_millis(400), stall: Duration::from_millis(400) }
}

/// What comes until the end or as long as `text` has not come.
async fn until(stream: &mut TcpStream, text: &str) -> String {
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains(text) {
        let mut more = [0; 1024];
        // A reset is an end too.
        match stream.read(&mut more).await {
            Ok(0) | Err(_) => break,
            Ok(count) => seen.extend_from_slice(&more[..count]),
        }
    }
    String::from_utf8_lossy(&seen).into_owned()
}

const TO_THE_END: &str = "\0never";

#[tokio::test]
async fn hundreds_who_say_one_letter_keep_nobody_waiting_and_are_let_go() {
    let served = served(limits(600)).await;
    let mut silent = Vec::new();
    for at in 0..500 {
        // The first letter of GET, of HTTP/2's greeting, of TLS, and nothing at all.
        let said: [&[u8]; 4] = [b"G", b"P", b"\x16", b""];
        silent.push(served.send(said[at % 4]).await);
    }
    let mut asking = served.send(ASK).await;
    let own = asking.local_addr().unwrap();
    let answer = until(&mut asking, "you are").await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains(&own.port().to_string()), "{answer}");
    for stream in &mut silent {
        until(stream, TO_THE_END).await;
    }
    // An open connection on which nobody asks for more is closed as well.
    assert_eq!(until(&mut asking, TO_THE_END).await.len(), 0);
}

#[tokio::test]
async fn a_full_house_makes_others_wait_and_then_serves_them() {
    let served = served(limits(2)).await;
    let _silent = (served.send(b"G").await, served.send(b"GET / HTTP/1.1\r\nx: ").await);
    for _ in 0..3 {
        let mut asking = served.send(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
        assert!(until(&mut asking, TO_THE_END).await.contains("you are"));
    }
}

#[tokio::test]
async fn who_does_not_read_the_answer_gives_the_place_up() {
    let served = served(limits(1)).await;
    let lazy = served.send(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let mut asking = served.send(ASK).await;
    assert!(until(&mut asking, "you are").await.contains("you are"));
    drop(lazy);
}

#[tokio::test]
async fn stopping_answers_what_was_asked_and_waits_for_nobody_who_did_not() {
    let served = served(Limits::default()).await;
    let mut asking = served.send(b"GET /held HTTP/1.1\r\nhost: x\r\n\r\n").await;
    served.begun.acquire().await.unwrap().forget();
    let mut idle = served.send(ASK).await;
    until(&mut idle, "you are").await;
    let mut silent = served.send(b"G").await;
    served.stop.send(true).unwrap();
    until(&mut silent, TO_THE_END).await;
    until(&mut idle, TO_THE_END).await;
    served.gate.add_permits(1);
    assert!(until(&mut asking, TO_THE_END).await.ends_with("held"));
    served.serving.await.unwrap();
    assert!(TcpStream::connect(served.address).await.is_err());
}
