//! Whose fault it is that a name has no address.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use super::{Addresses, Egress, Guard, Post, Resolve, Target, Unanswered, names::Names};

/// What a name server does about a name.
#[derive(Debug, Clone, Copy)]
enum Does {
    /// Tells an address.
    Tell,
    /// Says that there is none.
    Deny,
    /// Says that it cannot tell: `SERVFAIL`, as `getaddrinfo` has it.
    Fail,
    /// Says nothing.
    Hang,
}

/// Name servers that do as they are told; what is not named hangs.
#[derive(Clone, Default)]
struct Servers(Arc<Mutex<BTreeMap<&'static str, Does>>>);

impl Servers {
    fn does(&self, name: &'static str, does: Does) {
        self.0.lock().unwrap().insert(name, does);
    }
}

impl Resolve for Servers {
    fn addresses<'a>(&'a self, name: &'a str) -> Addresses<'a> {
        let does = self.0.lock().unwrap().get(name).copied().unwrap_or(Does::Hang);
        let fault =
            |says: &str| Err(io::Error::other(format!("failed to lookup address information: {says}")));
        Box::pin(async move {
            match does {
                Does::Tell => Ok(vec!["192.0.2.7".parse().unwrap()]),
                Does::Deny => fault("Name or service not known"),
                Does::Fail => fault("Temporary failure in name resolution"),
                Does::Hang => std::future::pending().await,
            }
        })
    }
}

fn names(servers: &Servers) -> Names {
    Names::new(Arc::new(servers.clone()), Duration::from_millis(200))
}

/// Whether it is ours that a name has no address.
async fn is_ours(names: &Names, name: &str) -> bool {
    names.addresses(name).await.unwrap_err().is_ours
}

#[tokio::test]
async fn name_servers_that_are_dead_are_ours_and_a_single_name_is_its_owners() {
    let servers = Servers::default();
    let names = names(&servers);
    assert!(is_ours(&names, "a.example").await, "nobody ever answered");
    servers.does("a.example", Does::Fail);
    assert!(is_ours(&names, "a.example").await, "nobody ever told anything");
    servers.does("b.example", Does::Tell);
    names.addresses("b.example").await.unwrap();
    assert!(!is_ours(&names, "a.example").await, "another name has an address at the same time");
    servers.does("a.example", Does::Hang);
    assert!(!is_ours(&names, "a.example").await, "its own name servers are dead");
    // They die.
    servers.does("b.example", Does::Hang);
    assert!(is_ours(&names, "a.example").await, "what was known a moment ago is not known any more");
    servers.does("a.example", Does::Deny);
    assert!(!is_ours(&names, "a.example").await, "that it has none is an answer");
}

#[tokio::test]
async fn waiting_for_a_place_is_ours() {
    let servers = Servers::default();
    let names = Arc::new(names(&servers));
    servers.does("b.example", Does::Tell);
    names.addresses("b.example").await.unwrap();
    // Threads that slow name servers keep, however long nobody waits for them any more.
    let asked = (0..64).map(|_| {
        let names = names.clone();
        tokio::spawn(async move { names.addresses("a.example").await })
    });
    futures_util::future::join_all(asked).await;
    let crowded = names.addresses("b.example").await.unwrap_err();
    assert!(crowded.is_ours && crowded.why.contains("too many names"), "{crowded}");
}

#[tokio::test]
async fn a_look_up_has_a_time_of_its_own() {
    let sent = async |egress: Egress| -> Unanswered {
        let to = Target::parse("https://a.example/").unwrap();
        egress.post(&Post { to: &to, headers: &[], body: "{}" }).await.unwrap_err()
    };
    let egress = Egress::new(Guard::default(), None)
        .with_resolver(Arc::new(Servers::default()))
        .with_time(Duration::from_millis(400));
    let dead = sent(egress).await;
    assert!(dead.is_ours && dead.is_unsent && dead.why.contains("no answer within 0.2 s"), "{dead}");
}
