//! Opening: TCP, TLS, greeting, EHLO, AUTH. No message is at stake here, so whatever goes wrong is the host's
//! trouble or our set-up's, never a recipient's.

use base64::{Engine, prelude::BASE64_STANDARD};
use rustls::pki_types::ServerName;
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;

use super::{
    Relay, RelayTls,
    wire::{Fault, Stream, Wire},
};
use crate::{
    channel::certificate,
    domain::{
        delivery::{Outcome, Reply, Stage, Trouble},
        sender::hello::HelloName,
    },
};

/// What the relay offers (RFC 5321 section 4.1.1.1). Whatever is not asked for here is not looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// RFC 2920.
    pub pipelining: bool,
    /// RFC 6152.
    pub eight_bit: bool,
    /// RFC 6531.
    pub smtputf8: bool,
    /// RFC 3207.
    pub starttls: bool,
    /// RFC 2034.
    pub enhanced_status: bool,
    /// RFC 1870: `Some(0)` offers SIZE without a limit.
    pub size_bytes_max: Option<u64>,
    /// RFC 4616.
    pub auth_plain: bool,
    /// The older mechanism without a standard.
    pub auth_login: bool,
}

impl Capabilities {
    /// Reads the lines of an EHLO reply, of which the first is the relay's name.
    fn read(lines: &[String]) -> Self {
        let mut offers = Self::default();
        for line in lines.iter().skip(1) {
            let line = line.to_ascii_uppercase();
            // Some old relays write AUTH=PLAIN.
            let mut words = line.split([' ', '=']).filter(|word| !word.is_empty());
            match words.next() {
                Some("PIPELINING") => offers.pipelining = true,
                Some("8BITMIME") => offers.eight_bit = true,
                Some("SMTPUTF8") => offers.smtputf8 = true,
                Some("STARTTLS") => offers.starttls = true,
                Some("ENHANCEDSTATUSCODES") => offers.enhanced_status = true,
                Some("SIZE") => {
                    offers.size_bytes_max = Some(words.next().and_then(|n| n.parse().ok()).unwrap_or(0));
                }
                Some("AUTH") => {
                    for mechanism in words {
                        offers.auth_plain |= mechanism == "PLAIN";
                        offers.auth_login |= mechanism == "LOGIN";
                    }
                }
                _ => {}
            }
        }
        offers
    }
}

/// Brings a connection to where mail can be sent.
pub(super) async fn open(relay: &Relay, tls: Option<&TlsConnector>) -> Result<(Wire, Capabilities), Outcome> {
    relay.check().map_err(|error| our_setup(Stage::Connect, error.public().to_owned()))?;
    let waits = &relay.timeouts;
    let failed =
        |stage: Stage| move |fault: Fault| Outcome::host(stage, format!("{}: {fault}", relay.place()));
    let stream = connect(relay).await.map_err(failed(Stage::Connect))?;
    let name = match (&relay.hello_name, stream.local_addr()) {
        (Some(name), _) => name.clone(),
        (None, Ok(ours)) => HelloName::literal(ours.ip()),
        (None, Err(error)) => return Err(failed(Stage::Connect)(Fault::Broken(error))),
    };
    let stream: Box<dyn Stream> = Box::new(stream);
    let mut wire =
        if relay.tls == RelayTls::Implicit { secure(relay, tls, stream).await? } else { Wire::new(stream) };
    let greeting = wire.read_reply(waits.greeting).await.map_err(failed(Stage::Greeting))?;
    if greeting.code != 220 {
        return Err(turned_away(Stage::Greeting, greeting));
    }
    let mut offers = hello(relay, &name, &mut wire).await?;
    if relay.tls == RelayTls::StartTls {
        if !offers.starttls {
            return Err(our_setup(
                Stage::Hello,
                format!(
                    "{} does not offer STARTTLS, so nothing was sent; if that is new, somebody may be in between",
                    relay.place()
                ),
            ));
        }
        let reply = ask(&mut wire, "STARTTLS\r\n", relay).await?;
        if reply.code != 220 {
            return Err(turned_away(Stage::Hello, reply));
        }
        let stream = wire.into_stream().map_err(failed(Stage::Hello))?;
        wire = secure(relay, tls, stream).await?;
        // What was offered in plain text could have been written by anybody (RFC 3207 section 4.2).
        offers = hello(relay, &name, &mut wire).await?;
    }
    if let (Some(user), Some(password)) = (&relay.username, &relay.password) {
        sign_in(&mut wire, &offers, relay, user, password).await?;
    }
    Ok((wire, offers))
}

async fn connect(relay: &Relay) -> Result<TcpStream, Fault> {
    let wait = relay.timeouts.connect;
    let stream = timeout(wait, TcpStream::connect((relay.host.as_str(), relay.port)))
        .await
        .map_err(|_| Fault::Silent(wait))?
        .map_err(Fault::Broken)?;
    // Without it each message waits about 40 ms for a delayed ACK.
    stream.set_nodelay(true).map_err(Fault::Broken)?;
    Ok(stream)
}

async fn secure(relay: &Relay, tls: Option<&TlsConnector>, stream: Box<dyn Stream>) -> Result<Wire, Outcome> {
    let failed = |why: String| Outcome::host(Stage::Hello, format!("TLS with {}: {why}", relay.place()));
    let tls = tls.ok_or_else(|| failed("no certificates were loaded".to_owned()))?;
    let name = ServerName::try_from(relay.host.clone()).map_err(|error| failed(error.to_string()))?;
    let wait = relay.timeouts.hello;
    match timeout(wait, tls.connect(name, stream)).await {
        Err(_) => Err(failed(Fault::Silent(wait).to_string())),
        Ok(Err(error)) => Err(failed(error.to_string())),
        Ok(Ok(stream)) => {
            let first = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
            let ends_ms = first.and_then(|der| certificate::not_after_ms(der));
            Ok(Wire::secured(Box::new(stream), ends_ms))
        }
    }
}

/// EHLO, or HELO for a relay that knows no better.
async fn hello(relay: &Relay, name: &HelloName, wire: &mut Wire) -> Result<Capabilities, Outcome> {
    let failed = |fault: Fault| Outcome::host(Stage::Hello, format!("{}: {fault}", relay.place()));
    let wait = relay.timeouts.hello;
    let command = format!("EHLO {name}\r\n");
    wire.write(command.as_bytes(), wait).await.map_err(failed)?;
    wire.flush(wait).await.map_err(failed)?;
    let (reply, lines) = wire.read_lines(wait).await.map_err(failed)?;
    match reply.code {
        250 => Ok(Capabilities::read(&lines)),
        500 | 502 | 504 => {
            let reply = ask(wire, &format!("HELO {name}\r\n"), relay).await?;
            if reply.code == 250 {
                Ok(Capabilities::default())
            } else {
                Err(turned_away(Stage::Hello, reply))
            }
        }
        _ => Err(turned_away(Stage::Hello, reply)),
    }
}

/// AUTH PLAIN, or LOGIN where that is all there is (RFC 4954). Only ever called on TLS: `Relay::check` refuses
/// credentials without it.
async fn sign_in(
    wire: &mut Wire,
    offers: &Capabilities,
    relay: &Relay,
    user: &str,
    password: &str,
) -> Result<(), Outcome> {
    let reply = if offers.auth_plain {
        let token = BASE64_STANDARD.encode(format!("\0{user}\0{password}"));
        ask(wire, &format!("AUTH PLAIN {token}\r\n"), relay).await?
    } else if offers.auth_login {
        let mut reply = ask(wire, "AUTH LOGIN\r\n", relay).await?;
        for word in [user, password] {
            if reply.code != 334 {
                break;
            }
            reply = ask(wire, &format!("{}\r\n", BASE64_STANDARD.encode(word)), relay).await?;
        }
        reply
    } else {
        return Err(our_setup(
            Stage::Hello,
            format!(
                "{} takes no user and password (neither AUTH PLAIN nor LOGIN); remove them",
                relay.place()
            ),
        ));
    };
    match reply.code {
        235 => Ok(()),
        400..=499 => Err(turned_away(Stage::Hello, reply)),
        _ => Err(Outcome::Refused {
            stage: Stage::Hello,
            trouble: Trouble::OurSetup,
            detail: format!("{} refused our user and password: {reply}", relay.place()),
            reply: Some(reply),
        }),
    }
}

async fn ask(wire: &mut Wire, command: &str, relay: &Relay) -> Result<Reply, Outcome> {
    let failed = |fault: Fault| Outcome::host(Stage::Hello, format!("{}: {fault}", relay.place()));
    let wait = relay.timeouts.hello;
    wire.write(command.as_bytes(), wait).await.map_err(failed)?;
    wire.flush(wait).await.map_err(failed)?;
    wire.read_reply(wait).await.map_err(failed)
}

fn our_setup(stage: Stage, detail: String) -> Outcome {
    Outcome::Refused { stage, trouble: Trouble::OurSetup, reply: None, detail }
}

/// A refusal before any message: it says nothing about the message.
fn turned_away(stage: Stage, reply: Reply) -> Outcome {
    Outcome::Refused { stage, trouble: Trouble::Host, detail: reply.to_string(), reply: Some(reply) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_read_from_any_dialect() {
        let lines =
            ["relay greets you", "PIPELINING", "size 1000", "AUTH=LOGIN", "auth CRAM-MD5 plain", "X-NEW"];
        let offers = Capabilities::read(&lines.map(str::to_owned));
        assert!(offers.pipelining && offers.auth_plain && offers.auth_login);
        assert_eq!(offers.size_bytes_max, Some(1_000));
        assert!(!offers.starttls && !offers.smtputf8);
        assert_eq!(
            Capabilities::read(&["SIZE 5".to_owned()]).size_bytes_max,
            None,
            "the first line is a name"
        );
    }
}
