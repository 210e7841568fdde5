//! Where the client goes and where it does not, and what it reads.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::{Addresses, Answered, Egress, Guard, Post, Resolve, Target, Unanswered};
use crate::{channel::tests::authority, domain::kernel::Network};

/// Addresses that nobody from outside has; beside those in the table one of each form in which such an address hides.
const REFUSED: [&str; 72] = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.100.100.200",
    "100.127.255.255",
    "127.0.0.1",
    "127.0.0.53",
    "127.255.255.255",
    "168.63.129.16",
    "169.254.0.1",
    "169.254.169.254",
    "169.254.170.2",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.31.196.1",
    "192.52.193.1",
    "192.88.99.1",
    "192.168.0.1",
    "192.168.255.255",
    "192.175.48.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::a00:1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:8.8.8.8",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a00:1",
    "100::1",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "2002:a9fe:a9fe::1",
    "2620:4f:8000::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fdff:ffff::1",
    "fe80::1",
    "fe80::a9fe:a9fe",
    "febf::1",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
    "4000::1",
    "8000::1",
    "c000::1",
    "e000::1",
    "400::1",
    "1fff::1",
];

/// Neighbours of those, and well-known ones.
const ADMITTED: [&str; 26] = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.1",
    "100.63.255.255",
    "100.128.0.1",
    "126.255.255.255",
    "128.0.0.1",
    "168.63.129.15",
    "169.253.255.255",
    "169.255.0.1",
    "172.15.255.255",
    "172.32.0.1",
    "192.0.1.1",
    "192.167.255.255",
    "192.169.0.1",
    "198.17.255.255",
    "198.20.0.1",
    "203.0.112.1",
    "223.255.255.255",
    "2001:200::1",
    "2001:4860:4860::8888",
    "2003::1",
    "2606:4700::1111",
    "2a00:1450::1",
    "2620:4f:8001::1",
];

#[test]
fn inner_addresses_are_refused_and_their_neighbours_are_not() {
    let guard = Guard::default();
    for ip in REFUSED {
        assert!(guard.admits_address(ip.parse().unwrap(), true).is_err(), "{ip}");
    }
    for ip in ADMITTED {
        assert!(guard.admits_address(ip.parse().unwrap(), true).is_ok(), "{ip}");
        assert!(guard.admits_address(ip.parse().unwrap(), false).is_err(), "{ip} without TLS");
    }
}

#[test]
fn what_the_operator_allows_is_allowed_and_nothing_else() {
    let guard = Guard::new(
        vec![Network::parse("10.1.0.0/16").unwrap(), Network::parse("fd00:1::/32").unwrap()],
        true,
    );
    let admits = |ip: &str, tls: bool| guard.admits_address(ip.parse().unwrap(), tls).is_ok();
    assert!(admits("10.1.2.3", true) && admits("10.1.2.3", false) && admits("::ffff:10.1.2.3", true));
    assert!(admits("fd00:1::9", false) && !admits("fd00:2::9", true));
    assert!(!admits("10.2.0.1", true) && !admits("127.0.0.1", true) && !admits("8.8.8.8", false));
    let https_only = Guard::new(vec![Network::parse("10.1.0.0/16").unwrap()], false);
    let target = Target::parse("http://10.1.2.3/").unwrap();
    assert!(https_only.admits(&target).is_err() && guard.admits(&target).is_ok());
}

/// Eight spellings of loopback, and two more.
const LOOPBACK: [&str; 10] = [
    "127.0.0.1",
    "2130706433",
    "0x7f.1",
    "017700000001",
    "127.1",
    "[::ffff:127.0.0.1]",
    "①②⑦.⓪.⓪.①",
    "[::1]",
    "localhost",
    "127.0.0.1.",
];

#[tokio::test]
async fn loopback_is_reached_in_no_spelling() {
    let (port, connections) = counting().await;
    let egress = Egress::default();
    for host in LOOPBACK {
        let url = format!("https://{host}:{port}/");
        if let Ok(to) = Target::parse(&url) {
            let sent = egress.post(&Post { to: &to, headers: &[], body: "{}" }).await;
            assert!(sent.unwrap_err().why.contains("not allowed"), "{host}");
        }
    }
    assert_eq!(connections.load(Ordering::SeqCst), 0);
}

#[test]
fn addresses_are_read_in_one_way_or_not_at_all() {
    let read = |url: &str| Target::parse(url).map(|target| target.to_string()).ok();
    assert_eq!(read("https://a.example").as_deref(), Some("https://a.example/"));
    assert_eq!(read("HTTPS://A.Example.:443/x?y=%20").as_deref(), Some("https://a.example/x?y=%20"));
    assert_eq!(read("https://bücher.example?q").as_deref(), Some("https://xn--bcher-kva.example/?q"));
    assert_eq!(read("http://[2001:DB8::1]:8000/").as_deref(), Some("http://[2001:db8::1]:8000/"));
    let long = format!("https://a.example/{}", "x".repeat(2_000));
    for bad in [
        "",
        "a.example",
        "ftp://a.example",
        "https://",
        "https:///x",
        "https://a@b.example/",
        "https://a:b@c.example/",
        "https://a.example/#x",
        "https://a.example\\@b.example/",
        "https://a example/",
        "https://a.example:0/",
        "https://a.example:70000/",
        "https://a.example:x/",
        "https://a.example:/x:y",
        "https://[::1/",
        "https://[1.2.3.4]/",
        "https://1.2.3/",
        "https://0x7f000001/",
        "https://1.2.3.4.5/",
        "https://256.1.1.1/",
        "https://01.2.3.4/",
        "https://a..example/",
        "https://.example/",
        "https://a%2e.example/",
        "https://a.example/\r\nX: y",
        "https://a.example/ü",
        "https://a,b.example/",
        long.as_str(),
    ] {
        assert_eq!(read(bad), None, "{bad}");
    }
}

/// A resolver that answers from a list, the next entry each time it is asked.
struct Rebinding(Vec<Vec<&'static str>>, AtomicUsize);

impl Resolve for Rebinding {
    fn addresses<'a>(&'a self, _: &'a str) -> Addresses<'a> {
        let at = self.1.fetch_add(1, Ordering::SeqCst);
        let answer: Vec<IpAddr> =
            self.0[at.min(self.0.len() - 1)].iter().map(|ip| ip.parse().unwrap()).collect();
        Box::pin(async move { Ok(answer) })
    }
}

#[tokio::test]
async fn a_name_that_changes_its_mind_gains_nothing() {
    let (port, connections) = counting().await;
    // Allowed at the first question, loopback at the second; and an answer that has both.
    for answers in [vec![vec!["192.0.2.7"], vec!["127.0.0.1"]], vec![vec!["127.0.0.1", "192.0.2.7"]]] {
        let resolver = Arc::new(Rebinding(answers.clone(), AtomicUsize::new(0)));
        let guard = Guard::new(vec![Network::parse("192.0.2.7").unwrap()], true);
        let egress =
            Egress::new(guard, None).with_resolver(resolver.clone()).with_time(Duration::from_millis(300));
        let to = Target::parse(&format!("http://a.example:{port}/")).unwrap();
        assert!(egress.post(&Post { to: &to, headers: &[], body: "{}" }).await.is_err(), "{answers:?}");
        assert_eq!(resolver.1.load(Ordering::SeqCst), 1, "asked once, connected to what was checked");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 0);
}

/// A listener that counts who comes.
async fn counting() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, count) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
    let counted = count.clone();
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    (port, count)
}

/// Answers one request with `answer`, then with `more` for as long as somebody reads; returns what was asked.
async fn exchange(
    answer: &'static [u8],
    more: Option<&'static [u8]>,
) -> (Result<Answered, Unanswered>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = Vec::new();
        while !asked.ends_with(b"{\"a\":1}") {
            let mut part = [0; 1024];
            match stream.read(&mut part).await.unwrap() {
                0 => break,
                read => asked.extend_from_slice(&part[..read]),
            }
        }
        let mut open = stream.write_all(answer).await.is_ok();
        while let (true, Some(more)) = (open, more) {
            open = stream.write_all(more).await.is_ok();
        }
        String::from_utf8(asked).unwrap()
    });
    let to = Target::parse(&format!("http://127.0.0.1:{port}/in?x=1")).unwrap();
    let guard = Guard::new(vec![Network::parse("127.0.0.1").unwrap()], true);
    let egress = Egress::new(guard, None).with_time(Duration::from_secs(5));
    let post = Post { to: &to, headers: &[("webhook-id", "whm_1")], body: "{\"a\":1}" };
    let sent = egress.post(&post).await;
    (sent, server.await.unwrap())
}

#[tokio::test]
async fn a_request_is_whole_and_its_answer_is_read() {
    let (answer, asked) =
        exchange(b"HTTP/1.1 200 OK\r\nRetry-After: 5\r\nContent-Length: 2\r\n\r\nhi", None).await;
    let answer = answer.unwrap();
    assert_eq!((answer.status, answer.body.as_str(), answer.header("retry-after")), (200, "hi", Some("5")));
    assert!(asked.starts_with("POST /in?x=1 HTTP/1.1\r\n"), "{asked}");
    let asked = asked.to_lowercase();
    for header in [
        "webhook-id: whm_1\r\n",
        "content-length: 7\r\n",
        "content-type: application/json\r\n",
        "host: 127.0.0.1:",
    ] {
        assert!(asked.contains(header), "{header}: {asked}");
    }
    assert!(!asked.contains("gzip"));
}

#[tokio::test]
async fn redirects_are_answers_and_gzip_is_bytes() {
    let (answer, _) = exchange(
        b"HTTP/1.1 301 Moved Permanently\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
        None,
    )
    .await;
    assert_eq!(answer.unwrap().status, 301);
    let (answer, _) = exchange(
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00",
        None,
    )
    .await;
    let answer = answer.unwrap();
    assert!(answer.status == 200 && answer.body.len() <= 12, "{answer:?}");
}

#[tokio::test]
async fn a_body_without_end_costs_64_kilobytes() {
    let more: &[u8] = &[b'x'; 4096];
    let (answer, _) = exchange(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n", Some(more)).await;
    assert_eq!(answer.unwrap().body.len(), 64 * 1024);
}

#[tokio::test]
async fn a_status_is_an_answer_also_when_its_body_comes_slowly_or_never() {
    for part in ["", "o", "3\r\nok\r\n"] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let to = Target::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
        let (stop, mut stopped) = tokio::sync::watch::channel(false);
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = [0; 4096];
            let _ = stream.read(&mut asked).await;
            let head = if part.starts_with('3') { "Transfer-Encoding: chunked" } else { "Content-Length: 9" };
            let _ = stream.write_all(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{part}").as_bytes()).await;
            let _ = stopped.wait_for(|stopped| *stopped).await;
        });
        let guard = Guard::new(vec![Network::parse("127.0.0.1").unwrap()], true);
        let egress = Egress::new(guard, None).with_time(Duration::from_millis(300));
        let answer = egress.post(&Post { to: &to, headers: &[], body: "{}" }).await.unwrap();
        assert_eq!(answer.status, 200, "{part}");
        stop.send_replace(true);
    }
}

#[tokio::test]
async fn faults_of_our_own_are_told_from_theirs() {
    let (port, _) = counting().await;
    let loopback = || vec![Network::parse("127.0.0.1").unwrap()];
    let sent = async |egress: Egress, url: &str| {
        let to = Target::parse(url).unwrap();
        egress.post(&Post { to: &to, headers: &[], body: "{}" }).await.unwrap_err()
    };
    let plain = format!("http://127.0.0.1:{port}/");
    let withdrawn = sent(Egress::new(Guard::new(loopback(), false), None), &plain).await;
    assert!(withdrawn.is_ours, "{withdrawn}: egress.http was taken back");
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    let egress = Egress::new(Guard::new(loopback(), false), Some(ca_file.clone()));
    let to = Target::parse(&format!("https://127.0.0.1:{port}/")).unwrap();
    let post = Post { to: &to, headers: &[], body: "{}" };
    let missing = egress.post(&post).await.unwrap_err();
    assert!(missing.is_ours && missing.why.contains("CA file"), "{missing}");
    let (ca, _) = authority("crm.example");
    std::fs::copy(ca.path(), &ca_file).unwrap();
    let mended = egress.post(&post).await.unwrap_err();
    assert!(!mended.is_ours && mended.why.contains("TLS"), "{mended}: the file was read again");
    let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
    assert!(!Unanswered::of(&refused, String::new()).is_ours);
}

#[tokio::test]
async fn what_is_no_http_or_a_head_without_end_is_no_answer() {
    let (answer, _) = exchange(b"220 mail ESMTP\r\n", None).await;
    assert!(answer.unwrap_err().why.contains("no answer in HTTP"));
    let line: &[u8] = b"X-Filler: 0123456789012345678901234567890123456789\r\n";
    let (answer, _) = exchange(b"HTTP/1.1 200 OK\r\n", Some(line)).await;
    assert!(answer.is_err());
}

#[tokio::test]
async fn silence_ends_when_the_time_is_over() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = Target::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    let guard = Guard::new(vec![Network::parse("127.0.0.1").unwrap()], true);
    let egress = Egress::new(guard, None).with_time(Duration::from_millis(200));
    let began = Instant::now();
    let error = egress.post(&Post { to: &to, headers: &[], body: "{}" }).await.unwrap_err();
    assert!(error.why.contains("no answer within 0.2 s"), "{error}");
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn tls_goes_to_the_checked_address_by_the_name_that_was_asked_for() {
    let (ca, acceptor) = authority("crm.example");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut asked = [0; 4096];
            let _ = stream.read(&mut asked).await;
            let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await;
            let _ = stream.shutdown().await;
        }
    });
    let egress = |ca: Option<&tempfile::NamedTempFile>| {
        let guard = Guard::new(vec![Network::parse("127.0.0.1").unwrap()], false);
        let resolver = Arc::new(Rebinding(vec![vec!["127.0.0.1"]], AtomicUsize::new(0)));
        Egress::new(guard, ca.map(|file| file.path().to_owned())).with_resolver(resolver)
    };
    let to = |name: &str| Target::parse(&format!("https://{name}:{port}/")).unwrap();
    let (right, wrong) = (to("crm.example"), to("other.example"));
    let sent = egress(Some(&ca)).post(&Post { to: &right, headers: &[], body: "{}" }).await;
    assert_eq!(sent.unwrap().status, 204);
    let sent = egress(Some(&ca)).post(&Post { to: &wrong, headers: &[], body: "{}" }).await;
    assert!(sent.unwrap_err().why.contains("TLS"), "another's certificate");
    let sent = egress(None).post(&Post { to: &right, headers: &[], body: "{}" }).await;
    assert!(sent.is_err(), "an authority that nobody trusts");
}
