//! Connections from browsers and proxies, as many and as long as we can afford: whoever opens a connection and says
//! nothing, or too little, or does not read the answer, is let go.
//!
//! HTTP/1.1 alone: browsers speak nothing else without TLS, and finding out whether somebody means HTTP/2 would have to
//! wait for bytes that may never come.

use std::{
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::{Router, body::Body, extract::ConnectInfo, http::Request, serve::Listener};
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::Sleep,
};
use tower::ServiceExt as _;

/// Longest head of a request, and what is read or written ahead, in bytes a connection.
const BUFFER_BYTES_MAX: usize = 64 * 1024;

/// What connections may cost.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Open at once; further ones wait in the system's queue.
    pub connections: usize,
    /// Time for the head of a request, and for the next request of an open connection to begin and come.
    pub head: Duration,
    /// Time in which at least a part of an answer must be taken.
    pub stall: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 2_000, head: Duration::from_secs(10), stall: Duration::from_secs(30) }
    }
}

/// Serves until `stopped` says so; then what was asked is still answered. Handlers find the peer's address as
/// `ConnectInfo<SocketAddr>`.
pub async fn serve(
    mut listener: TcpListener,
    router: Router,
    limits: Limits,
    mut stopped: watch::Receiver<bool>,
) {
    let mut open = JoinSet::new();
    let mut full = false;
    loop {
        if full != (open.len() >= limits.connections) {
            full = !full;
            tracing::debug!(connections = open.len(), full, "server.connections");
        }
        tokio::select! {
            () = stop(&mut stopped) => break,
            // It logs what fails, waits a second when we are out of files, and never gives up.
            (stream, peer) = Listener::accept(&mut listener), if !full => {
                open.spawn(connection(stream, peer, router.clone(), limits, stopped.clone()));
            }
            Some(ended) = open.join_next(), if !open.is_empty() => log(ended),
        }
    }
    drop(listener);
    while let Some(ended) = open.join_next().await {
        log(ended);
    }
}

/// Returns when we are to stop.
async fn stop(stopped: &mut watch::Receiver<bool>) {
    // An error means that nobody can ask any more, which is a stop too.
    let _ = stopped.wait_for(|stop| *stop).await;
}

fn log(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a connection had failed");
    }
}

/// One connection, to its end.
async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    limits: Limits,
    mut stopped: watch::Receiver<bool>,
) {
    // Answers are written in one piece, so nothing is won by waiting for more.
    let _ = stream.set_nodelay(true);
    let asked = Arc::new(AtomicBool::new(false));
    let service = router.map_request({
        let asked = asked.clone();
        move |mut request: Request<Incoming>| {
            asked.store(true, Ordering::Relaxed);
            request.extensions_mut().insert(ConnectInfo(peer));
            request.map(Body::new)
        }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.head).max_buf_size(BUFFER_BYTES_MAX);
    let stream = Patient { stream, limit: limits.stall, waiting: None };
    let mut serving = pin!(http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)));
    let served = tokio::select! {
        served = serving.as_mut() => served,
        () = stop(&mut stopped) => {
            // Browsers open connections in advance; those on which nothing was asked hold nobody up.
            if !asked.load(Ordering::Relaxed) {
                return;
            }
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = served {
        tracing::trace!(%error, "a connection ended early");
    }
}

/// A connection whose writes fail once the other side has taken nothing for `limit`.
struct Patient {
    stream: TcpStream,
    limit: Duration,
    /// Runs while a write waits.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl Patient {
    /// The outcome of a write, or the end of our patience.
    fn judged<T>(&mut self, written: Poll<io::Result<T>>, task: &mut Context<'_>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.waiting = None;
            return written;
        }
        let limit = self.limit;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        waiting.as_mut().poll(task).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(task, into)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(mut self: Pin<&mut Self>, task: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(task, bytes);
        self.judged(written, task)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(task, parts);
        self.judged(written, task)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(task)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(task)
    }
}
