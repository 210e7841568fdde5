//! What a relay hears us call ourselves, as the configuration says it.

use std::path::Path;

use partnercast::{app::relays_of, channel::smtp::Connection, config::Config};

use crate::harness::chaos::{Act, Sink, Step};

/// What a relay hears that knows no EHLO, with `server` and `mail` in the configuration.
async fn heard(server: &str, mail: &str) -> Vec<String> {
    let sink = Sink::start(|step: &Step| {
        (step.verb == "EHLO").then(|| Act::Say("502 5.5.1 what is that".to_owned()))
    })
    .await;
    let text = format!(
        "[server]\n{server}\n[database]\nurl = \"sqlite:x\"\n[mail]\nrelay = \"smtp://{}\"\n{mail}\n\
         [secrets]\ntoken_keys_file = \"keys\"\n",
        sink.addr
    );
    let relays = relays_of(&Config::parse(&text, &[], Path::new("")).unwrap()).unwrap();
    Connection::open(&relays[0]).await.unwrap().close().await;
    sink.heard().into_iter().filter(|line| line != "QUIT").collect()
}

#[tokio::test]
async fn a_relay_hears_the_configured_name_or_that_of_our_pages_or_our_address() {
    let public = "public_url = \"https://News.Brackenfold.example:8443\"";
    let own = "hello_name = \"out.brackenfold.example\"";
    for (server, mail, name) in [
        (public, own, "out.brackenfold.example"),
        (public, "", "news.brackenfold.example"),
        ("", "", "[127.0.0.1]"),
        ("public_url = \"http://localhost:8000\"", "", "[127.0.0.1]"),
    ] {
        assert_eq!(heard(server, mail).await, [format!("EHLO {name}"), format!("HELO {name}")]);
    }
}
