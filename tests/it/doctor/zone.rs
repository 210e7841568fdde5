//! DNS from a text: a fixture to ask directly, and a server that answers from it over UDP.

use std::{net::SocketAddr, sync::Arc};

use hickory_resolver::proto::{
    op::{Message, ResponseCode},
    rr::{Name, RData, Record, RecordType, rdata},
};
use partnercast::channel::dns::{Answer, Dns, Kind};
use tokio::net::UdpSocket;

/// Records: name, kind, value.
#[derive(Debug, Clone)]
pub struct Zone(Vec<(String, String, String)>);

impl Zone {
    /// One record a line, its parts divided by spaces; the value is the rest. `#` begins a comment line.
    pub fn parse(text: &str) -> Self {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let record = |line: &str| {
            let (name, rest) = line.split_once(char::is_whitespace).expect("a kind");
            let (kind, value) = rest.trim_start().split_once(char::is_whitespace).expect("a value");
            (name.to_owned(), kind.to_owned(), value.trim().to_owned())
        };
        Self(lines.map(record).collect())
    }

    fn values(&self, name: &str, kind: &str) -> Vec<String> {
        let found = self.0.iter().filter(|(n, k, _)| n.eq_ignore_ascii_case(name) && k == kind);
        found.map(|(_, _, value)| value.clone()).collect()
    }

    /// Answers over UDP on loopback until the test ends.
    pub async fn serve(self) -> SocketAddr {
        let socket = UdpSocket::bind(("127.0.0.1", 0)).await.unwrap();
        let address = socket.local_addr().unwrap();
        tokio::spawn(async move {
            let mut buffer = [0; 4_096];
            while let Ok((length, asker)) = socket.recv_from(&mut buffer).await {
                if let Ok(question) = Message::from_vec(&buffer[..length]) {
                    let answer = self.answer(question).to_vec().unwrap();
                    socket.send_to(&answer, asker).await.unwrap();
                }
            }
        });
        address
    }

    fn answer(&self, question: Message) -> Message {
        let query = question.queries[0].clone();
        let name = query.name().to_string();
        let values = self.values(name.trim_end_matches('.'), &query.query_type().to_string());
        let mut answer = question.into_response();
        if values.is_empty() {
            answer.metadata.response_code = ResponseCode::NXDomain;
        }
        for value in values {
            let data = match query.query_type() {
                RecordType::A => RData::A(rdata::A(value.parse().unwrap())),
                RecordType::AAAA => RData::AAAA(rdata::AAAA(value.parse().unwrap())),
                RecordType::MX => {
                    let (preference, host) = value.split_once(' ').unwrap();
                    RData::MX(rdata::MX::new(preference.parse().unwrap(), Name::from_ascii(host).unwrap()))
                }
                // In strings of 255 bytes, as real servers hold them.
                _ => RData::TXT(rdata::TXT::from_bytes(value.as_bytes().chunks(255).collect())),
            };
            answer.add_answer(Record::from_rdata(query.name().clone(), 60, data));
        }
        answer
    }
}

impl Dns for Zone {
    fn ask<'a>(&'a self, name: &'a str, kind: Kind) -> Answer<'a> {
        let kind = match kind {
            Kind::A => "A",
            Kind::Aaaa => "AAAA",
            Kind::Mx => "MX",
            Kind::Txt => "TXT",
        };
        let silent = self.0.iter().any(|(n, k, _)| n == name && k == "SILENT");
        Box::pin(
            async move { if silent { Err("timed out".to_owned()) } else { Ok(self.values(name, kind)) } },
        )
    }
}

/// The zone in which everything is right, with `edits` made to its text; each must find something.
pub fn zone(edits: &[(&str, &str)]) -> Zone {
    let [r1, e1] = super::keys().map(|key| key.key.record());
    let mut text = include_str!("../../zones/good.zone").replace("{r1}", &r1).replace("{e1}", &e1);
    for (from, to) in edits {
        assert!(text.contains(from), "the zone holds `{from}`");
        text = text.replace(from, to);
    }
    Zone::parse(&text)
}

/// For subjects.
pub fn shared(zone: Zone) -> Arc<dyn Dns> {
    Arc::new(zone)
}
