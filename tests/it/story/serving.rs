//! What `partnercast serve` tells the person who started it, and commands beside it.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::Command,
};

use partnercast::store::Db;

use super::{
    Rig,
    clock_scene::AT_MOST,
    processes::{Serve, until, with_sqlite},
    rig::copied,
};

/// Runs a command with the configuration of `serve`; whether it succeeded, and all it said.
fn run(config: &Path, arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_partnercast"));
    let done = command.args(arguments).arg("--config").arg(config).output().unwrap();
    (done.status.success(), String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned())
}

/// The first line of the answer to a GET.
fn get(url: &str) -> String {
    whole(url).lines().next().unwrap().to_owned()
}

/// The answer to a GET, head and all.
fn whole(url: &str) -> String {
    let (place, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(place).unwrap();
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {place}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_dry_run_of_a_report_goes_beside_a_running_serve() {
    with_sqlite(|url| async move {
        let rig = Rig::new(Db::open(&url).await.unwrap()).await;
        rig.send_january().await;
        let ways = rig.mail_to("bronte.hale@wattlebird.example").await.list_unsubscribe.unwrap();
        let address = ways.split("<mailto:").nth(1).unwrap().split('?').next().unwrap().to_owned();
        let caught = rig.leave_database().await;
        let folder = tempfile::tempdir().unwrap();
        let serve = Serve::start(folder.path(), "serve", &url, caught.relay);
        until("it serves", AT_MOST, || async { !serve.said().is_empty() }).await;
        let file = folder.path().join("mail");
        std::fs::write(&file, format!("To: <{address}>\r\nSubject: unsubscribe\r\n\r\n")).unwrap();
        let file = file.to_str().unwrap();
        let (done, says) = run(&serve.config(), &["bounce", file, "--dry-run"]);
        assert!(done && says.contains("bronte.hale@wattlebird.example unsubscribed by mail"), "{says}");
        assert!(says.contains("1 of 1 would change something; nothing was written"), "{says}");
        let (done, says) = run(&serve.config(), &["suppress", "list"]);
        assert!(done && says.contains("0 on the do-not-send list"), "{says}");
        let (done, says) = run(&serve.config(), &["bounce", file]);
        assert!(
            !done && says.contains("already works on") && says.contains("--dry-run works beside it"),
            "{says}"
        );
        serve.signal("-TERM");
        serve.assert_ends_in_order();
        let config = folder.path().join("serve/partnercast.toml");
        assert!(run(&config, &["bounce", file]).0);
        let (_, says) = run(&config, &["suppress", "list"]);
        assert!(
            says.contains("bronte.hale@wattlebird.example  fold-forward  unsubscribed"),
            "that newsletter: {says}"
        );
    });
}

#[test]
fn links_name_the_port_that_is_really_used() {
    with_sqlite(|url| async move {
        let rig = Rig::new(Db::open(&url).await.unwrap()).await;
        rig.send_january().await;
        let caught = rig.leave_database().await;
        let folder = tempfile::tempdir().unwrap();
        let serve = Serve::start(folder.path(), "serve", &url, caught.relay);
        until("it says where it serves", AT_MOST, || async { serve.said().contains('\n') }).await;
        let said = serve.said();
        let words = said.strip_prefix("partnercast serves http://127.0.0.1:").expect(&said);
        let base = format!("http://127.0.0.1:{}", words.split('/').next().unwrap());
        assert_eq!(get(&format!("{base}/healthz")), "HTTP/1.1 200 OK");

        let config = serve.config();
        let (_, link) = run(&config, &["sign-in"]);
        assert!(link.starts_with(&format!("{base}/")), "{link}");
        assert_eq!(get(link.trim()), "HTTP/1.1 200 OK");
        let (done, says) = run(&config, &["pause", "fold-forward"]);
        assert!(!done && says.contains(&format!("{base}/console/issues/iss_")), "{says}");
        let (done, says) = run(&config, &["suppress", "add", "dana@north.example"]);
        assert!(!done && says.contains(&format!("{base}/console/suppressions")), "{says}");
        // What no page does is not said to be in the console.
        let rows = folder.path().join("rows.csv");
        std::fs::write(&rows, "email,name,company\na@a.example,Ada,A\n").unwrap();
        let rows = rows.to_str().unwrap();
        let webinar = "webinars/live-restore-in-20-minutes";
        for (import, meanwhile) in [
            (&["import", "leads", rows][..], format!("{base}/api/leads ")),
            (&["import", "lead-updates", rows], format!("{base}/api/leads/<id>")),
            (&["import", "attendance", rows, "--webinar", webinar], "`--dry-run` works beside it".to_owned()),
        ] {
            let (_, says) = run(&config, import);
            assert!(
                says.contains("already works on") && says.contains("No page does this"),
                "{import:?}: {says}"
            );
            assert!(says.contains(&meanwhile) && !says.contains("same lever"), "{import:?}: {says}");
        }
        let (done, says) = run(&config, &["suppress", "list", "--reason", "nonsense"]);
        assert!(!done && says.contains("there are bad-address, bad-domain"), "{says}");
        let (_, says) = run(&config, &["doctor"]);
        assert!(says.contains(base.trim_start_matches("http://")) && !says.contains(":0 "), "{says}");
        // Started twice: that the port is taken would be half the truth.
        let mut second = Command::new(env!("CARGO_BIN_EXE_partnercast"));
        second.args(["serve", "--config"]).arg(&config);
        second.env("PARTNERCAST_SERVER__LISTEN", base.trim_start_matches("http://"));
        let refused = second.output().unwrap();
        let says = String::from_utf8_lossy(&refused.stderr);
        assert!(!refused.status.success() && says.contains("already works on"), "{says}");
        serve.signal("-TERM");
        serve.assert_ends_in_order();
        let (done, says) = run(&config, &["sign-in"]);
        assert!(
            !done && says.contains("start `partnercast serve` first"),
            "a port of yesterday is none: {says}"
        );
    });
}

/// A folder that has an error when the process starts is not taken: what was good before is served, and the console says
/// what is wrong.
#[test]
fn content_with_errors_leaves_the_last_good_in_use_also_at_a_start() {
    with_sqlite(|url| async move {
        let rig = Rig::new(Db::open(&url).await.unwrap()).await;
        let caught = rig.leave_database().await;
        let folder = tempfile::tempdir().unwrap();
        let content = folder.path().join("content");
        copied(&content);
        let file = content.join("blog/restores-not-backups.md");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, format!("{text}\n{{{{ partner.nmae }}}}\n")).unwrap();
        let more = format!("[content]\ndir = \"{}\"\n[console]\nopen = true\n", content.display());
        let serve = Serve::start_with(folder.path(), "serve", &url, caught.relay, &more, |_| ());
        until("it says where it serves", AT_MOST, || async { serve.said().contains('\n') }).await;
        let said = serve.said();
        let port = said.split("127.0.0.1:").nth(1).unwrap().split('/').next().unwrap().trim().to_owned();
        let base = format!("http://127.0.0.1:{port}");
        assert_eq!(get(&format!("{base}/p/northlight/talk-to-us")), "HTTP/1.1 200 OK");
        let page = whole(&format!("{base}/console/content"));
        assert!(page.contains("C401") && page.contains("not taken until they are mended"), "{page}");
        serve.signal("-TERM");
        serve.assert_ends_in_order();
    });
}
