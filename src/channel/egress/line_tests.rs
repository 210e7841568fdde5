//! Requests one behind another.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::{Egress, Guard, Target};
use crate::domain::kernel::Network;

/// Answers `{}` with 204, `answers` times on each connection, and then ends it; counts connections and requests.
async fn answering(answers: usize) -> (Target, Arc<AtomicUsize>, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = Target::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    let (connections, requests) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counted = (connections.clone(), requests.clone());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counted.0.fetch_add(1, Ordering::SeqCst);
            let requests = counted.1.clone();
            tokio::spawn(async move {
                for _ in 0..answers {
                    let mut asked = Vec::new();
                    while !asked.ends_with(b"{}") {
                        let mut part = [0; 1024];
                        match stream.read(&mut part).await {
                            Ok(0) | Err(_) => return,
                            Ok(read) => asked.extend_from_slice(&part[..read]),
                        }
                    }
                    requests.fetch_add(1, Ordering::SeqCst);
                    stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
                }
            });
        }
    });
    (to, connections, requests)
}

fn to_loopback() -> Egress {
    Egress::new(Guard::new(vec![Network::parse("127.0.0.1").unwrap()], true), None)
}

#[tokio::test]
async fn requests_on_a_line_share_connections() {
    let (to, connections, requests) = answering(usize::MAX).await;
    let egress = to_loopback();
    let line = egress.line(to);
    for _ in 0..5 {
        assert_eq!(line.post(&[], "{}").await.unwrap().status, 204);
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1, "one behind another");
    let (one, other) = tokio::join!(line.post(&[], "{}"), line.post(&[], "{}"));
    assert!(one.is_ok() && other.is_ok());
    assert_eq!((connections.load(Ordering::SeqCst), requests.load(Ordering::SeqCst)), (2, 7), "two at once");
}

#[tokio::test]
async fn a_line_whose_server_ends_connections_opens_others() {
    let (to, connections, requests) = answering(2).await;
    let egress = to_loopback();
    let line = egress.line(to);
    for _ in 0..6 {
        assert_eq!(line.post(&[], "{}").await.unwrap().status, 204);
    }
    assert_eq!((connections.load(Ordering::SeqCst), requests.load(Ordering::SeqCst)), (3, 6));
}

#[tokio::test]
async fn a_line_waits_for_an_answer_no_longer_than_a_single_request() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = Target::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    let egress = to_loopback().with_time(Duration::from_millis(200));
    let error = egress.line(to).post(&[], "{}").await.unwrap_err();
    assert!(error.why.contains("no answer within 0.2 s"), "{error}");
}
